/**
 * Measures columns of a row side by side: samples of all columns interleaved, so that whatever else the machine does
 * hits them alike; medians of the calmer half of the turns, with their spread; and a checksum per column, which must be the same for all.
 */
import { PqError } from '../errors.ts';

/** One way to do the work of a row. */
export interface Column {
  /** Done before every run, not timed. */
  prepare?(): void;
  /** The work. What it returns stands for everything it computed and is compared between columns. */
  run(): number | string;
}

type Params = Readonly<Record<string, number | string>>;

export interface RowSpec {
  readonly name: string;
  readonly params: Params;
  /** How many of the row's unit of work one run does. */
  readonly operations: number;
  /** What one operation is. */
  readonly operation: string;
  /** Ways to do it that are ours: `naive`, `twin`, `scalar`, `simd`. */
  readonly columns: Readonly<Record<string, () => Column>>;
  /** What a user would pick instead; `null` where it is not installed. */
  readonly libraries?: Readonly<Record<string, (() => Column) | null>>;
  /** By column: how many times longer than `simd` it is to take at least. */
  readonly targets?: Readonly<Record<string, number>>;
}

/** A row that is not one function called many times: it measures itself. */
export interface OwnRowSpec extends Pick<RowSpec, 'name' | 'params'> {
  measure(effort: Effort): Promise<Row>;
}

export interface Row {
  readonly name: string;
  readonly params: Params;
  /** Of the values, e.g. `µs per hash`. Less is better. */
  readonly unit: string;
  readonly values: Readonly<Record<string, number>>;
  /** Tenth and ninetieth percentile by column, same unit. */
  readonly spread: Readonly<Record<string, readonly [number, number]>>;
  /** Of what every column computed; none where that is not bytes. */
  readonly checksum?: string;
  /** Which columns are libraries, in their order; those that are not installed have no value. */
  readonly libraries: readonly string[];
  readonly targets: Readonly<Record<string, number>>;
}

export interface Effort {
  /** Samples per column. */
  readonly samples: number;
  /** A column that took this long in all gets no more samples, once it has five. */
  readonly columnMs: number;
  /** A sample repeats its run until it takes this long: less than a slice of the scheduler, so that most are not cut. */
  readonly sampleMs: number;
  /** Samples per column of whole networks. */
  readonly networkSamples: number;
}

export const FULL: Effort = { samples: 101, columnMs: 3000, sampleMs: 2, networkSamples: 5 };
export const QUICK: Effort = { samples: 5, columnMs: 300, sampleMs: 1, networkSamples: 1 };

/** A checksum of numbers or bytes: FNV-1a, enough to tell that two columns computed the same. */
export function checksum(values: Iterable<number>): number {
  let hash = 0x811c9dc5;
  for (const value of values) hash = Math.imul(hash ^ (value & 0xff) ^ (value >>> 8), 0x01000193);
  return hash >>> 0;
}

interface NamedColumn {
  readonly name: string;
  readonly column: Column;
}

/** Makes the columns that can be measured here. */
function columnsOf(spec: RowSpec): NamedColumn[] {
  const all = Object.entries({ ...spec.columns, ...spec.libraries });
  return all.flatMap(([name, make]) => (make === null ? [] : [{ name, column: make() }]));
}

/**
 * Runs every column once; returns the checksum that they share. Throws `BENCH_CHECKSUM` when two disagree: then a figure
 * would mean nothing.
 */
export function agree(spec: RowSpec, columns: readonly NamedColumn[] = columnsOf(spec)): string {
  const sums = columns.map(({ column }) => runOnce(column).result);
  const other = sums.findIndex((sum) => sum !== sums[0]);
  if (other < 0) return String(sums[0]);
  const [first, second] = [columns[0]!.name, columns[other]!.name];
  const what = `${spec.name}: ${first} computed ${sums[0]}, ${second} ${sums[other]}; one of them is wrong`;
  throw new PqError('BENCH_CHECKSUM', what, { name: spec.name, params: spec.params, columns: [first, second] });
}

/** Measures one row. Throws `BENCH_CHECKSUM`. */
export function measure(spec: RowSpec, effort: Effort): Row {
  const columns = columnsOf(spec);
  const checksum = agree(spec, columns);
  const times = sample(
    columns.map(({ column }) => column),
    effort,
  );
  const perOperation = calmHalf(times).map((all) => all.map((nanoseconds) => nanoseconds / 1000 / spec.operations));
  return {
    name: spec.name,
    params: spec.params,
    unit: `µs per ${spec.operation}`,
    ...medians(columns.map(({ name }, i) => [name, perOperation[i]!])),
    checksum,
    libraries: Object.keys(spec.libraries ?? {}),
    targets: spec.targets ?? {},
  };
}

/** Values and spread of a row from the samples of each column. */
export function medians(columns: readonly (readonly [string, readonly number[]])[]): Pick<Row, 'values' | 'spread'> {
  return {
    values: Object.fromEntries(columns.map(([name, samples]) => [name, percentile(samples, 0.5)])),
    spread: Object.fromEntries(
      columns.map(([name, samples]) => [name, [percentile(samples, 0.1), percentile(samples, 0.9)]]),
    ),
  };
}

/** Samples of all columns in turn: nanoseconds per run of each. */
function sample(columns: readonly Column[], effort: Effort): number[][] {
  const repeats = columns.map((column) => warmUp(column, effort.sampleMs));
  const times = columns.map((): number[] => []);
  const spentMs = columns.map(() => 0);
  for (let i = 0; i < effort.samples; i++) {
    for (const [at, column] of columns.entries()) {
      if (times[at]!.length >= 5 && spentMs[at]! > effort.columnMs) continue;
      const start = performance.now();
      const runs = Array.from({ length: repeats[at]! }, () => runOnce(column).nanoseconds);
      times[at]!.push(middleMean(runs));
      spentMs[at]! += performance.now() - start;
    }
  }
  return times;
}

/**
 * The samples of those turns in which all columns together were not slower than in the median turn: where the machine was
 * busy with something else, it was so for all of them. A column that stopped early, with too few left, keeps all of its own.
 */
export function calmHalf(times: readonly (readonly number[])[]): readonly (readonly number[])[] {
  const turns = Math.max(...times.map((all) => all.length));
  const scores = new Array<number>(turns).fill(0);
  for (const all of times) {
    if (all.length < turns) continue;
    const median = percentile(all, 0.5);
    for (const [turn, time] of all.entries()) scores[turn]! += time / median;
  }
  const limit = percentile(scores, 0.5);
  return times.map((all) => {
    const calm = all.filter((_, turn) => scores[turn]! <= limit);
    return calm.length < 5 ? all : calm;
  });
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
