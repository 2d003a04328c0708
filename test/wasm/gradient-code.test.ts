import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { AggregatorKernel } from '../../src/wasm/learn.ts';
import { codeOf } from './codes.ts';
import { bitsOf, vectors } from './float-bits.ts';
import { variants } from './variants.ts';

/** The greatest number that a block can hold: 127 · 2³³. */
const GREATEST = 127 * 2 ** 33;

describe.each(variants)('gradients as they travel, by $name', (kernels) => {
  const aggregatorOf = (parameters: number): AggregatorKernel =>
    kernels.createAggregator({ parameters, maxGradients: 1 });

  test('a byte for every block of 32 and one for every number', () => {
    expect([1, 31, 32, 33, 64, 65, 4225].map((parameters) => aggregatorOf(parameters).codeBytes)).toEqual([
      2, 32, 33, 35, 66, 68, 4358,
    ]);
  });

  test('numbers are multiples of a power of two with which the greatest of them fits ±127', () => {
    const aggregator = aggregatorOf(4);
    const code = (...values: number[]): number[] => [
      ...new Int8Array(aggregator.encode(Float32Array.from(values)).buffer),
    ];
    expect(code(127, -64, 1, 0)).toEqual([0, 127, -64, 1, 0]);
    expect(code(127.5, -64, 1, 0)).toEqual([1, 64, -32, 0, 0]);
    expect(code(1, 0.5, -0.25, 0)).toEqual([-6, 64, 32, -16, 0]);
    // Halves go to the even one.
    expect(code(100, 0.5, 1.5, -2.5)).toEqual([0, 100, 0, 2, -2]);
    expect(code(0, -0, 0, 0)).toEqual([-64, 0, 0, 0, 0]);
    expect(code(2 ** -149, 2 ** -70, 2 ** -64, -(2 ** -63))).toEqual([-64, 0, 0, 1, -2]);
    expect(code(GREATEST, -GREATEST, 0, 2 ** 33)).toEqual([33, 127, -127, 0, 1]);
    expect(codeOf(() => code(Math.fround(GREATEST * 1.000001), 0, 0, 0))).toBe('LEARN_BAD_GRADIENT');
  });

  test('refuses what is no code of a gradient', () => {
    const aggregator = aggregatorOf(33);
    const good = aggregator.encode(new Float32Array(33).fill(100));
    const changed = (at: number, value: number): Uint8Array => good.map((byte, i) => (i === at ? value : byte));
    expect([...aggregator.decode(good)]).toEqual(new Array(33).fill(100));
    expect(codeOf(() => aggregator.decode(good.subarray(1)))).toBe('LEARN_BAD_GRADIENT');
    expect(codeOf(() => aggregator.decode(new Uint8Array(36)))).toBe('LEARN_BAD_GRADIENT');
    // −128, exponents out of range, and a block that a smaller exponent would have done for.
    for (const [at, value] of [
      [2, 128],
      [34, 128],
      [0, 34],
      [0, 127],
      [0, 0x80],
      [1, 0xbf],
      [34, 63],
    ] as const) {
      expect(
        codeOf(() => aggregator.decode(changed(at, value))),
        `${at} ${value}`,
      ).toBe('LEARN_BAD_GRADIENT');
    }
    expect(codeOf(() => aggregator.encode(new Float32Array(32)))).toBe('LEARN_BAD_GRADIENT');
  });
});

describe('gradients as they travel', () => {
  const gradients = fc.integer({ min: 1, max: 100 }).chain((length) => vectors(length, GREATEST));

  test('one code, the same everywhere, near to the gradient; and it is the code of what it decodes to', () => {
    fc.assert(
      fc.property(gradients, (gradient) => {
        const [first, ...others] = variants.map((kernels) => {
          const aggregator = kernels.createAggregator({ parameters: gradient.length, maxGradients: 1 });
          const code = aggregator.encode(gradient);
          const decoded = aggregator.decode(code);
          expect(aggregator.encode(decoded)).toEqual(code);
          return { code, bits: bitsOf(decoded), decoded };
        });
        for (const { code, bits } of others) expect({ code, bits }).toEqual({ code: first!.code, bits: first!.bits });
        for (let at = 0; at < gradient.length; at += 32) {
          const block = gradient.subarray(at, at + 32);
          const bound = Math.max(Math.max(...block.map(Math.abs)) / 127, 2 ** -65);
          for (const [i, value] of block.entries())
            expect(Math.abs(first!.decoded[at + i]! - value)).toBeLessThanOrEqual(bound);
        }
      }),
      { numRuns: 200, interruptAfterTimeLimit: 20_000 },
    );
  });

  test('any bytes are refused by all, or decoded alike by all to a gradient that has this code', () => {
    const near = fc.uint8Array({ minLength: 35, maxLength: 35 }).map((bytes) => {
      // Exponents that are in range more often than not.
      bytes[0]! &= 0x1f;
      return bytes;
    });
    fc.assert(
      fc.property(near, (code) => {
        const answers = variants.map((kernels) => {
          const aggregator = kernels.createAggregator({ parameters: 33, maxGradients: 1 });
          let decoded: Float32Array;
          const refusal = codeOf(() => {
            decoded = aggregator.decode(code);
          });
          if (refusal === 'LEARN_BAD_GRADIENT') return refusal;
          expect(aggregator.encode(decoded!)).toEqual(code);
          return [...bitsOf(decoded!)].join();
        });
        expect(new Set(answers).size).toBe(1);
      }),
      { numRuns: 300, interruptAfterTimeLimit: 20_000 },
    );
  });
});
