import type { CounterName, Counters } from './world.ts';

/** What a run did. Two runs of one seed and scenario give the same report. */
export interface SimReport {
  readonly scenario: string;
  readonly seed: number;
  readonly validators: number;
  readonly commits: number;
  /** Digest of the last commit, hex. */
  readonly digest: string;
  readonly acknowledged: number;
  readonly decisions: Readonly<Record<string, number>>;
  readonly counters: Readonly<Counters>;
  readonly virtualMs: number;
}

/** What many runs did together. */
export class Totals {
  runs = 0;
  commits = 0;
  acknowledged = 0;
  readonly decisions = new Map<string, number>();
  readonly #counters = new Map<string, number>();

  add({ commits, acknowledged, decisions, counters }: SimReport): void {
    this.runs += 1;
    this.commits += commits;
    this.acknowledged += acknowledged;
    increase(this.decisions, Object.entries(decisions));
    increase(this.#counters, Object.entries(counters));
  }

  merge(other: Totals): void {
    this.runs += other.runs;
    this.commits += other.commits;
    this.acknowledged += other.acknowledged;
    increase(this.decisions, other.decisions);
    increase(this.#counters, other.#counters);
  }

  count(name: CounterName): number {
    return this.#counters.get(name) ?? 0;
  }
}

function increase(counts: Map<string, number>, by: Iterable<readonly [string, number]>): void {
  for (const [key, count] of by) counts.set(key, (counts.get(key) ?? 0) + count);
}
