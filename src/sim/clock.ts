import { PqError } from '../errors.ts';

interface Event {
  readonly atMs: number;
  readonly order: number;
  /** Null once it is cancelled. */
  run: (() => void) | null;
}

/** Virtual time: events run in order of time, then of scheduling. A binary heap. */
export class VirtualClock {
  readonly #heap: Event[] = [];
  #nowMs: number;
  #order = 0;
  #pending = 0;

  constructor(startMs: number) {
    this.#nowMs = startMs;
  }

  get nowMs(): number {
    return this.#nowMs;
  }
  /** Events to come, those that were cancelled left out. */
  get pending(): number {
    return this.#pending;
  }

  /** Runs `work` at this time, or now if it is past. Returns what cancels it. */
  at(atMs: number, work: () => void): () => void {
    if (Number.isNaN(atMs)) throw new PqError('SIM_TIME', 'an event was scheduled at no time');
    const event: Event = { atMs: Math.max(atMs, this.#nowMs), order: this.#order++, run: work };
    this.#push(event);
    this.#pending += 1;
    return () => {
      if (event.run) this.#pending -= 1;
      event.run = null;
    };
  }

  after(delayMs: number, work: () => void): () => void {
    return this.at(this.#nowMs + delayMs, work);
  }

  /** Runs the next event; false when there is none up to `untilMs`, where time then stands. */
  step(untilMs: number): boolean {
    const next = this.#heap[0];
    if (!next || next.atMs > untilMs) {
      this.#nowMs = Math.max(this.#nowMs, untilMs);
      return false;
    }
    this.#pop();
    const { run } = next;
    if (!run) return true;
    this.#nowMs = next.atMs;
    this.#pending -= 1;
    next.run = null;
    run();
    return true;
  }

  #push(event: Event): void {
    const heap = this.#heap;
    let i = heap.push(event) - 1;
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (!before(event, heap[parent] as Event)) break;
      heap[i] = heap[parent] as Event;
      i = parent;
    }
    heap[i] = event;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop() as Event;
    if (heap.length === 0) return;
    let i = 0;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && before(heap[child + 1] as Event, heap[child] as Event)) child += 1;
      if (!before(heap[child] as Event, last)) break;
      heap[i] = heap[child] as Event;
      i = child;
    }
    heap[i] = last;
  }
}

function before(a: Event, b: Event): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
}
