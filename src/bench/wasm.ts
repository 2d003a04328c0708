/**
 * What the WebAssembly core is worth. A win over the naive column is not a win of WebAssembly: the ratios that count are
 * against the tuned twin and against the library that a user would pick. Rows where it loses stay.
 */
import { type Effort, FULL, measure, type OwnRowSpec, QUICK, type Row, type RowSpec } from './harness.ts';
import { conflictRows } from './rows/conflict.ts';
import { dagRows } from './rows/dag.ts';
import { hashRows } from './rows/hash.ts';
import { learnRows } from './rows/learn.ts';
import { merkleRows } from './rows/merkle.ts';
import { mldsaRows } from './rows/mldsa.ts';
import { tallyRows } from './rows/tally.ts';

/** Rows that are read together. */
export interface Group {
  readonly title: string;
  rows(): readonly (RowSpec | OwnRowSpec)[];
}

/** A group with its rows measured. */
export interface MeasuredGroup {
  readonly title: string;
  readonly rows: readonly Row[];
}

export interface Selection {
  /** Part of a row's name and parameters; empty for all rows. */
  readonly filter: string;
  /** A short run: every row works and all columns agree, but the figures say little. */
  readonly quick: boolean;
  /** Told before each row. */
  onRow(label: string): void;
}

export const KERNEL_GROUPS: readonly Group[] = [
  { title: 'Hashes', rows: hashRows },
  { title: 'Merkle trees', rows: merkleRows },
  { title: 'Signatures', rows: mldsaRows },
  { title: 'DAG and commit rule', rows: dagRows },
  { title: 'Tally', rows: tallyRows },
  { title: 'Conflict set', rows: conflictRows },
  { title: 'Learning', rows: learnRows },
];

/** Measures the rows that were asked for, group by group; groups without any are left out. Throws `BENCH_CHECKSUM`. */
export async function* measureGroups(groups: readonly Group[], selection: Selection): AsyncGenerator<MeasuredGroup> {
  for (const { title, rows } of groups) {
    const chosen = rows().filter((spec) => labelOf(spec).includes(selection.filter));
    const measured: Row[] = [];
    for (const spec of chosen) {
      selection.onRow(labelOf(spec));
      measured.push(await measureOne(spec, selection.quick ? QUICK : FULL));
    }
    if (measured.length > 0) yield { title, rows: measured };
  }
}

function measureOne(spec: RowSpec | OwnRowSpec, effort: Effort): Row | Promise<Row> {
  return 'measure' in spec ? spec.measure(effort) : measure(spec, effort);
}

/** A row by its name and parameters, e.g. `sha3-256 batch  count 1000, bytes 32`. */
export function labelOf({ name, params }: Pick<Row, 'name' | 'params'>): string {
  const said = Object.entries(params).map(([param, value]) => `${param} ${value}`);
  return said.length === 0 ? name : `${name}  ${said.join(', ')}`;
}
