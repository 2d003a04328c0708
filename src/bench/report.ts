/** What a benchmark says: machine and runtime, the rows, and what their figures amount to. */
import { cpus, totalmem } from 'node:os';
import type { Row } from './harness.ts';

/** What `--json FILE` of every benchmark writes. */
export interface Report {
  readonly machine: Readonly<Record<string, string | number>>;
  readonly runtime: Readonly<Record<string, string>>;
  readonly rows: readonly Row[];
}

/** Names the machine and the runtime that the rows were measured on. */
export function report(rows: readonly Row[], runtime: Readonly<Record<string, string>> = {}): Report {
  const machine = {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: cpus().length,
    memoryBytes: totalmem(),
    platform: process.platform,
    arch: process.arch,
  };
  return { machine, runtime: { node: process.version, v8: process.versions.v8, ...runtime }, rows };
}

/** One line that names machine and runtime. */
export function headline({ machine, runtime }: Report): string {
  const gigabytes = Math.round(Number(machine.memoryBytes) / 2 ** 30);
  const versions = Object.entries(runtime).map(([name, version]) => `${name} ${version}`);
  return `${machine.cpu}, ${machine.cores} cores, ${gigabytes} GiB, ${machine.platform} ${machine.arch}; ${versions.join(', ')}`;
}

/** The column that the ratios are against: what a node runs on. */
const OURS = 'simd';

/** How many times longer a column takes than `simd`; undefined where either was not measured. */
export function ratioOf(row: Row, column: string): number | undefined {
  const [value, ours] = [row.values[column], row.values[OURS]];
  return value === undefined || ours === undefined ? undefined : value / ours;
}

/** The fastest library of a row. */
export function bestLibrary(row: Row): string | undefined {
  const there = row.libraries.filter((name) => row.values[name] !== undefined);
  return there.sort((a, b) => row.values[a]! - row.values[b]!)[0];
}

/** The columns of some rows, in the order in which they came. */
export function columnsOf(rows: readonly Row[]): string[] {
  const libraries = new Set(rows.flatMap((row) => row.libraries));
  const own = new Set(rows.flatMap((row) => Object.keys(row.values)).filter((name) => !libraries.has(name)));
  return [...own, ...libraries];
}

/** A target of a row, and how it was met. */
export interface Target {
  readonly row: Row;
  readonly against: string;
  readonly atLeast: number;
  /** Undefined where one of the columns was not measured. */
  readonly ratio: number | undefined;
  readonly verdict: 'met' | 'missed' | 'not measured';
}

export function targetsOf(rows: readonly Row[]): Target[] {
  return rows.flatMap((row) =>
    Object.entries(row.targets).map(([against, atLeast]): Target => {
      const ratio = ratioOf(row, against);
      const verdict = ratio === undefined ? 'not measured' : ratio >= atLeast ? 'met' : 'missed';
      return { row, against, atLeast, ratio, verdict };
    }),
  );
}

/** A figure with three digits, or all before the point. */
export function figure(value: number): string {
  if (value >= 99.95) return value.toFixed(0);
  return value >= 9.995 ? value.toFixed(1) : value >= 0.9995 ? value.toFixed(2) : value.toFixed(3);
}

/** Half of the spread from the tenth to the ninetieth percentile, e.g. `±7%`. Empty where nothing was measured. */
export function spreadOf(row: Row, column: string): string {
  const [value, spread] = [row.values[column], row.spread[column]];
  return value === undefined || spread === undefined ? '' : `±${Math.round((50 * (spread[1] - spread[0])) / value)}%`;
}

/** `5.5×`; a dash where there is none. */
export function times(ratio: number | undefined): string {
  return ratio === undefined ? '–' : `${ratio.toFixed(1)}×`;
}
