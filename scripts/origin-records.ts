/**
 * Writes labelled web origins that no shipped model was trained or calibrated on, for feeding through a network:
 * `node scripts/origin-records.ts [FILE] [--records N] [--phishing SHARE] [--seed S]`. CSV `origin,label`; 1 = should be rejected.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { parseArgs } from 'node:util';
import { loadOrigins, type OriginRecord } from './origin-data.ts';
import { generator, shuffle } from './origin-fit.ts';

export interface RecordOptions {
  /** Default 1000. */
  readonly records?: number;
  /** Share that should be rejected, 0 … 1; default 0.4. */
  readonly phishingShare?: number;
  /** u32; default 1. */
  readonly seed?: number;
}

/**
 * Held-out records in a shuffled order that depends on the seed alone. Throws a RangeError if the held-out part has fewer
 * of a label than asked for.
 */
export function originRecords({ records = 1000, phishingShare = 0.4, seed = 1 }: RecordOptions = {}): OriginRecord[] {
  const heldOut = loadOrigins().filter(({ split }) => split === 'test');
  const random = generator(seed);
  shuffle(heldOut, random);
  const bad = Math.round(records * phishingShare);
  const chosen = ([1, 0] as const).flatMap((label) => {
    const wanted = label === 1 ? bad : records - bad;
    const some = heldOut.filter((record) => record.label === label).slice(0, wanted);
    if (some.length < wanted)
      throw new RangeError(`Only ${some.length} held-out records have label ${label}: ask for fewer than ${wanted}.`);
    return some;
  });
  shuffle(chosen, random);
  return chosen;
}

/** The records as CSV with a header line. */
export function recordsCsv(records: readonly OriginRecord[]): string {
  return `origin,label\n${records.map(({ origin, label }) => `${origin},${label}\n`).join('')}`;
}

function main(): void {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { records: { type: 'string' }, phishing: { type: 'string' }, seed: { type: 'string' } },
  });
  const file = positionals[0] ?? 'build/origin-records.csv';
  const records = originRecords({
    ...(values.records !== undefined && { records: Number(values.records) }),
    ...(values.phishing !== undefined && { phishingShare: Number(values.phishing) }),
    ...(values.seed !== undefined && { seed: Number(values.seed) }),
  });
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, recordsCsv(records));
  process.stdout.write(
    `${file}: ${records.length} held-out origins, ${records.filter(({ label }) => label === 1).length} of them phishing\n`,
  );
}

if (import.meta.main) main();
