/** Hands out the lowest free slot number below a bound; what is in use stays dense, so neighbours can be handled together. */
export class SlotAllocator {
  readonly #bound: number;
  #used: Uint32Array<ArrayBuffer> = new Uint32Array(2);
  /** Every word below this one is full. */
  #firstOpenWord = 0;

  constructor(bound: number) {
    this.#bound = bound;
  }

  /** A slot that was free, or −1 when `bound` slots are taken. */
  take(): number {
    let word = this.#firstOpenWord;
    while (word < this.#used.length && this.#used[word] === 0xffff_ffff) word++;
    this.#firstOpenWord = word;
    const free = word < this.#used.length ? ~this.#used[word]! : 1;
    const slot = word * 32 + 31 - Math.clz32(free & -free);
    if (slot >= this.#bound) return -1;
    if (word >= this.#used.length) {
      const grown = new Uint32Array(this.#used.length * 2);
      grown.set(this.#used);
      this.#used = grown;
    }
    this.#used[word]! |= free & -free;
    return slot;
  }

  /** Returns a slot that {@link has} says is taken. */
  release(slot: number): void {
    const word = slot >>> 5;
    this.#used[word]! &= ~(1 << (slot & 31));
    if (word < this.#firstOpenWord) this.#firstOpenWord = word;
  }

  has(slot: number): boolean {
    return Number.isInteger(slot) && slot >= 0 && ((this.#used[slot >>> 5] ?? 0) & (1 << (slot & 31))) !== 0;
  }
}
