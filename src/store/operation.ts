/** One change of the ordered map: a value put, or (without a value) a key removed. Neither array may change afterwards. */
export interface Operation {
  readonly key: Uint8Array;
  readonly value?: Uint8Array;
}

const PUT = 1;
const REMOVE = 2;
const HEADER_BYTES = 6;

/** Operations as bytes, in parts: for each kind u8 ‖ key length u8 ‖ value length u32 ‖ key ‖ value. Keys are at most 255 bytes. */
export function encodeOperations(operations: Iterable<Operation>): Uint8Array[] {
  const parts: Uint8Array[] = [];
  for (const { key, value } of operations) {
    const header = Buffer.allocUnsafe(HEADER_BYTES);
    header.writeUInt8(value ? PUT : REMOVE, 0);
    header.writeUInt8(key.length, 1);
    header.writeUInt32LE(value?.length ?? 0, 2);
    parts.push(header, key);
    if (value) parts.push(value);
  }
  return parts;
}

/** The operations that {@link encodeOperations} wrote, as views. Only for bytes that are known to be whole. */
export function* decodeOperations(bytes: Uint8Array): Generator<Operation> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 0; at < bytes.length; ) {
    const kind = bytes[at];
    const keyEnd = at + HEADER_BYTES + bytes[at + 1]!;
    const end = keyEnd + view.getUint32(at + 2, true);
    const key = bytes.subarray(at + HEADER_BYTES, keyEnd);
    yield kind === PUT ? { key, value: bytes.subarray(keyEnd, end) } : { key };
    at = end;
  }
}
