import type { Clock } from './clock.ts';

/** The pace is looked at when this many are decided, or much time has passed: the first decisions take a while to come. */
const SAMPLE_DECISIONS = 100;
const SAMPLE_MS_MIN = 1000;
const SAMPLE_MS_MAX = 10_000;
/** So few that their wait says nothing of the pace. */
const FEW = 256;

/** How fast this node's own proposals get their decisions, and so how long one more has to wait. */
export class Pace {
  readonly #clock: Clock;
  #sinceMs = Number.NEGATIVE_INFINITY;
  #decided = 0;
  #perMs = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** One of those that wait got its decision, or ran out: its place is free. */
  decided(): void {
    this.#decided += 1;
  }

  /** When one more would be decided, in milliseconds from now, behind `waiting` others; 0 where nothing is known of it. */
  waitMs(waiting: number): number {
    const now = this.#clock.now();
    if (waiting <= FEW) {
      this.#restart(now);
      return 0;
    }
    const tookMs = now - this.#sinceMs;
    if (tookMs >= (this.#decided < SAMPLE_DECISIONS ? SAMPLE_MS_MAX : SAMPLE_MS_MIN)) {
      const perMs = this.#decided / tookMs;
      this.#perMs = Math.max(perMs, (this.#perMs + perMs) / 2);
      this.#sinceMs = now;
      this.#decided = 0;
    }
    return this.#perMs === 0 ? 0 : waiting / this.#perMs;
  }

  #restart(now: number): void {
    this.#sinceMs = now;
    this.#decided = 0;
    this.#perMs = 0;
  }
}
