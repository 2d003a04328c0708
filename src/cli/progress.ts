/** How far a replay has come. */
import type { Outcome } from './replay.ts';
import { percentiles } from './statistics.ts';
import { duration } from './ui/format.ts';
import type { Terminal } from './ui/terminal.ts';

/** The status line of a replay. */
export class Progress {
  readonly #terminal: Terminal;
  readonly #total: number;
  readonly #latenciesMs: number[] = [];
  #failed = 0;

  constructor(terminal: Terminal, total: number) {
    this.#terminal = terminal;
    this.#total = total;
  }

  add({ certified, submittedMs }: Outcome): void {
    if (certified === null) this.#failed += 1;
    else this.#latenciesMs.push(certified.certifiedMs - submittedMs);
  }

  show(): void {
    const p50 = duration(percentiles(this.#latenciesMs).p50);
    const failed = this.#failed === 0 ? '' : `, ${this.#failed} without one`;
    this.#terminal.status(
      `${this.#latenciesMs.length} of ${this.#total} have a certified decision${failed}; p50 ${p50}`,
      performance.now(),
    );
  }
}
