import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
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

/** RFC 6962 §2.1 as it is written there: split at the largest power of two below the number of leaves. */
function top(leaves: readonly Uint8Array[]): Uint8Array {
  if (leaves.length === 0) return new Uint8Array(32);
  if (leaves.length === 1) return oracle(Uint8Array.of(0), leaves[0]!);
  let split = 1;
  while (2 * split < leaves.length) split *= 2;
  return oracle(Uint8Array.of(1), top(leaves.slice(0, split)), top(leaves.slice(split)));
}

function root(leaves: readonly Uint8Array[]): Uint8Array {
  const count = new Uint8Array(4);
  new DataView(count.buffer).setUint32(0, leaves.length, true);
  return oracle(Uint8Array.of(2), count, top(leaves));
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
      for (const digest of digests) expect(digest.buffer.byteLength).toBe(32);
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
    expect(kernels.merkleRoot(items)).toEqual(root(items));
  });
});

describe.each(variants)('Merkle root of $name', (kernels) => {
  test('every count from 0 to 130', () => {
    const leaves = Array.from({ length: 130 }, (_, i) => pattern((i * 37) % 300, i));
    for (let count = 0; count <= 130; count++) {
      expect(kernels.merkleRoot(leaves.slice(0, count)), `${count} leaves`).toEqual(root(leaves.slice(0, count)));
    }
  });

  test('the count is bound: a duplicated last leaf is another tree', () => {
    const leaves = [pattern(1), pattern(2), pattern(3)];
    expect(kernels.merkleRoot([...leaves, leaves[2]!])).not.toEqual(kernels.merkleRoot(leaves));
  });
});
