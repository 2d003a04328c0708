import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { codeOf } from '../support/hostile.ts';
import { variants } from './variants.ts';

/** Bytes that repeat nowhere near a block's length. */
function pattern(length: number, seed = 0): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (i * 167 + (i >> 8) * 13 + seed) & 255);
}

function oracle(...parts: readonly Uint8Array[]): Uint8Array {
  const hash = createHash('sha3-256');
  for (const part of parts) hash.update(part);
  return new Uint8Array(hash.digest());
}

function shakeOracle(name: 'shake128' | 'shake256', outputLength: number, bytes: Uint8Array): Uint8Array {
  return new Uint8Array(createHash(name, { outputLength }).update(bytes).digest());
}

describe.each(variants)('SHA3-256 of $name', (kernels) => {
  test('every length from 0 to 600', () => {
    for (let length = 0; length <= 600; length++) {
      const bytes = pattern(length);
      expect(kernels.sha3_256(bytes), `length ${length}`).toEqual(oracle(bytes));
    }
  });

  test('parts count as their concatenation, wherever they are cut', () => {
    const bytes = pattern(420);
    for (const cut of [0, 1, 135, 136, 137, 271, 272, 273, 419, 420]) {
      for (const second of [cut, Math.min(cut + 1, 420), 420]) {
        const parts = [bytes.subarray(0, cut), bytes.subarray(cut, second), new Uint8Array(0), bytes.subarray(second)];
        expect(kernels.sha3_256(...parts), `cut at ${cut} and ${second}`).toEqual(oracle(bytes));
      }
    }
    expect(kernels.sha3_256()).toEqual(oracle());
  });

  test('inputs larger than the staging area', () => {
    const bytes = pattern(1_114_112);
    for (const parts of [[bytes], [bytes, pattern(1)], [pattern(3), bytes, bytes.subarray(5), pattern(7)]]) {
      expect(kernels.sha3_256(...parts)).toEqual(oracle(...parts));
    }
  });

  test('digests are fresh: a later call does not change an earlier answer', () => {
    const first = kernels.sha3_256(pattern(10));
    const copy = first.slice();
    kernels.sha3_256(pattern(11));
    kernels.sha3_256Each(pattern(2), [pattern(300), pattern(2)]);
    expect(first).toEqual(copy);
    expect(first.buffer.byteLength).toBe(32);
  });
});

describe.each(variants)('batches of $name', (kernels) => {
  test('every length from 0 to 600 in one call, with prefixes', () => {
    const items = Array.from({ length: 601 }, (_, length) => pattern(length, length));
    for (const prefixLength of [0, 1, 14, 135, 136, 300]) {
      const prefix = pattern(prefixLength, 99);
      const digests = kernels.sha3_256Each(prefix, items);
      expect(digests).toEqual(items.map((item) => oracle(prefix, item)));
      // Few enough share a buffer that a digest which is kept keeps little else.
      for (const digest of digests) expect(digest.buffer.byteLength).toBeLessThanOrEqual(32 * 32);
    }
  });

  test('lengths that leave one half of the pair behind', () => {
    for (const lengths of [[], [5], [5, 1000], [1000, 5], [1000, 5, 5, 5, 5], [5, 5, 1000], [136, 0, 137, 272, 135]]) {
      const items = lengths.map((length, i) => pattern(length, i));
      expect(kernels.sha3_256Each(pattern(3), items)).toEqual(items.map((item) => oracle(pattern(3), item)));
    }
  });

  test('more than the staging area holds, and an item that alone is more', () => {
    const items = [pattern(9), pattern(2_000_000), pattern(600_000), pattern(600_001), pattern(600_002), pattern(1)];
    expect(kernels.sha3_256Each(pattern(5), items)).toEqual(items.map((item) => oracle(pattern(5), item)));
  });
});

describe.each(variants)('SHAKE of $name', (kernels) => {
  test.each(['shake128', 'shake256'] as const)('%s of every length from 0 to 600', (name) => {
    for (let length = 0; length <= 600; length++) {
      const bytes = pattern(length);
      // Other lengths of output all the time, over the ends of the first blocks of both.
      for (const outputBytes of [1 + (length % 7), 32, 130 + (length % 50)])
        expect(kernels[name](outputBytes, bytes), `${length} to ${outputBytes}`).toEqual(
          shakeOracle(name, outputBytes, bytes),
        );
    }
  });

  test.each(['shake128', 'shake256'] as const)('%s to every length of output over two blocks', (name) => {
    const bytes = pattern(100);
    const longest = shakeOracle(name, 350, bytes);
    for (let length = 0; length <= 350; length++)
      expect(kernels[name](length, bytes.subarray(0, 33), bytes.subarray(33))).toEqual(longest.slice(0, length));
  });

  test.each(['shake128', 'shake256'] as const)('%s with more than is staged at once, in and out', (name) => {
    const big = pattern(1_200_001);
    expect(kernels[name](40, pattern(3), big)).toEqual(shakeOracle(name, 40, Uint8Array.from([...pattern(3), ...big])));
    expect(kernels[name](800_003, pattern(9))).toEqual(shakeOracle(name, 800_003, pattern(9)));
    expect(kernels[name](365_568, big)).toEqual(shakeOracle(name, 365_568, big));
  });

  test.each([-1, 0.5, Number.NaN, 2 ** 28 + 1])('%d bytes cannot be had', (outputBytes) => {
    expect(codeOf(() => kernels.shake128(outputBytes))).toBe('KERNEL_ARGUMENT');
    expect(codeOf(() => kernels.shake256(outputBytes))).toBe('KERNEL_ARGUMENT');
  });
});

/** Any messages, cut anywhere, give what OpenSSL gives; in batches, and for every hash. */
test('any parts, any lengths: what node:crypto says', () => {
  const parts = fc.array(fc.uint8Array({ maxLength: 400, size: 'max' }), { maxLength: 5 });
  fc.assert(
    fc.property(parts, fc.nat(500), (messages, outputBytes) => {
      const whole = Uint8Array.from(messages.flatMap((part) => [...part]));
      const [first = new Uint8Array(0), ...rest] = messages;
      for (const kernels of variants) {
        expect(kernels.sha3_256(...messages)).toEqual(oracle(whole));
        expect(kernels.sha3_256Each(first, rest)).toEqual(rest.map((item) => oracle(first, item)));
        for (const name of ['shake128', 'shake256'] as const)
          expect(kernels[name](outputBytes, ...messages)).toEqual(shakeOracle(name, outputBytes, whole));
      }
    }),
    { numRuns: 60 },
  );
});
