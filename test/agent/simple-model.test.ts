import { writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { SimpleModel } from '../../src/agent/simple-model.ts';
import { transaction, write } from './fixtures.ts';

const CONTENT = {
  kind: 'transaction',
  input: ['amount_log1p', 'has_origin'],
  weights: [0.5, -2],
  bias: 0.25,
  mean: [1, 0],
  scale: [2, 1],
} as const;
const code = (expected: string): unknown => expect.objectContaining({ code: expected });

test('is the logistic function of the standardised features', async () => {
  const p = await SimpleModel.of(CONTENT).score([transaction({ amount: 6n }), transaction({ amount: 0n, origin: '' })]);
  const of = (x: number, y: number): number => 1 / (1 + Math.exp(-((0.5 * (x - 1)) / 2 - 2 * y + 0.25)));
  expect(p[0]).toBeCloseTo(of(Math.log(7), 1), 6);
  expect(p[1]).toBeCloseTo(of(0, 0), 12);
});

test('applies its calibration, and gives NaN for what lacks a feature', async () => {
  const model = SimpleModel.of({
    ...CONTENT,
    input: ['has_origin', 'behaviour.sent'],
    calibration: { method: 'platt', a: 2, b: 0 },
  });
  const p = await model.score([transaction({ behaviour: { sent: 1 } }), transaction()]);
  const score = 0.5 * 0 - 2 + 0.25;
  expect(p[0]).toBeCloseTo(1 / (1 + Math.exp(-2 * score)), 6);
  expect(p[1]).toBeNaN();
});

test('is read from a file, whose hash it bears', async () => {
  const file = write(new Uint8Array(0), undefined, 'simple.json');
  writeFileSync(file, JSON.stringify(CONTENT));
  const model = await SimpleModel.open(file);
  expect(model.sha256).toBe(SimpleModel.of(CONTENT).sha256);
  await expect(SimpleModel.open(`${file}.absent`)).rejects.toMatchObject({ code: 'MODEL_FILE_MISSING' });
});

test('refuses files that do not fit together', () => {
  const wrong: object[] = [
    { ...CONTENT, weights: [1] },
    { ...CONTENT, bias: 'low' },
    { ...CONTENT, scale: [1, 0] },
    { ...CONTENT, input: 'bytes/1' },
    { ...CONTENT, kind: undefined },
  ];
  for (const content of wrong) expect(() => SimpleModel.of(content as typeof CONTENT)).toThrow(code('MODEL_CARD'));
  expect(() => SimpleModel.of({ ...CONTENT, input: ['amount_log1p', 'nonsense'] })).toThrow(code('MODEL_FEATURE'));
});
