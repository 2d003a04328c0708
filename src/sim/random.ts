/** A seeded generator (xorshift32 over a mixed seed): the same seed gives the same run on every machine. Not for secrets. */
export class SeededRandom {
  #state: number;

  constructor(seed: number) {
    // A multiplicative mix, so that neighbouring seeds do not give neighbouring runs; the state must not be zero.
    this.#state = (Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) ^ (seed >>> 13)) >>> 0 || 1;
    for (let i = 0; i < 8; i++) this.next();
  }

  /** Another generator, so that what draws from it does not move what draws from this one. */
  fork(name: string): SeededRandom {
    let seed = this.#state;
    for (const char of name) seed = Math.imul(seed ^ char.charCodeAt(0), 0x01000193);
    return new SeededRandom(seed >>> 0);
  }

  /** 0 ≤ x < 1. */
  next(): number {
    let x = this.#state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.#state = x >>> 0;
    return this.#state / 0x1_0000_0000;
  }

  /** An integer, 0 ≤ x < bound. */
  below(bound: number): number {
    return Math.floor(this.next() * bound);
  }

  /** A number between the two. */
  between(low: number, high: number): number {
    return low + this.next() * (high - low);
  }

  pick<Item>(items: readonly Item[]): Item {
    return items[this.below(items.length)] as Item;
  }

  chance(probability: number): boolean {
    return this.next() < probability;
  }
}
