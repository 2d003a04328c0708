/** The keys of the store's map. Big-endian, so that byte order is number order; the first byte says which table. */
const TABLE = {
  BLOCK: 1,
  SLOT_OF_DIGEST: 2,
  COMMIT: 3,
  LEAVES: 4,
  DECISION: 5,
  CERTIFICATE: 6,
  PROPOSAL: 7,
  META: 8,
} as const;
export type Table = (typeof TABLE)[keyof typeof TABLE];

export interface Slot {
  readonly epoch: number;
  readonly round: number;
  readonly author: number;
}
export const SLOT_BYTES = 10;
const U32 = 0x1_0000_0000;

/** The end of a table, exclusive; `start` is its first possible key. */
export function tableStart(table: Table): Buffer {
  return Buffer.from([table]);
}
export function tableEnd(table: Table): Buffer {
  return Buffer.from([table + 1]);
}

export function encodeSlot({ epoch, round, author }: Slot): Buffer {
  const bytes = Buffer.alloc(SLOT_BYTES);
  bytes.writeUInt32BE(epoch, 0);
  bytes.writeUInt32BE(round, 4);
  bytes.writeUInt16BE(author, 8);
  return bytes;
}

export function decodeSlot(bytes: Uint8Array): Slot {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return { epoch: view.getUint32(0), round: view.getUint32(4), author: view.getUint16(8) };
}

/** Safe integers, 8 bytes each. Two halves: a BigInt each would cost more than the rest of a key. */
export function u64(...values: readonly number[]): Buffer {
  const bytes = Buffer.allocUnsafe(8 * values.length);
  let at = 0;
  for (const value of values) {
    at = bytes.writeUInt32BE(Math.floor(value / U32), at);
    at = bytes.writeUInt32BE(value % U32, at);
  }
  return bytes;
}

export function readU64(bytes: Uint8Array, at = 0): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return view.getUint32(at) * U32 + view.getUint32(at + 4);
}

function key(table: Table, first: Uint8Array, second?: Uint8Array): Buffer {
  const bytes = Buffer.allocUnsafe(1 + first.length + (second?.length ?? 0));
  bytes[0] = table;
  bytes.set(first, 1);
  if (second) bytes.set(second, 1 + first.length);
  return bytes;
}

export const blockKey = (slot: Uint8Array, digest: Uint8Array): Buffer => key(TABLE.BLOCK, slot, digest);
export const slotKey = (digest: Uint8Array): Buffer => key(TABLE.SLOT_OF_DIGEST, digest);
export const commitKey = (index: number): Buffer => key(TABLE.COMMIT, u64(index));
export const leavesKey = (index: number, chunk: number): Buffer => key(TABLE.LEAVES, u64(index, chunk));
export const decisionKey = (id: Uint8Array): Buffer => key(TABLE.DECISION, id);
export const certificateKey = (index: number): Buffer => key(TABLE.CERTIFICATE, u64(index));
export const proposalKey = (id: Uint8Array): Buffer => key(TABLE.PROPOSAL, id);
export const metaKey = (name: string): Buffer => key(TABLE.META, Buffer.from(name, 'utf8'));
export const { BLOCK, SLOT_OF_DIGEST, COMMIT, LEAVES, DECISION, CERTIFICATE, PROPOSAL } = TABLE;
