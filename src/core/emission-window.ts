import { EMISSION_SAMPLE, EMISSION_START, MAX_EMISSION_WINDOW, MIN_EMISSION_WINDOW } from './limits.ts';
import type { ReasonName } from './types.ts';

/**
 * How many own proposals may be in blocks and undecided. Models that get more than they can judge in time judge nothing in time: when
 * a quarter of the own proposals run out unjudged, half as many go out, and the others wait in the mempool. Up to f
 * validators that never vote do not cause it: without them only what the others disagree on runs out.
 */
export class EmissionWindow {
  #limit = EMISSION_START;
  /** Of the present sample. */
  #decided = 0;
  #unjudged = 0;
  /** The limit held something back since the last sample. */
  #reached = false;
  /** What was out when the limit was cut says nothing of the new limit. */
  #outdated = 0;

  /** Room for more when `out` are in blocks and undecided. */
  room(out: number): number {
    return Math.max(0, this.#limit - out);
  }

  /** Something waits for room. */
  reached(): void {
    this.#reached = true;
  }

  /** An own proposal got its decision; `out` are left. */
  decided(reason: ReasonName, out: number): void {
    if (this.#outdated > 0) {
      this.#outdated -= 1;
      return;
    }
    this.#decided += 1;
    if (reason === 'TIMEOUT') this.#unjudged += 1;
    if (this.#decided < Math.min(this.#limit, EMISSION_SAMPLE)) return;
    if (4 * this.#unjudged > this.#decided) {
      this.#limit = Math.max(MIN_EMISSION_WINDOW, Math.floor(Math.min(this.#limit, this.#decided + out) / 2));
      this.#outdated = out;
    } else if (this.#reached) this.#limit = Math.min(MAX_EMISSION_WINDOW, this.#limit + Math.ceil(this.#limit / 2));
    this.#decided = 0;
    this.#unjudged = 0;
    this.#reached = false;
  }
}
