/** Received bytes as the application gets them. */

/**
 * A plain array of the item's bytes that nobody else will change. An item that shares its record with others is copied,
 * so that keeping a small message does not keep 64 KiB alive.
 */
export function ownBytes(bytes: Uint8Array, itemsInRecord: number): Uint8Array {
  return itemsInRecord === 1 ? new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length) : Uint8Array.from(bytes);
}
