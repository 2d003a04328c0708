import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { NaiveConflictSet } from '../../src/bench/naive/conflict.ts';
import type { ConflictKernel } from '../../src/wasm/kernels.ts';
import { codeOf } from './codes.ts';
import { variants } from './variants.ts';

const SEED = Uint8Array.from({ length: 16 }, (_, i) => i * 3);

/** The key number `i`: any 32 bytes that differ. */
function keyOf(i: number): Uint8Array {
  const key = new Uint8Array(32);
  new DataView(key.buffer).setUint32(4 * (i % 8), i + 1);
  return key;
}

function claim(set: ConflictKernel, proposals: readonly (readonly number[])[], expiries: readonly number[]): number[] {
  const keys = Uint8Array.from(proposals.flat().flatMap((i) => [...keyOf(i)]));
  const counts = Uint32Array.from(proposals, (list) => list.length);
  return [...set.claim(keys, counts, Float64Array.from(expiries))];
}

describe.each(variants)('conflict set of $name', (kernels) => {
  const setOf = (maxKeys = 100): ConflictKernel => kernels.createConflictSet({ maxKeys, seed: SEED });

  test('the first takes all its keys, a later one all or none', () => {
    const set = setOf();
    expect(claim(set, [[1, 2], [3, 2], [3], []], [10, 10, 10, 10])).toEqual([1, 0, 1, 1]);
    expect(claim(set, [[4, 5, 1], [4]], [10, 10])).toEqual([0, 1]);
    expect([1, 2, 3, 4, 5].map((i) => set.has(keyOf(i)))).toEqual([true, true, true, true, false]);
    expect(set.size).toBe(4);
  });

  test('the same key twice in one proposal is no clash', () => {
    const set = setOf();
    expect(claim(set, [[7, 7, 8, 7], [8]], [1, 1])).toEqual([1, 0]);
    expect(set.size).toBe(2);
  });

  test('expire forgets what is past, and only that', () => {
    const set = setOf();
    claim(set, [[1, 2], [3], [4]], [100, 50, 200]);
    expect(set.expire(50)).toBe(0);
    expect(set.expire(101)).toBe(3);
    expect([1, 2, 3, 4].map((i) => set.has(keyOf(i)))).toEqual([false, false, false, true]);
    expect(claim(set, [[1, 4], [1]], [300, -5])).toEqual([0, 1]);
    expect(set.expire(0)).toBe(1);
    expect(set.expire(Number.MAX_SAFE_INTEGER)).toBe(1);
    expect(set.size).toBe(0);
  });

  test('release forgets the keys named, whatever their expiry, and no others', () => {
    const set = setOf();
    const release = (...list: number[]): number => set.release(Uint8Array.from(list.flatMap((i) => [...keyOf(i)])));
    expect(release(1)).toBe(0);
    claim(set, [[1, 2], [3], [4], [5]], [100, 100, 500_000, -7]);
    expect(release(2, 9, 2, 4, 2)).toBe(2);
    expect([1, 2, 3, 4, 5].map((i) => set.has(keyOf(i)))).toEqual([true, false, true, false, true]);
    expect(claim(set, [[2], [4, 1]], [100, 100])).toEqual([1, 0]);
    expect(set.expire(100)).toBe(1);
    expect(release(3, 5)).toBe(1);
    expect(release()).toBe(0);
    expect(set.size).toBe(2);
    expect(set.expire(101)).toBe(2);
  });

  test('expiries far away, past already, and a clock that jumps', () => {
    const set = setOf();
    const day = 86_400_000;
    claim(set, [[1], [2], [3], [4]], [day, 10 * day, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER]);
    expect(set.expire(Number.MIN_SAFE_INTEGER)).toBe(0);
    expect(set.expire(day)).toBe(1);
    expect(set.expire(day + 1)).toBe(1);
    // What comes with an expiry that is past goes at the next look, even one of an earlier time.
    claim(set, [[5], [6]], [3, day - 5]);
    expect(set.expire(3)).toBe(0);
    expect(set.expire(4)).toBe(1);
    expect(set.expire(day)).toBe(1);
    expect(set.expire(Number.MAX_SAFE_INTEGER)).toBe(1);
    expect([1, 2, 3].map((i) => set.has(keyOf(i)))).toEqual([false, false, true]);
  });

  test('at the bound nothing of the batch is claimed', () => {
    const set = setOf(5);
    claim(set, [[1, 2, 3]], [10]);
    expect(codeOf(() => claim(set, [[4], [1], [5, 6]], [1, 1, 1]))).toBe('CONFLICT_FULL');
    expect(set.size).toBe(3);
    expect([3, 4, 5, 6].map((i) => set.has(keyOf(i)))).toEqual([true, false, false, false]);
    // A clash at the bound needs no room.
    expect(claim(set, [[4], [5], [3, 6]], [1, 1, 1])).toEqual([1, 1, 0]);
    expect(set.expire(5)).toBe(2);
    expect(claim(set, [[6, 7]], [9])).toEqual([1]);
  });

  test('keys may start at any byte of a buffer', () => {
    const set = setOf();
    const buffer = new Uint8Array(100);
    buffer.set(keyOf(9), 3);
    expect([...set.claim(buffer.subarray(3, 35), Uint32Array.of(1), Float64Array.of(1))]).toEqual([1]);
    expect(set.has(keyOf(9))).toBe(true);
  });

  test('refusals', () => {
    const set = setOf();
    const [keys, one, expiry] = [keyOf(1), Uint32Array.of(1), Float64Array.of(1)];
    expect(codeOf(() => set.claim(keys.subarray(1), one, expiry))).toBe('CONFLICT_BAD_CLAIM');
    expect(codeOf(() => set.claim(keys, Uint32Array.of(2), expiry))).toBe('CONFLICT_BAD_CLAIM');
    expect(codeOf(() => set.claim(keys, one, new Float64Array(2)))).toBe('CONFLICT_BAD_CLAIM');
    expect(codeOf(() => set.claim(keys, one, Float64Array.of(Number.NaN)))).toBe('CONFLICT_BAD_CLAIM');
    expect(codeOf(() => set.has(keys.subarray(1)))).toBe('CONFLICT_BAD_CLAIM');
    expect(codeOf(() => set.release(keys.subarray(1)))).toBe('CONFLICT_BAD_CLAIM');
    for (const time of [Number.NaN, Number.POSITIVE_INFINITY, 0.5, 2 ** 53]) {
      expect(
        codeOf(() => set.expire(time)),
        String(time),
      ).toBe('CONFLICT_BAD_TIME');
    }
    expect(set.size).toBe(0);
    for (const bad of [{ maxKeys: 0 }, { maxKeys: 1.5 }, { seed: new Uint8Array(8) }]) {
      const options = { maxKeys: 4, seed: SEED, ...bad };
      expect(codeOf(() => kernels.createConflictSet(options))).toBe('KERNEL_OPTIONS');
    }
  });
});

describe('the conflict set in all its forms', () => {
  /** Of a step's times, in milliseconds: within a bucket of the wheel, over some, over more than a turn. */
  const unit = fc.constantFrom(1, 100, 10_000);
  const proposals = fc.array(
    fc.record({ keys: fc.array(fc.nat(200), { maxLength: 6 }), expiry: fc.integer({ min: -5, max: 60 }) }),
    { maxLength: 30, size: 'max' },
  );
  const released = fc.array(fc.nat(200), { maxLength: 12 });
  const steps = fc.array(fc.record({ proposals, released, unit, now: fc.integer({ min: -5, max: 60 }) }), {
    maxLength: 30,
    size: 'max',
  });

  test('any claims and expiries give the answers of a map of strings, whatever the seed', () => {
    fc.assert(
      fc.property(steps, fc.uint8Array({ minLength: 16, maxLength: 16 }), (list, seed) => {
        const naive = new NaiveConflictSet();
        const sets = variants.map((kernels) => kernels.createConflictSet({ maxKeys: 10_000, seed }));
        for (const { proposals, released, unit, now: units } of list) {
          const lists = proposals.map(({ keys }) => keys);
          const expiries = proposals.map(({ expiry }) => unit * expiry);
          const now = unit * units;
          const claimed = claim(naive, lists, expiries);
          for (const set of sets) expect(claim(set, lists, expiries)).toEqual(claimed);
          const keys = Uint8Array.from(released.flatMap((i) => [...keyOf(i)]));
          const freed = naive.release(keys);
          for (const set of sets) expect(set.release(keys)).toBe(freed);
          const gone = naive.expire(now);
          for (const set of sets) {
            expect(set.expire(now)).toBe(gone);
            expect(set.size).toBe(naive.size);
            for (let key = 0; key <= 200; key += 5) expect(set.has(keyOf(key))).toBe(naive.has(keyOf(key)));
          }
        }
      }),
      { numRuns: 40, interruptAfterTimeLimit: 20_000 },
    );
  });

  test('thousands of keys, through growth and back', () => {
    for (const kernels of variants) {
      const set = kernels.createConflictSet({ maxKeys: 20_000, seed: SEED });
      for (let batch = 0; batch < 10; batch++) {
        const lists = Array.from({ length: 1000 }, (_, i) => [2 * (1000 * batch + i), 2 * (1000 * batch + i) + 1]);
        const claimed = claim(
          set,
          lists,
          lists.map((_, i) => (i * 7919) % 1000),
        );
        expect(claimed.every((answer) => answer === 1)).toBe(true);
      }
      expect(set.size).toBe(20_000);
      expect(set.expire(500)).toBe(10_000);
      let held = 0;
      for (let key = 0; key < 20_000; key++) held += set.has(keyOf(key)) ? 1 : 0;
      expect(held).toBe(10_000);
      expect(set.expire(1000)).toBe(10_000);
      expect(set.size).toBe(0);
    }
  });
});
