/** A batch: the messages of one tick in one record. Each is `channel u8 ‖ length u16 ‖ bytes`. */

/** What a message is for. Between validators that disagree on the committee only `sync` passes. */
export const CHANNEL = { CONSENSUS: 1, SYNC: 2, CLIENT: 3, ENDPOINT: 4 } as const;
export type Channel = (typeof CHANNEL)[keyof typeof CHANNEL];

export const ITEM_HEADER_BYTES = 3;

export interface Item {
  readonly channel: Channel;
  readonly bytes: Uint8Array;
}

export function itemBytes(item: Item): number {
  return ITEM_HEADER_BYTES + item.bytes.length;
}

/** The items one after the other. `total` is the sum of their {@link itemBytes}. */
export function encodeBatch(items: readonly Item[], total: number): Buffer {
  const batch = Buffer.allocUnsafe(total);
  let at = 0;
  for (const { channel, bytes } of items) {
    batch[at] = channel;
    batch.writeUInt16BE(bytes.length, at + 1);
    batch.set(bytes, at + ITEM_HEADER_BYTES);
    at += ITEM_HEADER_BYTES + bytes.length;
  }
  return batch;
}

function isChannel(value: number): value is Channel {
  return value >= CHANNEL.CONSENSUS && value <= CHANNEL.ENDPOINT;
}

/** The items, as views of the batch; undefined unless the bytes are exactly a batch of known channels. */
export function decodeBatch(batch: Buffer): Item[] | undefined {
  const items: Item[] = [];
  let at = 0;
  while (at < batch.length) {
    if (batch.length - at < ITEM_HEADER_BYTES) return undefined;
    const channel = batch[at] ?? 0;
    const end = at + ITEM_HEADER_BYTES + batch.readUInt16BE(at + 1);
    if (!isChannel(channel) || end > batch.length) return undefined;
    items.push({ channel, bytes: batch.subarray(at + ITEM_HEADER_BYTES, end) });
    at = end;
  }
  return items;
}
