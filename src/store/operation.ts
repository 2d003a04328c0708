/** One change of the ordered map: a value put, or (without a value) a key removed. Neither array may change afterwards. */
export interface Operation {
  readonly key: Uint8Array;
  readonly value?: Uint8Array;
}

const PUT = 1;
const REMOVE = 2;
const HEADER_BYTES = 6;

/** A log record, in parts: per operation kind u8 ‖ key length u8 ‖ value length u32 ‖ key ‖ value. Keys are at most 255 bytes. */
export function encodeOperations(operations: readonly Operation[]): Uint8Array[] {
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

/** The operations of a record that {@link encodeOperations} wrote and the log's CRC vouches for. The arrays are copies. */
export function* decodeOperations(record: Buffer): Generator<Operation> {
  for (let at = 0; at < record.length; ) {
    const kind = record.readUInt8(at);
    const keyEnd = at + HEADER_BYTES + record.readUInt8(at + 1);
    const end = keyEnd + record.readUInt32LE(at + 2);
    const key = Uint8Array.prototype.slice.call(record, at + HEADER_BYTES, keyEnd);
    yield kind === PUT ? { key, value: Uint8Array.prototype.slice.call(record, keyEnd, end) } : { key };
    at = end;
  }
}
