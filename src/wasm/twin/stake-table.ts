/** Sums of stake over author sets: a table per byte of the set, so that a sum costs one lookup per eight authors. */
export class StakeTable {
  readonly #sums: Float64Array;
  readonly #words: number;
  readonly #stakes: Float64Array;

  constructor(stakes: readonly number[]) {
    this.#stakes = Float64Array.from(stakes);
    this.#words = Math.ceil(stakes.length / 32);
    this.#sums = new Float64Array(4 * this.#words * 256);
    for (let byte = 0; byte < 4 * this.#words; byte++) {
      for (let bits = 1; bits < 256; bits++) {
        const top = 31 - Math.clz32(bits);
        const rest = this.#sums[byte * 256 + (bits ^ (1 << top))]!;
        this.#sums[byte * 256 + bits] = rest + (stakes[byte * 8 + top] ?? 0);
      }
    }
  }

  ofAuthor(author: number): number {
    return this.#stakes[author]!;
  }

  /** Stake of the authors in the set that starts at word `at` of `sets`. Exact: every partial sum is a safe integer. */
  of(sets: Uint32Array, at: number): number {
    let sum = 0;
    for (let word = 0, base = 0; word < this.#words; word++, base += 1024) {
      const bits = sets[at + word]!;
      if (bits === 0) continue;
      sum += this.#sums[base + (bits & 255)]! + this.#sums[base + 256 + ((bits >>> 8) & 255)]!;
      sum += this.#sums[base + 512 + ((bits >>> 16) & 255)]! + this.#sums[base + 768 + (bits >>> 24)]!;
    }
    return sum;
  }
}
