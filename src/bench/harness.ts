/**
 * Measures columns of a row side by side: samples of all columns interleaved, so that whatever else the machine does
 * hits them alike; medians with their spread; and a checksum per column, which must be the same for all.
 */

/** One way to do the work of a row. */
export interface Column {
  /** Done before every run, not timed. */
  prepare?(): void;
  /** The work. What it returns stands for everything it computed and is compared between columns. */
  run(): number | string;
}

export interface RowSpec {
  readonly name: string;
  readonly params: Readonly<Record<string, number | string>>;
  /** How many of the row's unit of work one run does. */
  readonly operations: number;
  /** What one operation is. */
  readonly operation: string;
  readonly columns: Readonly<Record<string, () => Column>>;
}

export interface Row {
  readonly name: string;
  readonly params: Readonly<Record<string, number | string>>;
  /** Of the values: microseconds per operation. */
  readonly unit: string;
  readonly values: Readonly<Record<string, number>>;
  /** Tenth and ninetieth percentile by column, same unit. */
  readonly spread: Readonly<Record<string, readonly [number, number]>>;
  readonly checksum: string;
}

export interface Effort {
  /** Samples per column. */
  readonly samples: number;
  /** A column that took this long in all gets no more samples, once it has five. */
  readonly columnMs: number;
  /** A sample repeats its run until it takes this long: less than a slice of the scheduler, so that most are not cut. */
  readonly sampleMs: number;
}

export const FULL: Effort = { samples: 101, columnMs: 3000, sampleMs: 2 };
export const QUICK: Effort = { samples: 5, columnMs: 300, sampleMs: 1 };

/** A checksum of numbers or bytes: FNV-1a, enough to tell that two columns computed the same. */
export function checksum(values: Iterable<number>): number {
  let hash = 0x811c9dc5;
  for (const value of values) hash = Math.imul(hash ^ (value & 0xff) ^ (value >>> 8), 0x01000193);
  return hash >>> 0;
}

/** Measures one row. Throws when two columns disagree: then a figure would mean nothing. */
export function measure(spec: RowSpec, effort: Effort): Row {
  const columns = Object.entries(spec.columns).map(([name, make]) => ({ name, column: make(), times: [] as number[] }));
  const sums = columns.map(({ column }) => runOnce(column).result);
  for (const [i, sum] of sums.entries()) {
    if (sum === sums[0]) continue;
    throw new Error(`${spec.name}: ${columns[i]!.name} computed ${sum}, ${columns[0]!.name} ${sums[0]}`);
  }
  const repeats = columns.map(({ column }) => warmUp(column, effort.sampleMs));
  const spentMs = columns.map(() => 0);
  for (let sample = 0; sample < effort.samples; sample++) {
    for (const [i, { column, times }] of columns.entries()) {
      if (times.length >= 5 && spentMs[i]! > effort.columnMs) continue;
      const start = performance.now();
      const runs = Array.from({ length: repeats[i]! }, () => runOnce(column).nanoseconds);
      times.push(middleMean(runs) / 1000 / spec.operations);
      spentMs[i]! += performance.now() - start;
    }
  }
  return {
    name: spec.name,
    params: spec.params,
    unit: `µs per ${spec.operation}`,
    values: Object.fromEntries(columns.map(({ name, times }) => [name, percentile(times, 0.5)])),
    spread: Object.fromEntries(
      columns.map(({ name, times }) => [name, [percentile(times, 0.1), percentile(times, 0.9)]]),
    ),
    checksum: String(sums[0]),
  };
}

function runOnce(column: Column): { nanoseconds: number; result: number | string } {
  column.prepare?.();
  const start = process.hrtime.bigint();
  const result = column.run();
  return { nanoseconds: Number(process.hrtime.bigint() - start), result };
}

/** Runs until the compilers had their chance; returns how many runs make a sample. */
function warmUp(column: Column, sampleMs: number): number {
  let fastest = Number.POSITIVE_INFINITY;
  const end = performance.now() + 10 * sampleMs;
  for (let run = 0; run < 3 || performance.now() < end; run++) fastest = Math.min(fastest, runOnce(column).nanoseconds);
  return Math.max(1, Math.ceil((sampleMs * 1e6) / fastest));
}

/** Mean of the middle half: runs differ in what they do, and some are interrupted by the rest of the machine. */
function middleMean(runs: readonly number[]): number {
  const sorted = [...runs].sort((a, b) => a - b);
  const middle = sorted.slice(Math.floor(sorted.length / 4), Math.ceil((3 * sorted.length) / 4));
  return middle.reduce((sum, run) => sum + run, 0) / middle.length;
}

function percentile(times: readonly number[], part: number): number {
  const sorted = [...times].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))]!;
}
