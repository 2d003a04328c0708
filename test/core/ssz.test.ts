import { describe, expect, it } from 'vitest';
import { requireAscending, SszReader, SszWriter } from '../../src/core/ssz.ts';
import { codeOf } from '../support/hostile.ts';

const reading = (bytes: readonly number[]) => new SszReader(Uint8Array.from(bytes));

describe('SszWriter', () => {
  it('puts variable parts behind the fixed one, in order', () => {
    const encoded = new SszWriter(9).u8(7).variable(Uint8Array.of(1, 2)).variable(Uint8Array.of(3)).finish();
    expect(encoded).toEqual(Uint8Array.of(7, 9, 0, 0, 0, 11, 0, 0, 0, 1, 2, 3));
  });

  it('writes u64 up to 2^53 - 1', () => {
    const encoded = new SszWriter(8).u64(Number.MAX_SAFE_INTEGER).finish();
    expect(encoded).toEqual(Uint8Array.of(255, 255, 255, 255, 255, 255, 31, 0));
  });

  it.each([
    ['above u8', (w: SszWriter) => w.u8(256)],
    ['above u16', (w: SszWriter) => w.u16(0x1_0000)],
    ['above u32', (w: SszWriter) => w.u32(0x1_0000_0000)],
    ['above the safe integers', (w: SszWriter) => w.u64(2 ** 53)],
    ['negative', (w: SszWriter) => w.u32(-1)],
    ['a fraction', (w: SszWriter) => w.u16(1.5)],
    ['not a number', (w: SszWriter) => w.u64(Number.NaN)],
  ])('refuses an integer that is %s', (_, write) => {
    expect(codeOf(() => write(new SszWriter(8)))).toBe('SSZ_NUMBER');
  });

  it('refuses vectors of another length, and fixed parts too full or not full', () => {
    expect(codeOf(() => new SszWriter(4).vector(new Uint8Array(3), 4))).toBe('SSZ_LENGTH');
    expect(codeOf(() => new SszWriter(1).u16(1))).toBe('SSZ_LENGTH');
    expect(codeOf(() => new SszWriter(2).u8(1).finish())).toBe('SSZ_LENGTH');
  });
});

describe('SszReader', () => {
  it('hands out plain views of the input, whatever subclass the input is', () => {
    const input = Buffer.from([1, 2, 3, 4]);
    const reader = new SszReader(input.subarray(1));
    reader.enterFixed(0, reader.length, 3);
    const view = reader.vector(3);
    expect(view.constructor).toBe(Uint8Array);
    input[2] = 9;
    expect(view).toEqual(Uint8Array.of(2, 9, 4));
  });

  it('refuses containers of fixed size that are too short or too long', () => {
    expect(codeOf(() => reading([1]).enterFixed(0, 1, 2))).toBe('SSZ_TRUNCATED');
    expect(codeOf(() => reading([1, 2, 3]).enterFixed(0, 3, 2))).toBe('SSZ_TRAILING');
  });

  /** Container of two byte lists. */
  const two = (bytes: readonly number[]) => {
    const reader = reading(bytes);
    reader.enter(0, reader.length, 8);
    const first = reader.offset();
    const second = reader.offset();
    return [first, second];
  };

  it('reads offsets that follow each other', () => {
    expect(two([8, 0, 0, 0, 9, 0, 0, 0, 1])).toEqual([8, 9]);
    expect(two([8, 0, 0, 0, 8, 0, 0, 0])).toEqual([8, 8]);
  });

  it.each([
    ['a gap before the first part', [9, 0, 0, 0, 9, 0, 0, 0, 1]],
    ['a first offset into the fixed part', [7, 0, 0, 0, 9, 0, 0, 0, 1]],
    ['a descending offset', [8, 0, 0, 0, 7, 0, 0, 0, 1]],
    ['an offset beyond the end', [8, 0, 0, 0, 10, 0, 0, 0, 1]],
    ['an offset that wraps', [8, 0, 0, 0, 255, 255, 255, 255, 1]],
  ])('refuses %s', (_, bytes) => {
    expect(codeOf(() => two(bytes))).toBe('SSZ_OFFSET');
  });

  it('refuses lists that end inside an element, or above their limit', () => {
    expect(reading([1, 2, 3, 4]).enterList(0, 4, 2, 2)).toBe(2);
    expect(codeOf(() => reading([1, 2, 3]).enterList(0, 3, 2, 2))).toBe('SSZ_TRAILING');
    expect(codeOf(() => reading([1, 2, 3, 4]).enterList(0, 4, 2, 1))).toBe('SSZ_LIMIT');
    expect(codeOf(() => reading([1, 2, 3]).byteList(0, 3, 2))).toBe('SSZ_LIMIT');
  });

  const elements = (bytes: readonly number[], limit = 2) => reading(bytes).enterElements(0, bytes.length, limit);

  it('finds the bounds of variable-size elements', () => {
    expect(elements([])).toEqual([0]);
    expect(elements([8, 0, 0, 0, 9, 0, 0, 0, 1, 2, 3])).toEqual([8, 9, 11]);
  });

  it.each<[string, number[], number?]>([
    ['SSZ_TRUNCATED', [4, 0, 0]],
    ['SSZ_OFFSET', [0, 0, 0, 0]],
    ['SSZ_OFFSET', [6, 0, 0, 0, 0, 0]],
    ['SSZ_OFFSET', [8, 0, 0, 0]],
    ['SSZ_OFFSET', [8, 0, 0, 0, 7, 0, 0, 0]],
    ['SSZ_OFFSET', [8, 0, 0, 0, 9, 0, 0, 0]],
    ['SSZ_OFFSET', [12, 0, 0, 0, 14, 0, 0, 0, 13, 0, 0, 0, 1, 2], 3],
    ['SSZ_LIMIT', [12, 0, 0, 0, 12, 0, 0, 0, 12, 0, 0, 0]],
  ])('%s for the list %j', (code, bytes, limit = 2) => {
    expect(codeOf(() => elements(bytes, limit))).toBe(code);
  });

  it('refuses a count above the limit before it looks at the offsets', () => {
    // 2^20 elements announced, all with the offset 0: looking at any of them would give SSZ_OFFSET.
    const bytes = new Uint8Array(1 << 22);
    new DataView(bytes.buffer).setUint32(0, 1 << 22, true);
    expect(codeOf(() => new SszReader(bytes).enterElements(0, bytes.length, 256))).toBe('SSZ_LIMIT');
  });

  it('refuses a u64 above 2^53 - 1', () => {
    const read = (bytes: readonly number[]) => {
      const reader = reading(bytes);
      reader.enterFixed(0, 8, 8);
      return reader.u64();
    };
    expect(read([255, 255, 255, 255, 255, 255, 31, 0])).toBe(Number.MAX_SAFE_INTEGER);
    expect(codeOf(() => read([0, 0, 0, 0, 0, 0, 32, 0]))).toBe('SSZ_NUMBER');
    expect(codeOf(() => read([0, 0, 0, 0, 0, 0, 0, 128]))).toBe('SSZ_NUMBER');
  });

  it('takes the length of a bitlist from its sentinel', () => {
    expect(reading([1]).bitlistLength(0, 1, 8)).toBe(0);
    expect(reading([0b1101]).bitlistLength(0, 1, 8)).toBe(3);
    expect(reading([0, 1]).bitlistLength(0, 2, 8)).toBe(8);
    expect(codeOf(() => reading([]).bitlistLength(0, 0, 8))).toBe('SSZ_BITLIST');
    expect(codeOf(() => reading([3, 0]).bitlistLength(0, 2, 8))).toBe('SSZ_BITLIST');
    expect(codeOf(() => reading([0, 2]).bitlistLength(0, 2, 8))).toBe('SSZ_LIMIT');
  });
});

describe('requireAscending', () => {
  const check = (items: readonly number[]) => requireAscending(items, (a, b) => a - b, 'ORDER', 'Numbers');

  it('takes strictly ascending lists only', () => {
    for (const items of [[], [4], [1, 2, 5]]) check(items);
    expect(codeOf(() => check([1, 1]))).toBe('ORDER');
    expect(codeOf(() => check([1, 3, 2]))).toBe('ORDER');
  });
});
