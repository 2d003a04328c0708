/** The bytes under the client protocol: a cursor to read with, a growing buffer to write to, both bounded. */
import { PqError } from '../errors.ts';

const MAX_U64 = Number.MAX_SAFE_INTEGER;
const U32 = 0x1_0000_0000;
const FIRST_BYTES = 256;
const decoder = new TextDecoder('utf-8', { fatal: true });
const encoder = new TextEncoder();

/** Collects the fields of one message, little-endian. Throws `CLIENT_NUMBER` for an integer that does not fit its field. */
export class MessageWriter {
  /** Grows as needed: a small array for each field would cost more than the rest of a message. */
  #bytes = new Uint8Array(FIRST_BYTES);
  #view = new DataView(this.#bytes.buffer);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  u8(value: number): this {
    requireUint(value, 0xff);
    const at = this.#advance(1);
    this.#view.setUint8(at, value);
    return this;
  }

  u16(value: number): this {
    requireUint(value, 0xffff);
    const at = this.#advance(2);
    this.#view.setUint16(at, value, true);
    return this;
  }

  u32(value: number): this {
    requireUint(value, U32 - 1);
    const at = this.#advance(4);
    this.#view.setUint32(at, value, true);
    return this;
  }

  /** A u64 that is a safe integer. */
  u64(value: number): this {
    requireUint(value, MAX_U64);
    const at = this.#advance(8);
    this.#view.setUint32(at, value % U32, true);
    this.#view.setUint32(at + 4, Math.floor(value / U32), true);
    return this;
  }

  /** Bytes as they are: of a length that the reader knows, or the rest of the message. They are copied. */
  raw(bytes: Uint8Array): this {
    const at = this.#advance(bytes.length);
    this.#bytes.set(bytes, at);
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
    return this.#bytes.slice(0, this.#length);
  }

  /** Makes room for `bytes` more and returns where they go. */
  #advance(bytes: number): number {
    const at = this.#length;
    this.#length += bytes;
    if (this.#length > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(this.#length, 2 * this.#bytes.length));
      larger.set(this.#bytes);
      this.#bytes = larger;
      this.#view = new DataView(larger.buffer);
    }
    return at;
  }
}

function requireUint(value: number, max: number): void {
  if (Number.isSafeInteger(value) && value >= 0 && value <= max) return;
  throw new PqError('CLIENT_NUMBER', `This field takes an integer from 0 to ${max}.`, { value });
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
