/** What a run of the rig showed, by point. */
import { table } from '../../src/cli/ui/table.ts';
import { nameOf, type Plan } from './points.ts';
import type { Death } from './rig.ts';

export interface Row {
  readonly point: string;
  readonly runs: number;
  /** Times that the node died where it was to die; otherwise the point did not come, and it was killed elsewhere. */
  readonly struck: number;
  readonly violations: number;
}

export class Tally {
  readonly #rows = new Map<string, { runs: number; struck: number; violations: number }>();

  /** Null: something did not hold. */
  add(plan: Plan, death: Death | null): void {
    const row = this.#rows.get(nameOf(plan)) ?? { runs: 0, struck: 0, violations: 0 };
    row.runs += 1;
    row.struck += death === null || death.struck ? 1 : 0;
    row.violations += death === null ? 1 : 0;
    this.#rows.set(nameOf(plan), row);
  }

  get rows(): Row[] {
    const rows = [...this.#rows].map(([point, row]) => ({ point, ...row }));
    return rows.sort((a, b) => (a.point < b.point ? -1 : 1));
  }

  get lines(): string[] {
    const cells = this.rows.map(({ point, runs, struck, violations }) => [
      point,
      ...[runs, struck].map(String),
      violations === 0 ? 'good' : `${violations} bad`,
    ]);
    return table(['point', 'runs', 'struck', 'result'], cells);
  }
}
