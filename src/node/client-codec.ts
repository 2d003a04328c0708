/** The bytes under the client protocol: a cursor to read with, a growing buffer to write to, both bounded. */
import { PqError } from '../errors.ts';

const MAX_U64 = Number.MAX_SAFE_INTEGER;
const U32 = 0x1_0000_0000;
const decoder = new TextDecoder('utf-8', { fatal: true });
const encoder = new TextEncoder();

/** Collects the fields of one message, little-endian. Throws `CLIENT_NUMBER` for an integer that does not fit its field. */
export class MessageWriter {
  readonly #chunks: Uint8Array[] = [];
  #length = 0;

  get length(): number {
    return this.#length;
  }

  u8(value: number): this {
    return this.#uint(value, 1);
  }

  u16(value: number): this {
    return this.#uint(value, 2);
  }

  u32(value: number): this {
    return this.#uint(value, 4);
  }

  /** A u64 that is a safe integer. */
  u64(value: number): this {
    return this.#uint(value, 8);
  }

  /** Bytes as they are: of a length that the reader knows, or the rest of the message. */
  raw(bytes: Uint8Array): this {
    this.#chunks.push(bytes);
    this.#length += bytes.length;
    return this;
  }

  /** Length (u16), then the bytes. */
  bytes(bytes: Uint8Array): this {
    return this.u16(bytes.length).raw(bytes);
  }

  /** UTF-8, cut at a character so that it takes at most `limit` bytes. */
  text(text: string, limit: number): this {
    return this.bytes(truncateUtf8(text, limit));
  }

  finish(): Uint8Array {
    const message = new Uint8Array(this.#length);
    let at = 0;
    for (const chunk of this.#chunks) {
      message.set(chunk, at);
      at += chunk.length;
    }
    return message;
  }

  #uint(value: number, bytes: 1 | 2 | 4 | 8): this {
    const max = bytes === 8 ? MAX_U64 : 2 ** (8 * bytes) - 1;
    if (!Number.isSafeInteger(value) || value < 0 || value > max) {
      throw new PqError('CLIENT_NUMBER', `This field takes an integer from 0 to ${max}.`, { value });
    }
    const field = new Uint8Array(bytes);
    const view = new DataView(field.buffer);
    view.setUint8(0, value % 256);
    if (bytes === 2) view.setUint16(0, value, true);
    if (bytes >= 4) view.setUint32(0, value % U32, true);
    if (bytes === 8) view.setUint32(4, Math.floor(value / U32), true);
    return this.raw(field);
  }
}

function truncateUtf8(text: string, limit: number): Uint8Array {
  const bytes = encoder.encode(text);
  if (bytes.length <= limit) return bytes;
  let end = limit;
  // A continuation byte is 10xxxxxx: never cut in front of one.
  while (end > 0 && (bytes[end]! & 0xc0) === 0x80) end -= 1;
  return bytes.subarray(0, end);
}

/** Reads the fields of one message. Throws `CLIENT_TRUNCATED`, `CLIENT_TRAILING`, `CLIENT_LIMIT`, `CLIENT_NUMBER`, `CLIENT_TEXT`. */
export class MessageReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  u8(): number {
    return this.#view.getUint8(this.#advance(1));
  }

  u16(): number {
    return this.#view.getUint16(this.#advance(2), true);
  }

  u32(): number {
    return this.#view.getUint32(this.#advance(4), true);
  }

  u64(): number {
    const low = this.u32();
    const value = this.u32() * U32 + low;
    if (!Number.isSafeInteger(value)) throw new PqError('CLIENT_NUMBER', 'An integer is above 2^53 - 1.');
    return value;
  }

  /** How many entries follow: u16, refused above `limit` before anything is allocated. */
  count(limit: number): number {
    const count = this.u16();
    if (count > limit) {
      throw new PqError('CLIENT_LIMIT', `A list holds ${count} entries; send at most ${limit} in one message.`, {
        count,
        limit,
      });
    }
    return count;
  }

  /** A view of the next `length` bytes. */
  raw(length: number): Uint8Array {
    const at = this.#advance(length);
    return this.#bytes.subarray(at, at + length);
  }

  /** A view of a byte string that carries its length. */
  bytes(limit: number): Uint8Array {
    return this.raw(this.count(limit));
  }

  text(limit: number): string {
    return decodeText(this.bytes(limit));
  }

  /** Everything that is left. */
  rest(): Uint8Array {
    return this.raw(this.#bytes.length - this.#at);
  }

  /** Throws `CLIENT_TRAILING` when bytes are left. */
  end(): void {
    if (this.#at !== this.#bytes.length) {
      throw new PqError('CLIENT_TRAILING', 'There are bytes after the end of the message; send exactly its encoding.', {
        given: this.#bytes.length,
        used: this.#at,
      });
    }
  }

  #advance(bytes: number): number {
    const at = this.#at;
    if (at + bytes > this.#bytes.length) {
      throw new PqError('CLIENT_TRUNCATED', 'The message ends before its fields do.', {
        given: this.#bytes.length,
        needed: at + bytes,
      });
    }
    this.#at = at + bytes;
    return at;
  }
}

/** Strict UTF-8. Throws `CLIENT_TEXT`. */
export function decodeText(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes);
  } catch (cause) {
    throw new PqError('CLIENT_TEXT', 'A text of a message is not UTF-8.', {}, cause);
  }
}
