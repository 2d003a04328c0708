/**
 * Canonical SSZ (simple serialize), as much of it as the objects of the protocol need: unsigned integers, byte vectors
 * and lists, bitlists, lists, and containers. Exactly one encoding per object: a reader refuses every other one.
 *
 * Source: the SSZ specification of the Ethereum consensus (`ssz/simple-serialize.md`); little-endian, offsets of 4 bytes.
 */
import { PqError } from '../errors.ts';
import { concatBytes } from './bytes.ts';

/** Width of the position of a variable part inside its container or list. */
export const OFFSET_BYTES = 4;

const U32 = 0x1_0000_0000;
/** High half of 2^53 − 1. */
const SAFE_HIGH = 0x1f_ffff;

/**
 * Writes one container, or one list: first the fixed part in order, variable parts as offsets whose bytes follow
 * after it. Throws `SSZ_NUMBER` for an integer that does not fit its field, `SSZ_LENGTH` for a vector of another length.
 */
export class SszWriter {
  readonly #fixed: Uint8Array;
  readonly #view: DataView;
  readonly #parts: Uint8Array[];
  #position = 0;
  #end: number;

  /** `fixedBytes`: size of the fixed part, with 4 bytes for every variable one. */
  constructor(fixedBytes: number) {
    this.#fixed = new Uint8Array(fixedBytes);
    this.#view = new DataView(this.#fixed.buffer);
    this.#parts = [this.#fixed];
    this.#end = fixedBytes;
  }

  u8(value: number): this {
    this.#view.setUint8(this.#advance(1), uint(value, 0xff));
    return this;
  }

  u16(value: number): this {
    this.#view.setUint16(this.#advance(2), uint(value, 0xffff), true);
    return this;
  }

  u32(value: number): this {
    this.#view.setUint32(this.#advance(4), uint(value, 0xffff_ffff), true);
    return this;
  }

  /** A u64 that is a safe integer. */
  u64(value: number): this {
    uint(value, Number.MAX_SAFE_INTEGER);
    const low = value % U32;
    const at = this.#advance(8);
    this.#view.setUint32(at, low, true);
    this.#view.setUint32(at + 4, (value - low) / U32, true);
    return this;
  }

  /** A byte vector of exactly `length` bytes. */
  vector(value: Uint8Array, length: number): this {
    if (value.length !== length) {
      throw new PqError('SSZ_LENGTH', `This field takes exactly ${length} bytes.`, { length, given: value.length });
    }
    this.#fixed.set(value, this.#advance(length));
    return this;
  }

  /** A variable part, already encoded. The writer keeps a reference until {@link finish}. */
  variable(encoded: Uint8Array): this {
    this.u32(this.#end);
    this.#parts.push(encoded);
    this.#end += encoded.length;
    return this;
  }

  /** The encoding. Throws `SSZ_LENGTH` when the fixed part is not filled. */
  finish(): Uint8Array {
    if (this.#position !== this.#fixed.length) {
      throw new PqError('SSZ_LENGTH', 'Write every field of the container before finishing it.', {
        written: this.#position,
        expected: this.#fixed.length,
      });
    }
    return this.#parts.length === 1 ? this.#fixed : concatBytes(...this.#parts);
  }

  #advance(bytes: number): number {
    const at = this.#position;
    this.#position += bytes;
    if (this.#position > this.#fixed.length) {
      throw new PqError('SSZ_LENGTH', 'The fixed part of the container is smaller than its fields.', {
        expected: this.#fixed.length,
      });
    }
    return at;
  }
}

function uint(value: number, max: number): number {
  if (!Number.isInteger(value) || value < 0 || value > max) {
    throw new PqError('SSZ_NUMBER', `This field takes an integer from 0 to ${max}.`, { value, max });
  }
  return value;
}

/**
 * A cursor over one encoding. It enters one container or list at a time; since every fixed part is read (offsets kept
 * in locals) before its variable parts are entered, nothing is allocated per element. What it hands out are views of
 * the input: the caller must not change the input afterwards.
 *
 * Throws `SSZ_TRUNCATED`, `SSZ_TRAILING`, `SSZ_OFFSET`, `SSZ_LIMIT`, `SSZ_NUMBER`, `SSZ_BITLIST`.
 */
export class SszReader {
  /** End of the whole input: the bounds of the outermost object are 0 and this. */
  readonly length: number;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #position = 0;
  #start = 0;
  #end = 0;
  #lowestOffset = 0;
  #firstOffset = false;

  constructor(input: Uint8Array) {
    // A subclass of Uint8Array would spread through every view of it.
    const plain = input.constructor === Uint8Array;
    this.#bytes = plain ? input : new Uint8Array(input.buffer, input.byteOffset, input.length);
    this.#view = new DataView(input.buffer, input.byteOffset, input.length);
    this.length = input.length;
  }

  /** Enters a container of fixed size (or a vector) that must fill [start, end) exactly. */
  enterFixed(start: number, end: number, fixedBytes: number): void {
    this.enter(start, end, fixedBytes);
    if (end - start > fixedBytes) {
      throw new PqError('SSZ_TRAILING', 'There are bytes after the end of the object; send exactly its encoding.', {
        expected: fixedBytes,
        given: end - start,
      });
    }
  }

  /** Enters a container with variable parts that fills [start, end); its fixed part takes `fixedBytes`. */
  enter(start: number, end: number, fixedBytes: number): void {
    if (end - start < fixedBytes) {
      throw new PqError('SSZ_TRUNCATED', 'The encoding ends before the object does.', {
        expected: fixedBytes,
        given: end - start,
      });
    }
    this.#start = start;
    this.#end = end;
    this.#position = start;
    this.#lowestOffset = start + fixedBytes;
    this.#firstOffset = true;
  }

  /** Enters a list of elements of a fixed size and returns how many there are. */
  enterList(start: number, end: number, elementBytes: number, limit: number): number {
    const count = Math.floor((end - start) / elementBytes);
    refuseAbove(count, limit);
    if (count * elementBytes !== end - start) {
      throw new PqError('SSZ_TRAILING', 'A list ends in the middle of an element.', {
        elementBytes,
        given: end - start,
      });
    }
    this.enter(start, end, end - start);
    return count;
  }

  /** Bounds of the elements of a list of variable-size elements: element i is [bounds[i], bounds[i + 1]). */
  enterElements(start: number, end: number, limit: number): number[] {
    if (start === end) return [start];
    this.enter(start, end, OFFSET_BYTES);
    const head = this.#view.getUint32(start, true);
    // The first offset says how many there are: it is checked against the limit before anything is allocated.
    if (head === 0 || head % OFFSET_BYTES !== 0 || head > end - start) refuseOffset(head);
    const count = head / OFFSET_BYTES;
    refuseAbove(count, limit);
    this.enter(start, end, head);
    const bounds: number[] = [];
    for (let i = 0; i < count; i++) bounds.push(this.offset());
    bounds.push(end);
    return bounds;
  }

  u8(): number {
    return this.#view.getUint8(this.#position++);
  }

  u16(): number {
    const value = this.#view.getUint16(this.#position, true);
    this.#position += 2;
    return value;
  }

  u32(): number {
    const value = this.#view.getUint32(this.#position, true);
    this.#position += 4;
    return value;
  }

  /** A u64 that must be a safe integer: the protocol has no larger ones. */
  u64(): number {
    const low = this.u32();
    const high = this.u32();
    if (high > SAFE_HIGH) {
      throw new PqError('SSZ_NUMBER', 'An integer is above 2^53 - 1, the largest that the protocol uses.', {
        high,
        low,
      });
    }
    return high * U32 + low;
  }

  /** A byte vector, as a view of the input. */
  vector(length: number): Uint8Array {
    const at = this.#position;
    this.#position = at + length;
    return this.#bytes.subarray(at, at + length);
  }

  /** Where the next variable part begins. They follow the fixed part without a gap, in order. */
  offset(): number {
    const raw = this.u32();
    const at = this.#start + raw;
    if (at < this.#lowestOffset || at > this.#end || (this.#firstOffset && at !== this.#lowestOffset))
      refuseOffset(raw);
    this.#firstOffset = false;
    this.#lowestOffset = at;
    return at;
  }

  /** A byte list that fills [start, end), as a view of the input. */
  byteList(start: number, end: number, limit: number): Uint8Array {
    refuseAbove(end - start, limit);
    return this.#bytes.subarray(start, end);
  }

  /** The bytes of [start, end) as they are, for hashing. */
  raw(start: number, end: number): Uint8Array {
    return this.#bytes.subarray(start, end);
  }

  /** Length in bits of the bitlist in [start, end): the position of its sentinel, the highest set bit. */
  bitlistLength(start: number, end: number, limit: number): number {
    const last = end > start ? this.#bytes[end - 1]! : 0;
    if (last === 0) {
      throw new PqError('SSZ_BITLIST', 'A bitlist must end in its sentinel bit.', { bytes: end - start });
    }
    const length = (end - start - 1) * 8 + (31 - Math.clz32(last));
    refuseAbove(length, limit);
    return length;
  }
}

/** Throws `SSZ_LIMIT` for a list longer than its limit. */
export function refuseAbove(given: number, limit: number): void {
  if (given > limit) {
    throw new PqError('SSZ_LIMIT', `A list holds more than its limit of ${limit}.`, { given, limit });
  }
}

function refuseOffset(offset: number): never {
  throw new PqError('SSZ_OFFSET', 'A variable part does not begin where the one before it ends.', { offset });
}

/**
 * Refuses a list that is not strictly ascending, under the error code of the rule that states the order. Lists in a
 * stated order are sets: unsorted or repeated entries would be second encodings of the same set.
 */
export function requireAscending<Item>(
  items: readonly Item[],
  compare: (a: Item, b: Item) => number,
  code: string,
  what: string,
): void {
  for (let i = 1; i < items.length; i++) {
    if (compare(items[i - 1]!, items[i]!) >= 0) {
      throw new PqError(code, `${what} must be strictly ascending.`, { position: i });
    }
  }
}
