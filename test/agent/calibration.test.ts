import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fitPlatt, generator } from '../../scripts/origin-fit.ts';
import { auc, brier, committeeRates, outcomeOf, voteRates } from '../../scripts/origin-metrics.ts';
import { type Calibration, calibrate, logit, parseCalibration, sigmoid } from '../../src/agent/calibration.ts';
import { opinionOf, VERDICT, verdictOf } from '../../src/agent/opinion.ts';

describe('calibration', () => {
  test('by each method', () => {
    expect(calibrate({ method: 'none' }, 'probability', 0.3)).toBe(0.3);
    expect(calibrate({ method: 'none' }, 'score', 0)).toBe(0.5);
    expect(calibrate({ method: 'temperature', t: 2 }, 'probability', sigmoid(3))).toBeCloseTo(sigmoid(1.5), 6);
    expect(calibrate({ method: 'platt', a: -2, b: 1 }, 'score', 0.5)).toBeCloseTo(0.5, 12);
    const isotonic: Calibration = { method: 'isotonic', x: [0, 1, 1, 3], y: [0.1, 0.2, 0.4, 0.8] };
    expect([-1, 0, 0.5, 2, 9].map((x) => calibrate(isotonic, 'score', x))).toEqual([
      0.1,
      0.1,
      expect.closeTo(0.15, 12),
      expect.closeTo(0.6, 12),
      0.8,
    ]);
  });

  test('keeps what is no number, and takes what is no probability for none', () => {
    for (const output of [Number.NaN, Infinity, -Infinity])
      expect(calibrate({ method: 'none' }, 'score', output)).toBeNaN();
    expect(calibrate({ method: 'none' }, 'probability', 1.5)).toBeNaN();
    expect(calibrate({ method: 'none' }, 'probability', 1.0000001)).toBe(1);
  });

  test('stays in 0 … 1 and keeps order', () => {
    const methods: Calibration[] = [
      { method: 'none' },
      { method: 'temperature', t: 0.5 },
      { method: 'platt', a: 3, b: -1 },
      { method: 'isotonic', x: [0.2, 0.8], y: [0, 1] },
    ];
    const probability = fc.double({ min: 0, max: 1, noNaN: true });
    fc.assert(
      fc.property(fc.constantFrom(...methods), probability, probability, (method, a, b) => {
        const [low, high] = [Math.min(a, b), Math.max(a, b)].map((p) => calibrate(method, 'probability', p)) as [
          number,
          number,
        ];
        expect(low).toBeGreaterThanOrEqual(0);
        expect(high).toBeLessThanOrEqual(1);
        expect(low).toBeLessThanOrEqual(high);
      }),
    );
  });

  test('is refused when it is not understood', () => {
    for (const wrong of [
      null,
      {},
      { method: 'temperature', t: 0 },
      { method: 'platt', a: 0, b: 1 },
      { method: 'isotonic', x: [1, 0], y: [0, 1] },
      { method: 'isotonic', x: [0], y: [2] },
    ]) {
      expect(() => parseCalibration(wrong)).toThrow(expect.objectContaining({ code: 'MODEL_CARD' }));
    }
  });

  test('fitted by Platt finds the scale that outcomes were drawn with', () => {
    const random = generator(5);
    const scores = Array.from({ length: 20_000 }, () => 8 * random() - 4);
    const labels = scores.map((score) => Number(random() < sigmoid(0.7 * score - 0.4)));
    const { a, b } = fitPlatt(scores, labels);
    expect(a).toBeCloseTo(0.7, 1);
    expect(b).toBeCloseTo(-0.4, 1);
    expect(logit(sigmoid(2))).toBeCloseTo(2, 9);
  });
});

describe('verdicts', () => {
  test('have both borders inside', () => {
    expect([0.3, 0.31, 0.69, 0.7, Number.NaN].map((p) => verdictOf(p, 0.7))).toEqual([
      VERDICT.APPROVE,
      VERDICT.ABSTAIN,
      VERDICT.ABSTAIN,
      VERDICT.REJECT,
      VERDICT.ABSTAIN,
    ]);
  });

  test('come with a confidence of 5000 … 10000, whole', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: 0, max: 1 }), { minLength: 1, maxLength: 20 }), (p) => {
        const { confidence } = opinionOf(Float64Array.from(p), 0.7);
        expect(Number.isInteger(confidence) && confidence >= 5000 && confidence <= 10_000).toBe(true);
      }),
    );
  });
});

describe('figures of the training script', () => {
  test('AUC equals the share of pairs in the right order', () => {
    const item = fc.record({ score: fc.integer({ min: 0, max: 5 }), label: fc.constantFrom(0, 1) });
    fc.assert(
      fc.property(fc.array(item, { minLength: 2, maxLength: 40 }), (items) => {
        const [bad, good] = [items.filter(({ label }) => label === 1), items.filter(({ label }) => label === 0)];
        fc.pre(bad.length > 0 && good.length > 0);
        const pairs = bad.flatMap(({ score: a }) =>
          good.map(({ score: b }) => (a > b ? 1 : a === b ? 0.5 : 0) as number),
        );
        const share = pairs.reduce((sum, value) => sum + value, 0) / pairs.length;
        expect(
          auc(
            items.map(({ score }) => score),
            items.map(({ label }) => label),
          ),
        ).toBeCloseTo(share, 12);
      }),
    );
  });

  test('Brier score and vote rates of a small case', () => {
    const [p, labels] = [
      [0.1, 0.5, 0.9, 0.8],
      [0, 0, 1, 0],
    ];
    expect(brier(p, labels)).toBeCloseTo((0.01 + 0.25 + 0.01 + 0.64) / 4, 12);
    expect(voteRates(p, labels, 0.7)).toEqual({
      accuracy: 2 / 3,
      abstainRate: 0.25,
      falseRejectRate: 1 / 3,
      falseApproveRate: 0,
    });
  });

  test('a committee decides as the rules say: Q approvals, or f + 1 rejections', () => {
    const { APPROVE: a, REJECT: r, ABSTAIN: s } = VERDICT;
    expect(outcomeOf([a, a, a, r])).toBe('APPROVED');
    expect(outcomeOf([a, a, r, r])).toBe('REJECTED');
    expect(outcomeOf([a, a, s, r])).toBe('EXPIRED');
    expect(outcomeOf([a, a, s])).toBe('EXPIRED');
    expect(
      committeeRates(
        [
          [0.1, 0.9],
          [0.1, 0.9],
          [0.1, 0.5],
          [0.9, 0.1],
        ],
        [0, 1],
        0.7,
      ),
    ).toMatchObject({ expired: 0, agreement: 1, disagreement: 1 });
  });
});
