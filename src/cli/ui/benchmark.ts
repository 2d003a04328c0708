/** Benchmarks as tables: a group of rows, and the targets they were to reach. */
import type { Row } from '../../bench/harness.ts';
import {
  bestLibrary,
  columnsOf,
  figure,
  headline,
  type Report,
  ratioOf,
  spreadOf,
  type Target,
  targetsOf,
  times,
} from '../../bench/report.ts';
import { labelOf, type MeasuredGroup } from '../../bench/wasm.ts';
import { table } from './table.ts';
import type { Terminal } from './terminal.ts';

/** A group as a table, or row by row where the table is wider than `width` characters. */
export function printGroup(terminal: Terminal, group: MeasuredGroup, width: number): void {
  terminal.line(terminal.paint('bold', group.title));
  const lines = tableOf(group.rows);
  if (lines.every((line) => line.length <= width)) printTable(terminal, lines);
  else for (const row of group.rows) printRow(terminal, row, width);
  terminal.line();
}

/** Two lines a row: the medians, and below them the unit and how far the samples are spread. */
function tableOf(rows: readonly Row[]): string[] {
  const columns = columnsOf(rows);
  const hasLibraries = rows.some((row) => row.libraries.length > 0);
  const header = ['', ...columns, 'twin/simd', ...(hasLibraries ? ['library/simd'] : [])];
  return table(
    header,
    rows.flatMap((row) => [
      [labelOf(row), ...columns.map((column) => cell(row, column)), times(ratioOf(row, 'twin')), library(row)],
      [`  ${row.unit}`, ...columns.map((column) => below(row, column))],
    ]),
  );
}

function printTable(terminal: Terminal, lines: readonly string[]): void {
  for (const [i, line] of lines.entries()) {
    // The header and every second line are what one reads when the figures alone do not say enough.
    terminal.line(i % 2 === 0 ? terminal.paint('dim', line) : line);
  }
}

/** Name, figures and ratios below each other, as many in a line as there is room for. */
function printRow(terminal: Terminal, row: Row, width: number): void {
  terminal.line(`${labelOf(row)}, ${row.unit}`);
  const figures = columnsOf([row]).map((column) => `${column} ${cell(row, column)} ${below(row, column)}`);
  const best = bestLibrary(row) === undefined ? [] : [`library/simd ${library(row)}`];
  for (const line of wrap([...figures, `twin/simd ${times(ratioOf(row, 'twin'))}`, ...best], width - 2))
    terminal.line(`  ${line}`);
}

/** Parts in lines of at most `width` characters; a part that is longer has one for itself. */
function wrap(parts: readonly string[], width: number): string[] {
  const lines: string[] = [];
  for (const part of parts) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 2 + part.length <= width) lines[lines.length - 1] = `${last}  ${part}`;
    else lines.push(part);
  }
  return lines;
}

/** The targets, and on what all of it was measured. */
export function printEnd(terminal: Terminal, report: Report): void {
  const targets = targetsOf(report.rows);
  if (targets.length > 0) printTargets(terminal, targets);
  terminal.line(headline(report));
  terminal.line(
    'Medians of the calmer half of the turns, ± half of the spread from the 10th to the 90th percentile. Ratios: how many times longer than simd.',
  );
}

function printTargets(terminal: Terminal, targets: readonly Target[]): void {
  const rows = targets.map(({ row, against, atLeast, ratio, verdict }) => [
    labelOf(row),
    against,
    `${atLeast}×`,
    times(ratio),
    verdict,
  ]);
  const [header, ...lines] = table(['', 'against', 'at least', 'measured', ''], rows);
  terminal.line(terminal.paint('bold', 'Targets'));
  terminal.line(terminal.paint('dim', header!));
  for (const [i, line] of lines.entries()) {
    terminal.line(targets[i]!.verdict === 'missed' ? terminal.paint('yellow', line) : line);
  }
  terminal.line();
}

/** A library that is not there has two lines to say so. */
function cell(row: Row, column: string): string {
  const value = row.values[column];
  if (value !== undefined) return figure(value);
  return row.libraries.includes(column) ? 'not' : '';
}

function below(row: Row, column: string): string {
  if (row.values[column] !== undefined) return spreadOf(row, column);
  return row.libraries.includes(column) ? 'installed' : '';
}

function library(row: Row): string {
  const name = bestLibrary(row);
  return name === undefined ? '' : `${name} ${times(ratioOf(row, name))}`;
}
