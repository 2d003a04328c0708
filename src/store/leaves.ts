/** Decisions stored together: one record and one value of the database stay small however large a commit is. */
export const LEAVES_PER_CHUNK = 1024;
const ID_BYTES = 32;

export interface StoredDecision {
  /** 32 bytes. */
  readonly id: Uint8Array;
  readonly leaf: Uint8Array;
}

/** Per decision: id ‖ leaf length u16 little-endian ‖ leaf. */
export function encodeLeaves(decisions: readonly StoredDecision[]): Uint8Array {
  const bytes = Buffer.allocUnsafe(decisions.reduce((sum, { leaf }) => sum + ID_BYTES + 2 + leaf.length, 0));
  let at = 0;
  for (const { id, leaf } of decisions) {
    bytes.set(id, at);
    bytes.writeUInt16LE(leaf.length, at + ID_BYTES);
    bytes.set(leaf, at + ID_BYTES + 2);
    at += ID_BYTES + 2 + leaf.length;
  }
  return bytes;
}

export function decodeLeaves(bytes: Uint8Array): StoredDecision[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const decisions: StoredDecision[] = [];
  for (let at = 0; at < bytes.length; ) {
    const from = at + ID_BYTES + 2;
    const end = from + view.getUint16(at + ID_BYTES, true);
    decisions.push({ id: bytes.subarray(at, at + ID_BYTES), leaf: bytes.subarray(from, end) });
    at = end;
  }
  return decisions;
}
