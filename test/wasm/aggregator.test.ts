import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { mean, naiveAggregate } from '../../src/bench/naive/aggregate.ts';
import type { AggregatorKernel } from '../../src/wasm/learn.ts';
import { seeded } from '../support/random.ts';
import { codeOf } from './codes.ts';
import { bitsOf, vectors } from './float-bits.ts';
import { variants } from './variants.ts';

const LIMIT = 2 ** 40;
const faultyOf = (count: number): number => Math.floor((count - 1) / 3);
const normOf = (vector: Float32Array): number => Math.sqrt(vector.reduce((sum, value) => sum + value * value, 0));

function randomVectors(count: number, length: number, seed: number): Float32Array[] {
  const random = seeded(seed);
  return Array.from({ length: count }, () =>
    Float32Array.from({ length }, () => (random.below(2 ** 24) - 2 ** 23) / 2 ** 22),
  );
}

describe.each(variants)('aggregator of $name', (kernels) => {
  const aggregatorOf = (parameters: number, maxGradients = 16): AggregatorKernel =>
    kernels.createAggregator({ parameters, maxGradients });

  test('four gradients by hand', () => {
    // Norms 1, 1, 2, 5. ARC scales k = ⌊2·1·3/4⌋ = 1 of them: (5, 0) to (2, 0). NNM takes the mean of 3: for the first, the third
    // and the fourth (the first two are as far) those three, for the second all but the fourth. CWTM drops one at either end.
    const gradients = [
      [1, 0],
      [0, 1],
      [2, 0],
      [5, 0],
    ].map((vector) => Float32Array.from(vector));
    const sums = [
      [1 + 2 + 2, 0],
      [1 + 0 + 2, 1],
      [1 + 2 + 2, 0],
      [1 + 2 + 2, 0],
    ];
    const kept = [sums[0]![0]! + sums[2]![0]!, 0];
    const expected = kept.map((sum) => Math.fround(sum * Math.fround(1 / 6)));
    expect([...aggregatorOf(2).aggregate(gradients, 1)]).toEqual(expected);
  });

  test('without a hostile one it is the mean', () => {
    const gradients = [
      [1, 8],
      [3, 8],
      [8, 2],
    ].map((vector) => Float32Array.from(vector));
    expect([...aggregatorOf(2).aggregate(gradients, 0)]).toEqual([4, 6].map((value) => expect.closeTo(value, 5)));
    expect([...aggregatorOf(3).aggregate([Float32Array.of(1, 2, 3)], 0)]).toEqual([1, 2, 3]);
  });

  test('is what the papers say, in double precision, for every number of gradients that there may be', () => {
    for (const count of [2, 3, 4, 7, 10, 31, 64, 128]) {
      const gradients = randomVectors(count, 19, count);
      for (const faulty of new Set([0, 1, faultyOf(count), Math.floor((count - 1) / 2)])) {
        if (count <= 2 * faulty) continue;
        const expected = naiveAggregate(
          gradients.map((vector) => [...vector]),
          faulty,
        );
        const aggregate = aggregatorOf(19, 128).aggregate(gradients, faulty);
        for (const [i, value] of expected.entries()) expect(aggregate[i], `${count} ${faulty}`).toBeCloseTo(value, 4);
      }
    }
  });

  test('whatever f of them say, it is no longer than the longest honest gradient, and near their mean', () => {
    const honest = randomVectors(7, 40, 5).map((vector) => vector.map((value) => 1 + value / 10));
    const longest = Math.max(...honest.map(normOf));
    const calm = mean(honest.map((vector) => [...vector]));
    for (const value of [1, 10, 1e6, -1, -1e6, LIMIT, -LIMIT]) {
      const hostile = [0, 1, 2].map((i) => new Float32Array(40).fill(i === 0 ? value / 2 : value));
      const aggregate = aggregatorOf(40).aggregate([...hostile, ...honest], 3);
      expect(normOf(aggregate), String(value)).toBeLessThan(longest * 1.0001);
      for (const [i, expected] of calm.entries())
        expect(Math.abs(aggregate[i]! - expected), String(value)).toBeLessThan(0.3);
    }
  });

  test('the gradients that it is given stay as they are', () => {
    const gradients = randomVectors(4, 5, 3);
    const before = gradients.map((vector) => [...vector]);
    aggregatorOf(5).aggregate(gradients, 1);
    expect(gradients.map((vector) => [...vector])).toEqual(before);
  });

  test('refuses too few, and those that are malformed, by name', () => {
    const aggregator = aggregatorOf(6, 5);
    const good = randomVectors(5, 6, 1);
    const swapped = (vector: Float32Array): Float32Array[] => good.map((one, i) => (i === 2 ? vector : one));
    for (const [count, faulty] of [
      [0, 0],
      [2, 1],
      [4, 2],
      [5, 3],
      [5, -1],
      [5, 0.5],
      [5, Number.NaN],
    ] as const) {
      expect(
        codeOf(() => aggregator.aggregate(good.slice(0, count), faulty)),
        `${count} ${faulty}`,
      ).toBe('LEARN_TOO_FEW');
    }
    expect(codeOf(() => aggregator.aggregate([...good, good[0]!], 1))).toBe('LEARN_BAD_GRADIENT');
    expect(codeOf(() => aggregator.aggregate(swapped(new Float32Array(5)), 1))).toBe('LEARN_BAD_GRADIENT');
    for (const value of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 2 * LIMIT, -2 * LIMIT]) {
      for (const at of [0, 5]) {
        const bad = swapped(new Float32Array(6).fill(value, at, at + 1));
        expect(
          codeOf(() => aggregator.aggregate(bad, 1)),
          String(value),
        ).toBe('LEARN_BAD_GRADIENT');
        expect(
          codeOf(() => aggregator.encode(bad[2]!)),
          String(value),
        ).toBe('LEARN_BAD_GRADIENT');
      }
      const bad = new Float32Array(6).fill(value, 3, 4);
      const step = { rate: 1, momentum: 0, longest: 1 };
      expect(codeOf(() => aggregator.step(good[0]!, good[1]!, bad, step))).toBe('LEARN_BAD_GRADIENT');
      expect(codeOf(() => aggregator.step(good[0]!, bad, good[1]!, step))).toBe('LEARN_BAD_WEIGHTS');
      expect(codeOf(() => aggregator.step(bad, good[0]!, good[1]!, step))).toBe('LEARN_BAD_WEIGHTS');
    }
    // A refusal leaves nothing behind.
    expect([...aggregator.aggregate(good, 1)]).toEqual([...aggregatorOf(6, 5).aggregate(good, 1)]);
  });

  test('a step: the gradient is scaled to the longest norm, the velocity decays, the weights follow it', () => {
    const step = aggregatorOf(2).step(Float32Array.of(1, 2), Float32Array.of(4, 0), Float32Array.of(30, 40), {
      rate: 0.5,
      momentum: 0.25,
      longest: 5,
    });
    expect([...step.velocity].map((value) => Math.round(value * 1e5) / 1e5)).toEqual([1 + 3, 0 + 4]);
    expect([...step.weights].map((value) => Math.round(value * 1e5) / 1e5)).toEqual([1 - 2, 2 - 2]);
    const short = aggregatorOf(2).step(Float32Array.of(0, 0), Float32Array.of(0, 0), Float32Array.of(3, 4), {
      rate: 1,
      momentum: 0,
      longest: 5,
    });
    expect([...short.weights]).toEqual([-3, -4]);
  });

  test('refuses rates out of range, and vectors of another length', () => {
    const [two, three] = [new Float32Array(2), new Float32Array(3)];
    const good = { rate: 1, momentum: 0.5, longest: 1 };
    const wrong = [
      { rate: 0 },
      { rate: 1025 },
      { rate: Number.NaN },
      { momentum: -0.1 },
      { momentum: 1 },
      { momentum: 1 - 2 ** -40 },
    ];
    for (const bad of [...wrong, { longest: 0 }, { longest: Number.POSITIVE_INFINITY }, { longest: Number.NaN }]) {
      expect(codeOf(() => aggregatorOf(2).step(two, two, two, { ...good, ...bad }))).toBe('LEARN_BAD_STEP');
    }
    expect(codeOf(() => aggregatorOf(2).step(three, two, two, good))).toBe('LEARN_BAD_WEIGHTS');
    expect(codeOf(() => aggregatorOf(2).step(two, three, two, good))).toBe('LEARN_BAD_WEIGHTS');
    expect(codeOf(() => aggregatorOf(2).step(two, two, three, good))).toBe('LEARN_BAD_GRADIENT');
    for (const bad of [{ parameters: 0 }, { parameters: 2 ** 20 + 1 }, { maxGradients: 0 }, { maxGradients: 129 }]) {
      expect(codeOf(() => kernels.createAggregator({ parameters: 4, maxGradients: 4, ...bad }))).toBe('KERNEL_OPTIONS');
    }
  });
});

describe('the aggregator in all its forms computes the same bits', () => {
  const shapes = fc.record({ length: fc.integer({ min: 1, max: 50 }), count: fc.integer({ min: 1, max: 14 }) });
  const cases = shapes.chain(({ length, count }) =>
    fc.record({
      gradients: fc.array(vectors(length, LIMIT), { minLength: count, maxLength: count }),
      faulty: fc.integer({ min: 0, max: Math.floor((count - 1) / 2) }),
      rate: fc.double({ min: 1e-6, max: 1024, noNaN: true }),
      momentum: fc.double({ min: 0, max: 0.999, noNaN: true }),
      longest: fc.double({ min: 1e-6, max: 1e12, noNaN: true }),
    }),
  );

  test('of aggregates and of steps, and every number is finite', () => {
    fc.assert(
      fc.property(cases, ({ gradients, faulty, rate, momentum, longest }) => {
        const parameters = gradients[0]!.length;
        const [first, ...others] = variants.map((kernels) => {
          const aggregator = kernels.createAggregator({ parameters, maxGradients: 14 });
          const aggregate = aggregator.aggregate(gradients, faulty);
          const velocity = gradients.at(-1)!;
          const step = aggregator.step(gradients[0]!, velocity, aggregate, { rate, momentum, longest });
          return [aggregate, step.velocity, step.weights];
        });
        for (const vector of first!) expect(vector.every(Number.isFinite)).toBe(true);
        for (const other of others) expect(other.map(bitsOf)).toEqual(first!.map(bitsOf));
      }),
      { numRuns: 150, interruptAfterTimeLimit: 20_000 },
    );
  });

  test('of many and long gradients too, which more than one block and many kinds of sorting network take part in', () => {
    for (const [count, length] of [
      [4, 1000],
      [10, 600],
      [31, 300],
      [100, 33],
      [128, 17],
    ] as const) {
      const gradients = randomVectors(count, length, length);
      for (const vector of gradients.slice(0, 3)) for (let i = 0; i < length; i++) vector[i]! *= 50;
      const [first, ...others] = variants.map((kernels) =>
        kernels.createAggregator({ parameters: length, maxGradients: count }).aggregate(gradients, faultyOf(count)),
      );
      for (const other of others) expect(bitsOf(other)).toEqual(bitsOf(first!));
    }
  });
});
