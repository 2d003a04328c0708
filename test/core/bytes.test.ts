import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compareBytes, concatBytes, equalBytes, fromHex, toHex, utf8 } from '../../src/core/bytes.ts';
import { codeOf } from '../support/hostile.ts';

const bytes = fc.uint8Array({ maxLength: 20 });

describe('hex', () => {
  it('is that of Buffer, and comes back', () => {
    const property = fc.property(bytes, (value) => {
      expect(toHex(value)).toBe(Buffer.from(value).toString('hex'));
      expect(fromHex(toHex(value))).toEqual(value);
    });
    fc.assert(property);
  });

  it.each([
    ['abc', 'HEX_LENGTH'],
    ['0x', 'HEX_DIGIT'],
    ['AB', 'HEX_DIGIT'],
    ['a ', 'HEX_DIGIT'],
    ['g0', 'HEX_DIGIT'],
    ['é0', 'HEX_DIGIT'],
  ])('refuses %j', (text, code) => {
    expect(codeOf(() => fromHex(text))).toBe(code);
  });
});

describe('byte strings', () => {
  it('compare as Buffer.compare does', () => {
    const property = fc.property(bytes, bytes, (a, b) => {
      expect(Math.sign(compareBytes(a, b))).toBe(Buffer.compare(a, b));
      expect(equalBytes(a, b)).toBe(Buffer.compare(a, b) === 0);
      expect(equalBytes(a, a.slice())).toBe(true);
    });
    fc.assert(property);
  });

  it('are joined in order, into an array of their own', () => {
    const parts = [Uint8Array.of(1, 2), new Uint8Array(0), Uint8Array.of(3)];
    const joined = concatBytes(...parts);
    joined[0] = 9;
    expect(joined).toEqual(Uint8Array.of(9, 2, 3));
    expect(parts[0]).toEqual(Uint8Array.of(1, 2));
    expect(utf8('né')).toEqual(Uint8Array.of(0x6e, 0xc3, 0xa9));
  });
});
