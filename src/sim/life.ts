import type { Clock } from '../node/clock.ts';
import type { VirtualClock } from './clock.ts';

/**
 * One life of one process, from a start to a crash. Whatever reaches the process from outside goes through here: what was
 * under way when it ended is void, and what comes while it is frozen (SIGSTOP, a long pause of the machine) waits.
 */
export class Life {
  #ended = false;
  #waiting: (() => void)[] | null = null;

  get ended(): boolean {
    return this.#ended;
  }

  do(work: () => void): void {
    if (this.#ended) return;
    if (this.#waiting) this.#waiting.push(work);
    else work();
  }

  freeze(): void {
    if (!this.#ended) this.#waiting ??= [];
  }

  /** Everything that waited happens now, in its order. */
  thaw(): void {
    const waiting = this.#waiting ?? [];
    this.#waiting = null;
    for (const work of waiting) this.do(work);
  }

  end(): void {
    this.#ended = true;
    this.#waiting = null;
  }
}

/** `setTimeout` fires no sooner than this. */
const LEAST_TIMER_MS = 1;

/** The clock that one process sees: virtual time, off by a constant, in whole milliseconds. */
export class ProcessClock implements Clock {
  readonly #clock: VirtualClock;
  readonly #life: Life;
  readonly #skewMs: number;

  constructor(clock: VirtualClock, life: Life, skewMs: number) {
    this.#clock = clock;
    this.#life = life;
    this.#skewMs = skewMs;
  }

  now(): number {
    return Math.floor(this.#clock.nowMs + this.#skewMs);
  }

  after(delayMs: number, run: () => void): () => void {
    let off = false;
    const cancel = this.#clock.after(Math.max(delayMs, LEAST_TIMER_MS), () => {
      this.#life.do(() => {
        if (!off) run();
      });
    });
    return () => {
      off = true;
      cancel();
    };
  }
}
