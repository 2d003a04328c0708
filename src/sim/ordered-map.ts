/** A map from byte strings (as latin1 text) to bytes that can be walked in order. Sorts when it is walked, not when it grows. */
export class OrderedMap {
  readonly #values = new Map<string, Uint8Array>();
  /** Every key of `#values`, and maybe keys that are gone; in order up to `#ordered`. */
  #keys: string[] = [];
  #isOrdered = true;

  get(key: string): Uint8Array | undefined {
    return this.#values.get(key);
  }

  /** Undefined removes the key. Returns what was there. */
  set(key: string, value: Uint8Array | undefined): Uint8Array | undefined {
    const before = this.#values.get(key);
    if (value === undefined) {
      this.#values.delete(key);
      return before;
    }
    this.#values.set(key, value);
    if (before === undefined) {
      const last = this.#keys.at(-1);
      if (last !== undefined && key <= last) this.#isOrdered = false;
      this.#keys.push(key);
    }
    return before;
  }

  /** The first entry with low ≤ key < high (or low < key, if `after`). */
  first(low: string, high: string, after = false): [key: string, value: Uint8Array] | undefined {
    const keys = this.#order();
    for (let at = this.#indexOf(keys, low); at < keys.length; at++) {
      const key = keys[at] as string;
      if (key >= high) return undefined;
      const value = this.#values.get(key);
      if (value !== undefined && !(after && key === low)) return [key, value];
    }
    return undefined;
  }

  /** The last entry with low ≤ key < high. */
  last(low: string, high: string): [key: string, value: Uint8Array] | undefined {
    const keys = this.#order();
    for (let at = this.#indexOf(keys, high) - 1; at >= 0; at--) {
      const key = keys[at] as string;
      if (key < low) return undefined;
      const value = this.#values.get(key);
      if (value !== undefined) return [key, value];
    }
    return undefined;
  }

  #order(): string[] {
    if (this.#isOrdered) return this.#keys;
    this.#keys = [...this.#values.keys()].sort();
    this.#isOrdered = true;
    return this.#keys;
  }

  /** Position of the first key ≥ `key`. */
  #indexOf(keys: readonly string[], key: string): number {
    let [low, high] = [0, keys.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((keys[middle] as string) < key) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
