import { expect, test } from 'vitest';
import { expOfNegative, log1pOfFraction, logisticLoss, probability } from '../../src/wasm/twin/logistic-loss.ts';
import { variants } from './variants.ts';

/** Distance of `value` from `expected`, in units of the last place of `expected`. */
function ulps(value: number, expected: number): number {
  const ulp = 2 ** (Math.floor(Math.log2(expected)) - 52);
  return Math.abs(value - expected) / ulp;
}

test('exp and log1p are as exact as those of the engine, give or take the last place', () => {
  for (let i = 0; i <= 40_000; i++) {
    const x = -i / 64;
    expect(ulps(expOfNegative(x), Math.exp(x)), `exp ${x}`).toBeLessThanOrEqual(1.5);
  }
  for (let i = 1; i <= 10_000; i++) {
    const u = i / 10_000;
    expect(ulps(log1pOfFraction(u), Math.log1p(u)), `log1p ${u}`).toBeLessThanOrEqual(3);
  }
  expect([expOfNegative(0), expOfNegative(-1e300), log1pOfFraction(0)]).toEqual([1, 0, 0]);
});

test('loss and probability at the ends', () => {
  expect([probability(1e30), probability(-1e30), probability(0)]).toEqual([1, 0, 0.5]);
  expect([logisticLoss(1e30, 1), logisticLoss(-1e30, 0), logisticLoss(1e30, 0)]).toEqual([0, 0, 1e30]);
});

test('the core has the same bits of them', () => {
  const rows = 4096;
  const inputs = Float32Array.from({ length: rows }, (_, i) => ((i - rows / 2) * 720) / rows);
  for (const kernels of variants) {
    const network = kernels.createNetwork({ inputs: 1, hidden: [], maxRows: 1 });
    for (let i = 0; i < rows; i += 7) {
      const batch = { inputs: inputs.subarray(i, i + 1), targets: Float32Array.of(i % 2) };
      const { loss, gradient } = network.gradient(Float32Array.of(1, 0), batch);
      expect(loss).toBe(logisticLoss(inputs[i]!, i % 2));
      expect(gradient[1]).toBe(Math.fround(probability(inputs[i]!) - (i % 2)));
    }
  }
});
