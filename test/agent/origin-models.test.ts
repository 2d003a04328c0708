import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { loadOrigins } from '../../scripts/origin-data.ts';
import { auc } from '../../scripts/origin-metrics.ts';
import { originRecords, recordsCsv } from '../../scripts/origin-records.ts';
import { partsOf } from '../../src/agent/features/origin.ts';
import { OnnxModel } from '../../src/agent/onnx-model.ts';
import { ModelPool } from '../../src/agent/pool.ts';
import { transaction } from './fixtures.ts';

const MODELS = join(import.meta.dirname, '../../models');
const FILES = readdirSync(MODELS).filter((name) => /^origin-\d\.onnx$/.test(name));
const DEADLINE_MS = 30_000;

interface OriginCard {
  readonly sha256: string;
  readonly metrics: { readonly auc: number };
  readonly examples: readonly { readonly origin: string; readonly p: number }[];
}
const RECORDS = originRecords();
const cardOf = (file: string): OriginCard =>
  JSON.parse(readFileSync(join(MODELS, `${file}.json`), 'utf8')) as OriginCard;
const asTransactions = (origins: readonly string[]): ReturnType<typeof transaction>[] =>
  origins.map((origin) => transaction({ origin }));

let pool: ModelPool;
beforeAll(async () => {
  pool = await ModelPool.start();
});
afterAll(() => pool.close());

test('four models ship, no two alike, each below 1 MB', () => {
  expect(FILES).toHaveLength(4);
  const contents = FILES.map((file) => readFileSync(join(MODELS, file)));
  expect(Math.max(...contents.map(({ length }) => length))).toBeLessThan(1_000_000);
  expect(new Set(contents.map((bytes) => createHash('sha256').update(bytes).digest('hex'))).size).toBe(4);
});

describe.each(FILES)('%s', (file) => {
  test('is the file of its card and gives what its card says', async () => {
    const card = cardOf(file);
    const model = await OnnxModel.open(join(MODELS, file), pool);
    expect(model.sha256).toBe(card.sha256);
    expect(model.inferred).toEqual([]);
    const p = await model.score(asTransactions(card.examples.map(({ origin }) => origin)), DEADLINE_MS);
    expect(card.examples.length).toBeGreaterThan(4);
    for (const [i, example] of card.examples.entries()) expect(p?.[i]).toBeCloseTo(example.p, 3);
  });

  test('judges held-out records as well as its card says, alone or in a batch alike', async () => {
    const records = RECORDS.slice(0, 600);
    const model = await OnnxModel.open(join(MODELS, file), pool);
    const items = asTransactions(records.map(({ origin }) => origin));
    const together = await model.score(items, DEADLINE_MS);
    expect(
      auc(
        [...together!],
        records.map(({ label }) => label),
      ),
    ).toBeGreaterThan(cardOf(file).metrics.auc - 0.02);
    for (let i = 0; i < 20; i += 1) expect((await model.score([items[i]!], DEADLINE_MS))?.[0]).toBe(together![i]);
  });

  test('does not judge a transfer that no origin asked for', async () => {
    const model = await OnnxModel.open(join(MODELS, file), pool);
    expect((await model.score([transaction({ origin: '' })], DEADLINE_MS))?.[0]).toBeNaN();
  });
});

describe('held-out records', () => {
  test('are as many and as balanced as asked for, the same for the same seed', () => {
    expect(RECORDS).toHaveLength(1000);
    expect(RECORDS.filter(({ label }) => label === 1)).toHaveLength(400);
    expect(new Set(RECORDS.map(({ origin }) => origin)).size).toBe(1000);
    expect(originRecords()).toEqual(RECORDS);
    expect(originRecords({ seed: 2 })).not.toEqual(RECORDS);
    expect(recordsCsv(RECORDS).split('\n')[0]).toBe('origin,label');
    expect(() => originRecords({ records: 1_000_000 })).toThrow(RangeError);
  });

  test('share no registered name with what models were trained or calibrated on', () => {
    const others = new Set(
      loadOrigins().flatMap(({ origin, split }) => (split === 'test' ? [] : [partsOf(origin).label])),
    );
    expect(others.size).toBeGreaterThan(10_000);
    expect(RECORDS.filter(({ origin }) => others.has(partsOf(origin).label))).toEqual([]);
  });
});
