/** Nonces that an account may use out of order. */
export const NONCE_WINDOW = 1024;
export const NONCE_BITMAP_BYTES = NONCE_WINDOW / 8;

/**
 * Which nonces of an account are used. A nonce is a unique number in a window of 1 024, not a counter, because the order
 * of the DAG is not the sender's: inside the window every nonce can be used once, below it none, and one above it moves
 * the window so that it becomes the highest. Bit n mod 1 024 belongs to the one nonce n of the window with that remainder.
 */
export class NonceWindow {
  readonly #bits: Uint8Array;
  #low: number;

  /** `low` is the lowest nonce of the window; `bits` is taken over. */
  constructor(low = 0, bits: Uint8Array = new Uint8Array(NONCE_BITMAP_BYTES)) {
    this.#low = low;
    this.#bits = bits;
  }

  /** Lowest nonce that is not too old. */
  get low(): number {
    return this.#low;
  }

  /** A view; changes with the window. */
  get bits(): Uint8Array {
    return this.#bits;
  }

  check(nonce: number): 'OK' | 'NONCE_TOO_OLD' | 'NONCE_USED' {
    if (nonce < this.#low) return 'NONCE_TOO_OLD';
    if (nonce >= this.#low + NONCE_WINDOW) return 'OK';
    return this.#has(nonce) ? 'NONCE_USED' : 'OK';
  }

  /** Marks a nonce that {@link check} allows. */
  use(nonce: number): void {
    const high = this.#low + NONCE_WINDOW - 1;
    if (nonce > high) {
      if (nonce - high >= NONCE_WINDOW) this.#bits.fill(0);
      else for (let each = high + 1; each <= nonce; each++) this.#bits[bitByte(each)]! &= ~bitMask(each);
      this.#low = nonce - NONCE_WINDOW + 1;
    }
    this.#bits[bitByte(nonce)]! |= bitMask(nonce);
  }

  /** The lowest unused nonce of the window, or the one after it: what a client may use next. */
  next(): number {
    let nonce = this.#low;
    while (nonce < this.#low + NONCE_WINDOW && this.#has(nonce)) nonce++;
    return nonce;
  }

  #has(nonce: number): boolean {
    return (this.#bits[bitByte(nonce)]! & bitMask(nonce)) !== 0;
  }
}

function bitByte(nonce: number): number {
  return (nonce % NONCE_WINDOW) >> 3;
}

function bitMask(nonce: number): number {
  return 1 << (nonce % 8);
}
