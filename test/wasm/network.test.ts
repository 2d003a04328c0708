import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { naiveGradient } from '../../src/bench/naive/network.ts';
import type { NetworkBatch, NetworkKernel, NetworkOptions } from '../../src/wasm/learn.ts';
import { seeded } from '../support/random.ts';
import { codeOf } from './codes.ts';
import { bitsOf, vectors } from './float-bits.ts';
import { variants } from './variants.ts';

const LIMIT = 2 ** 20;
/** Inputs and hidden layers: with a multiple of the lanes, with less, with more than one line of the cache. */
const SHAPES = [[1], [3], [16], [45], [4, 4], [5, 3], [7, 21], [20, 1], [3, 5, 2], [18, 17, 33]];

const uniform = (length: number, seed: number, bound: number): Float32Array => {
  const random = seeded(seed);
  return Float32Array.from({ length }, () => bound * (random.below(2 ** 20) / 2 ** 19 - 1));
};

function batchOf(rows: number, width: number, seed: number): NetworkBatch {
  const inputs = uniform(rows * width, seed, 2);
  const targets = uniform(rows, seed + 1, 1).map((value) => (value > 0 ? 1 : 0));
  return { inputs, targets, importances: uniform(rows, seed + 2, 1).map(Math.abs) };
}

describe.each(variants)('network of $name', (kernels) => {
  const networkOf = (inputs: number, hidden: readonly number[] = [], maxRows = 8): NetworkKernel =>
    kernels.createNetwork({ inputs, hidden, maxRows });

  test('logistic regression by hand', () => {
    const network = networkOf(2);
    const weights = Float32Array.of(1, -2, 0.5);
    expect(network.parameters).toBe(3);
    expect([...network.logits(weights, Float32Array.of(3, 1, 0, 0))]).toEqual([1.5, 0.5]);
    // At a logit of 0 the loss is ln 2 and the error p − target is ±1/2.
    const batch = { inputs: Float32Array.of(2, 1.25), targets: Float32Array.of(1) };
    const { loss, gradient } = network.gradient(weights, batch);
    expect(loss).toBeCloseTo(Math.LN2, 15);
    expect([...gradient]).toEqual([-1, -0.625, -0.5]);
    const halved = network.gradient(weights, { ...batch, importances: Float32Array.of(0.5) });
    expect([halved.loss, ...halved.gradient]).toEqual([loss / 2, -0.5, -0.3125, -0.25]);
  });

  test('a hidden layer by hand: what is not positive passes neither forward nor back', () => {
    const network = networkOf(1, [2]);
    // Hidden values of the input 3: max(0, 6 − 1) = 5 and max(0, −3 + 1) = 0; logit 5·1 + 0·4 − 5 = 0.
    const weights = Float32Array.of(2, -1, -1, 1, 1, 4, -5);
    const { gradient } = network.gradient(weights, { inputs: Float32Array.of(3), targets: Float32Array.of(0) });
    expect([...gradient]).toEqual([0.5 * 3, 0, 0.5, 0, 0.5 * 5, 0, 0.5]);
  });

  test('is the chain rule in double precision', () => {
    for (const [width, ...hidden] of SHAPES) {
      const network = networkOf(width!, hidden);
      const weights = uniform(network.parameters, 1, 1);
      for (const rows of [1, 3, 4, 8]) {
        const batch = batchOf(rows, width!, rows);
        const expected = naiveGradient([width!, ...hidden, 1], weights, batch);
        const { loss, gradient } = network.gradient(weights, batch);
        expect(loss).toBeCloseTo(expected.loss, 5);
        expect(network.loss(weights, batch)).toBe(loss);
        for (const [i, value] of expected.gradient.entries())
          expect(gradient[i], `${width}-${hidden}`).toBeCloseTo(value, 4);
      }
    }
  });

  test('the gradient is the slope of the loss', () => {
    const network = networkOf(3, [4, 2]);
    const batch = batchOf(8, 3, 9);
    const weights = uniform(network.parameters, 4, 1);
    const { gradient } = network.gradient(weights, batch);
    const step = 2 ** -9;
    for (const [i, slope] of gradient.entries()) {
      const moved = (by: number): number =>
        network.loss(
          weights.map((weight, k) => (k === i ? weight + by : weight)),
          batch,
        );
      expect((moved(step) - moved(-step)) / (2 * step), String(i)).toBeCloseTo(slope, 3);
    }
  });

  test('sure logits, of either sign, have an exact loss', () => {
    const network = networkOf(1);
    const lossOf = (logit: number, target: number): number =>
      network.loss(Float32Array.of(1, 0), { inputs: Float32Array.of(logit), targets: Float32Array.of(target) });
    expect([lossOf(1000, 1), lossOf(1000, 0), lossOf(-1000, 0), lossOf(-1000, 1)]).toEqual([0, 1000, 0, 1000]);
    expect(lossOf(-30, 0)).toBeCloseTo(Math.exp(-30), 25);
    expect(lossOf(LIMIT, 0)).toBe(LIMIT);
  });

  test('what an earlier, larger batch held does not show', () => {
    const network = networkOf(5, [6]);
    const weights = uniform(network.parameters, 1, 1);
    const small = batchOf(2, 5, 1);
    const before = network.gradient(weights, small);
    network.gradient(uniform(network.parameters, 2, 1), batchOf(8, 5, 2));
    expect(network.gradient(weights, small)).toEqual(before);
  });

  test('refusals', () => {
    const network = networkOf(2, [3]);
    const weights = uniform(network.parameters, 1, 1);
    const batch = batchOf(4, 2, 1);
    const weightsWith = (value: number): Float32Array => weights.map((weight, i) => (i === 12 ? value : weight));
    const inputsWith = (value: number): Float32Array => batch.inputs.map((input, i) => (i === 7 ? value : input));
    for (const value of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 2 * LIMIT, -2 * LIMIT]) {
      expect(codeOf(() => network.logits(weightsWith(value), batch.inputs))).toBe('LEARN_BAD_WEIGHTS');
      expect(codeOf(() => network.loss(weightsWith(value), batch))).toBe('LEARN_BAD_WEIGHTS');
      expect(codeOf(() => network.logits(weights, inputsWith(value)))).toBe('LEARN_BAD_BATCH');
      expect(codeOf(() => network.gradient(weights, { ...batch, inputs: inputsWith(value) }))).toBe('LEARN_BAD_BATCH');
    }
    expect(codeOf(() => network.logits(weights.subarray(1), batch.inputs))).toBe('LEARN_BAD_WEIGHTS');
    for (const rows of [0, 0.5, 9])
      expect(codeOf(() => network.logits(weights, new Float32Array(2 * rows)))).toBe('LEARN_BAD_BATCH');
    for (const bad of [-0.5, 1.5, Number.NaN]) {
      const values = new Float32Array(4).fill(bad, 2, 3);
      expect(codeOf(() => network.loss(weights, { ...batch, targets: values }))).toBe('LEARN_BAD_BATCH');
      expect(codeOf(() => network.loss(weights, { ...batch, importances: values }))).toBe('LEARN_BAD_BATCH');
    }
    expect(codeOf(() => network.loss(weights, { ...batch, targets: new Float32Array(3) }))).toBe('LEARN_BAD_BATCH');
    // A refusal leaves nothing behind.
    expect(network.gradient(weights, batch)).toEqual(networkOf(2, [3]).gradient(weights, batch));
  });

  test('refuses networks that are too large, or none', () => {
    const good: NetworkOptions = { inputs: 4, hidden: [4], maxRows: 4 };
    const bad = [
      { inputs: 0 },
      { inputs: 4097 },
      { hidden: [4, 0] },
      { hidden: [4, 4, 4] },
      { hidden: [1.5] },
      { maxRows: 0 },
    ];
    for (const options of [...bad, { maxRows: 4097 }, { inputs: 4096, hidden: [300] }]) {
      expect(codeOf(() => kernels.createNetwork({ ...good, ...options }))).toBe('KERNEL_OPTIONS');
    }
  });
});

describe('the network in all its forms', () => {
  const cases = fc
    .record({
      inputs: fc.integer({ min: 1, max: 20 }),
      hidden: fc.array(fc.integer({ min: 1, max: 9 }), { maxLength: 2 }),
      rows: fc.integer({ min: 1, max: 6 }),
    })
    .chain(({ inputs, hidden, rows }) => {
      const widths = [inputs, ...hidden, 1];
      const parameters = widths.slice(1).reduce((sum, outputs, i) => sum + (widths[i]! + 1) * outputs, 0);
      return fc.record({
        options: fc.constant({ inputs, hidden, maxRows: 6 }),
        weights: vectors(parameters, LIMIT),
        inputs: vectors(rows * inputs, LIMIT),
        targets: vectors(rows, 1).map((values) => values.map(Math.abs).map((value) => Math.min(value, 1))),
        importances: vectors(rows, 1).map((values) => values.map(Math.abs).map((value) => Math.min(value, 1))),
      });
    });

  test('computes the same bits, and every number is finite', () => {
    fc.assert(
      fc.property(cases, ({ options, weights, ...batch }) => {
        const [first, ...others] = variants.map((kernels) => {
          const network = kernels.createNetwork(options);
          const { loss, gradient } = network.gradient(weights, batch);
          return {
            loss,
            gradient: bitsOf(gradient),
            logits: bitsOf(network.logits(weights, batch.inputs)),
            all: gradient,
          };
        });
        expect(Number.isFinite(first!.loss) && first!.all.every(Number.isFinite)).toBe(true);
        for (const other of others) expect(other).toEqual(first);
      }),
      { numRuns: 150, interruptAfterTimeLimit: 20_000 },
    );
  });

  test('computes the same bits of the sizes that are used', () => {
    for (const hidden of [[], [64], [64, 16]]) {
      const [first, ...others] = variants.map((kernels) => {
        const network = kernels.createNetwork({ inputs: 45, hidden, maxRows: 61 });
        const { loss, gradient } = network.gradient(uniform(network.parameters, 1, 0.5), batchOf(61, 45, 2));
        return { loss, gradient: bitsOf(gradient) };
      });
      for (const other of others) expect(other).toEqual(first);
    }
  });
});
