import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { loadOnnx } from '../../src/agent/onnx/load.ts';
import { node, tensor, valueInfo, writeModel } from '../../src/agent/onnx/write.ts';
import { OnnxModel } from '../../src/agent/onnx-model.ts';
import { ModelPool } from '../../src/agent/pool.ts';
import {
  autoencoder,
  boostedStump,
  CARD,
  isolationForest,
  kerasSoftmax,
  namedColumns,
  nanForZero,
  sklearnLogistic,
  torchMlp,
  transaction,
  write,
} from './fixtures.ts';

const DEADLINE_MS = 30_000;
const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));
const code = (expected: string): unknown => expect.objectContaining({ code: expected });
/** Rows of the two features: (0, 1), (1, 1), (1, 0). */
const ITEMS = [transaction(), transaction({ to: 'aa' }), transaction({ to: 'aa', origin: '' })];

let pool: ModelPool;
beforeAll(async () => {
  pool = await ModelPool.start();
});
afterAll(() => pool.close());

async function score(bytes: Uint8Array, card?: unknown): Promise<number[]> {
  const model = await OnnxModel.open(write(bytes, card), pool);
  return [...((await model.score(ITEMS, DEADLINE_MS)) ?? [])];
}

function expectClose(given: readonly number[], wanted: readonly number[]): void {
  expect(given).toHaveLength(wanted.length);
  for (const [i, value] of given.entries()) expect(value).toBeCloseTo(wanted[i]!, 5);
}

describe('forms that exporters write', () => {
  const logistic = [sigmoid(-2.5), sigmoid(-0.5), sigmoid(2.5)];

  test('scikit-learn, with and without ZipMap', async () => {
    expectClose(await score(sklearnLogistic({ zipMap: true }), CARD), logistic);
    expectClose(await score(sklearnLogistic({ zipMap: false }), CARD), logistic);
  });

  test('LightGBM and XGBoost trees', async () => {
    expectClose(await score(boostedStump(), CARD), [0.2, 0.9, 0.9]);
  });

  test('torch, ending in a probability or in a logit that the card calls a score', async () => {
    const p = [sigmoid(-1), sigmoid(1), sigmoid(2)];
    expectClose(await score(torchMlp('Sigmoid'), CARD), p);
    expectClose(await score(torchMlp('Identity'), { ...CARD, output: { scale: 'score' } }), p);
  });

  test('a batch fixed to one row is run row by row', async () => {
    expectClose(await score(torchMlp('Sigmoid', { batch: 1 }), CARD), [sigmoid(-1), sigmoid(1), sigmoid(2)]);
  });

  test('keras, two classes', async () => {
    expectClose(await score(kerasSoftmax(), CARD), [sigmoid(-2), sigmoid(2), sigmoid(2)]);
  });

  test('the class that rejects may be named by the card, by column or by label', async () => {
    const [, p1] = logistic;
    expectClose(
      (await score(sklearnLogistic({ zipMap: false }), { ...CARD, output: { rejectClasses: [0] } })).slice(1, 2),
      [1 - p1!],
    );
    expectClose(
      (await score(sklearnLogistic({ zipMap: false }), { ...CARD, output: { rejectClasses: ['0'] } })).slice(1, 2),
      [1 - p1!],
    );
  });

  test('an input for each column; without a card, kind and features are told by their names', async () => {
    const bytes = namedColumns(['is_self_transfer', 'has_origin']);
    const wanted = [sigmoid(-1), sigmoid(1), sigmoid(2)];
    expectClose(await score(bytes, CARD), wanted);
    const model = await OnnxModel.open(write(bytes), pool);
    expect(model.kind).toBe('transaction');
    expect(model.inferred).toContain('kind transaction');
    expectClose([...((await model.score(ITEMS, DEADLINE_MS)) ?? [])], wanted);
  });

  test('an isolation forest, calibrated: a low score is odd', async () => {
    const card = { ...CARD, calibration: { method: 'platt', a: -4, b: 0 } };
    expectClose(await score(isolationForest(), card), [sigmoid(-2), sigmoid(2), sigmoid(2)]);
  });

  test('an autoencoder, calibrated: what it cannot rebuild is odd', async () => {
    const input = ['is_self_transfer', 'has_origin', 'origin_is_idn'];
    const card = { kind: 'transaction', input, calibration: { method: 'isotonic', x: [0, 0.25], y: [0, 1] } };
    expectClose(await score(autoencoder(), card), [1 / 3, 2 / 3, 1 / 3]);
  });
});

describe('what is refused on opening', () => {
  const open = (bytes: Uint8Array, card?: unknown): Promise<unknown> =>
    OnnxModel.open(write(bytes, card), pool).catch((error: unknown) => error);

  test('no card, and nothing tells what is judged', async () => {
    expect(await open(torchMlp('Sigmoid'))).toEqual(code('MODEL_NO_CARD'));
  });

  test('features that do not exist, or not as many as the model takes', async () => {
    expect(await open(torchMlp('Sigmoid'), { ...CARD, input: ['is_self_transfer', 'phase_of_moon'] })).toEqual(
      code('MODEL_FEATURE'),
    );
    expect(await open(torchMlp('Sigmoid'), { ...CARD, input: ['has_origin'] })).toEqual(code('MODEL_INPUT'));
    expect(await open(torchMlp('Sigmoid'), { ...CARD, input: 'tea-leaves/1' })).toEqual(code('MODEL_INPUT'));
    expect(await open(torchMlp('Sigmoid', { batch: 4 }), CARD)).toEqual(code('MODEL_INPUT'));
  });

  test('an output that could mean anything', async () => {
    expect(await open(torchMlp('Identity'), CARD)).toEqual(code('MODEL_OUTPUT'));
    expect(await open(torchMlp('Sigmoid'), { ...CARD, output: { tensor: 'elsewhere' } })).toEqual(code('MODEL_OUTPUT'));
    expect(await open(torchMlp('Sigmoid'), { ...CARD, output: { rejectClasses: [3] } })).toEqual(code('MODEL_OUTPUT'));
  });

  test('scores without a calibration', async () => {
    expect(await open(isolationForest(), CARD)).toEqual(code('MODEL_NEEDS_CALIBRATION'));
    expect(await open(autoencoder(), { ...CARD, input: [...CARD.input, 'origin_is_idn'] })).toEqual(
      code('MODEL_NEEDS_CALIBRATION'),
    );
  });

  const graph = (
    nodes: Parameters<typeof writeModel>[0]['nodes'],
    constants: Parameters<typeof writeModel>[0]['constants'] = [],
  ): Uint8Array =>
    writeModel({
      inputs: [valueInfo('x', 'float32', ['N', 2])],
      outputs: [valueInfo('probability', 'float32', ['N', 1])],
      nodes,
      constants,
    });
  const ONE = tensor('one', BigInt64Array.of(1n), [1]);
  const ZERO = tensor('zero', BigInt64Array.of(0n), [1]);

  test('a graph that the runtime does not take', async () => {
    expect(await open(graph([node('Sigmoid', ['nowhere'], ['probability'])]), CARD)).toEqual(code('MODEL_LOAD'));
  });

  test('an output of another shape than declared', async () => {
    const oneForAll = graph(
      [
        node('ReduceMean', ['x', 'zero'], ['m']),
        node('ReduceMean', ['m', 'one'], ['s']),
        node('Sigmoid', ['s'], ['probability']),
      ],
      [ZERO, ONE],
    );
    expect(await open(oneForAll, CARD)).toEqual(code('MODEL_OUTPUT'));
  });

  test('rows that depend on their neighbours', async () => {
    const centred = graph(
      [
        node('ReduceMax', ['x', 'zero'], ['m']),
        node('Sub', ['x', 'm'], ['c']),
        node('ReduceSum', ['c', 'one'], ['s']),
        node('Sigmoid', ['s'], ['probability']),
      ],
      [ZERO, ONE],
    );
    expect(await open(centred, CARD)).toEqual(code('MODEL_PROBE'));
  });

  test('a model that gives no numbers', async () => {
    const log = graph(
      [
        node('Neg', ['x'], ['n']),
        node('Log', ['n'], ['l']),
        node('ReduceSum', ['l', 'one'], ['s']),
        node('Sigmoid', ['s'], ['probability']),
      ],
      [ONE],
    );
    expect(await open(log, CARD)).toEqual(code('MODEL_PROBE'));
  });
});

test('rows that it gives no number for, or lacks features for, are NaN; the others are judged', async () => {
  const p = await score(nanForZero(), CARD);
  expect(p[0]).toBeNaN();
  expect(p[1]).toBeCloseTo(Math.sqrt(0.6), 5);
  const model = await OnnxModel.open(
    write(torchMlp('Sigmoid'), { ...CARD, input: ['has_origin', 'behaviour.sent_count'] }),
    pool,
  );
  const behaved = await model.score([transaction(), transaction({ behaviour: { sent_count: 1 } })], DEADLINE_MS);
  expect(behaved?.[0]).toBeNaN();
  expect(behaved?.[1]).toBeCloseTo(sigmoid(1), 5);
});

const SHARED = join(import.meta.dirname, '../../../shared/models');
interface Reference {
  readonly file: string;
  readonly inputs: Readonly<Record<string, readonly (readonly number[])[]>>;
  readonly outputs: {
    readonly output_label: readonly number[];
    readonly output_probability: readonly (readonly number[])[];
  };
}

test.skipIf(!existsSync(SHARED))(
  "another runtime's outputs are reproduced (../shared/models; skipped without it)",
  async () => {
    const all = JSON.parse(readFileSync(join(SHARED, 'reference-outputs.json'), 'utf8')) as Record<string, Reference>;
    for (const { file, inputs, outputs } of Object.values(all)) {
      const { bytes, sha256 } = await loadOnnx(join(SHARED, file));
      await pool.load(sha256, bytes);
      const rows = inputs.input!;
      const feeds = {
        input: { type: 'float32', dims: [rows.length, rows[0]!.length], data: Float32Array.from(rows.flat()) },
      };
      const results = await pool.run(sha256, [feeds], ['output_label', 'output_probability'], DEADLINE_MS);
      expect(Array.from(results![0]!.output_label!.data, Number)).toEqual(outputs.output_label);
      const wanted = outputs.output_probability.flat();
      for (const [i, value] of Array.from(results![0]!.output_probability!.data, Number).entries())
        expect(value).toBeCloseTo(wanted[i]!, 6);
    }
  },
);

test.skipIf(!existsSync(SHARED))(
  'a model of bytes judges what has no other meaning (../shared/models; skipped without it)',
  async () => {
    const { parseCard } = await import('../../src/agent/onnx/card.ts');
    const rejectClasses = [0, 1, 2];
    const card = parseCard({
      kind: 'other',
      input: 'bytes/1',
      output: { tensor: 'target_label', scale: 'probability', rejectClasses },
    });
    const model = await OnnxModel.open(join(SHARED, 'magika_standard_v3_3.onnx'), pool, { card });
    const text = new TextEncoder().encode('#!/bin/sh\nset -e\nfor f in *.txt; do echo "$f"; done\n'.repeat(20));
    const [p = Number.NaN] = (await model.score([{ kind: 'other', body: text }], DEADLINE_MS)) ?? [];
    expect(p).toBeGreaterThanOrEqual(0);
    expect(p).toBeLessThanOrEqual(1);
  },
);
