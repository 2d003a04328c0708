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

export function u64(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(value));
  return bytes;
}

export function readU64(bytes: Uint8Array, at = 0): number {
  return Number(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getBigUint64(at));
}

function key(table: Table, ...parts: Uint8Array[]): Buffer {
  return Buffer.concat([tableStart(table), ...parts]);
}

export const blockKey = (slot: Uint8Array, digest: Uint8Array): Buffer => key(TABLE.BLOCK, slot, digest);
export const slotKey = (digest: Uint8Array): Buffer => key(TABLE.SLOT_OF_DIGEST, digest);
export const commitKey = (index: number): Buffer => key(TABLE.COMMIT, u64(index));
export const leavesKey = (index: number, chunk: number): Buffer => key(TABLE.LEAVES, u64(index), u64(chunk));
export const decisionKey = (id: Uint8Array): Buffer => key(TABLE.DECISION, id);
export const certificateKey = (index: number): Buffer => key(TABLE.CERTIFICATE, u64(index));
export const proposalKey = (id: Uint8Array): Buffer => key(TABLE.PROPOSAL, id);
export const metaKey = (name: string): Buffer => key(TABLE.META, Buffer.from(name, 'utf8'));
export const { BLOCK, COMMIT, CERTIFICATE, PROPOSAL } = TABLE;
