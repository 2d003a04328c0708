/** What every benchmark prints and writes: the machine, and rows as a table or as JSON (`--json F`). */
import { writeFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import type { Row } from './harness.ts';

export interface Report {
  readonly machine: Readonly<Record<string, string | number>>;
  readonly runtime: Readonly<Record<string, string>>;
  readonly rows: readonly Row[];
}

/** Names the machine and the runtime that the rows were measured on. */
export function report(rows: readonly Row[], runtime: Readonly<Record<string, string>> = {}): Report {
  const machine = {
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    memoryBytes: totalmem(),
    platform: process.platform,
    arch: process.arch,
  };
  return { machine, runtime: { node: process.version, v8: process.versions.v8, ...runtime }, rows };
}

export function writeJson(path: string, content: Report): void {
  writeFileSync(path, `${JSON.stringify(content, null, 2)}\n`);
}

/** One line that names machine and runtime. */
export function headline({ machine, runtime }: Report): string {
  const gigabytes = Math.round(Number(machine.memoryBytes) / 2 ** 30);
  const versions = Object.entries(runtime).map(([name, version]) => `${name} ${version}`);
  return `${machine.cpu}, ${machine.cores} cores, ${gigabytes} GiB, ${machine.platform} ${machine.arch}; ${versions.join(', ')}`;
}

/** The rows as a table: medians with their spread, and `of` against every other column as ratios. */
export function table(rows: readonly Row[], columns: readonly string[], of: string): string {
  const head = ['', ...columns, ...columns.filter((column) => column !== of).map((column) => `${column}/${of}`)];
  const lines = rows.map((row) => [
    title(row),
    ...columns.map((column) => cell(row, column)),
    ...columns.filter((column) => column !== of).map((column) => ratio(row, column, of)),
  ]);
  const widths = head.map((_, i) => Math.max(...[head, ...lines].map((line) => line[i]!.length)));
  return [head, ...lines]
    .map((line) => line.map((text, i) => (i === 0 ? text.padEnd(widths[i]!) : text.padStart(widths[i]!))).join('  '))
    .join('\n');
}

function title(row: Row): string {
  const params = Object.entries(row.params).map(([name, value]) => `${name}=${value}`);
  return `${row.name} (${[...params, row.unit].join(', ')})`;
}

function cell(row: Row, column: string): string {
  const value = row.values[column];
  if (value === undefined) return '–';
  const [low, high] = row.spread[column]!;
  return `${number(value)} ±${Math.round((50 * (high - low)) / value)}%`;
}

function ratio(row: Row, column: string, of: string): string {
  const [value, base] = [row.values[column], row.values[of]];
  return value === undefined || base === undefined ? '–' : `${(value / base).toFixed(1)}×`;
}

function number(value: number): string {
  return value >= 100 ? value.toFixed(0) : value >= 1 ? value.toFixed(2) : value.toFixed(4);
}
