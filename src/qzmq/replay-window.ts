/** Which sequence numbers were seen (RFC 6479 in shape): the highest, and a ring of bits below it. */
import { REPLAY_WINDOW_BITS } from './constants.ts';

const WORDS = REPLAY_WINDOW_BITS / 32;

export class ReplayWindow {
  #highest = -1;
  /** Bit seq mod 2048; only bits of (highest − 2048, highest] mean anything. */
  readonly #seen = new Uint32Array(WORDS);

  /** Highest accepted sequence number, −1 before the first. */
  get highest(): number {
    return this.#highest;
  }

  /** True when the number is neither seen nor too old. Changes nothing. */
  admits(seq: number): boolean {
    if (seq > this.#highest) return true;
    if (seq <= this.#highest - REPLAY_WINDOW_BITS) return false;
    return ((this.#word(seq) >>> (seq & 31)) & 1) === 0;
  }

  /** Marks an admitted number as seen. Only after its record was authenticated. */
  mark(seq: number): void {
    if (seq > this.#highest) {
      if (seq - this.#highest >= REPLAY_WINDOW_BITS) this.#seen.fill(0);
      else for (let passed = this.#highest + 1; passed < seq; passed++) this.#clear(passed);
      this.#highest = seq;
    }
    this.#seen[(seq >>> 5) % WORDS] = this.#word(seq) | (1 << (seq & 31));
  }

  #clear(seq: number): void {
    this.#seen[(seq >>> 5) % WORDS] = this.#word(seq) & ~(1 << (seq & 31));
  }

  #word(seq: number): number {
    return this.#seen[(seq >>> 5) % WORDS] ?? 0;
  }
}
