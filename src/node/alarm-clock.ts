import type { Clock } from './clock.ts';

/** Longest delay that setTimeout takes; a later time is reached in several steps. */
const MAX_DELAY_MS = 2 ** 31 - 1;

/** The one timer of a core: `arm` replaces the time set before, `Infinity` clears it. */
export class AlarmClock {
  readonly #clock: Clock;
  readonly #ring: () => void;
  #atMs = Number.POSITIVE_INFINITY;
  #firesMs = Number.POSITIVE_INFINITY;
  #cancel: (() => void) | undefined;

  /** `ring` is called from the event loop, never from within `arm`, once per time armed, not before that time. */
  constructor(clock: Clock, ring: () => void) {
    this.#clock = clock;
    this.#ring = ring;
  }

  arm(atMs: number): void {
    this.#atMs = atMs;
    // The core re-arms on most steps, mostly to a later time. A timer that fires too early only looks again, which is
    // cheaper than to cancel and set one for every block.
    if (atMs >= this.#firesMs) return;
    this.#set();
  }

  stop(): void {
    this.#atMs = Number.POSITIVE_INFINITY;
    this.#clear();
  }

  #set(): void {
    this.#clear();
    if (this.#atMs === Number.POSITIVE_INFINITY) return;
    const delay = Math.min(Math.max(this.#atMs - this.#clock.now(), 0), MAX_DELAY_MS);
    this.#firesMs = this.#atMs;
    this.#cancel = this.#clock.after(delay, () => this.#fired());
  }

  #fired(): void {
    this.#cancel = undefined;
    this.#firesMs = Number.POSITIVE_INFINITY;
    // setTimeout may fire a fraction of a millisecond early.
    if (this.#clock.now() < this.#atMs) return this.#set();
    this.#atMs = Number.POSITIVE_INFINITY;
    this.#ring();
  }

  #clear(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    this.#firesMs = Number.POSITIVE_INFINITY;
  }
}
