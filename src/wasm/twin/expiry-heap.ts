/** A binary heap of entry numbers by expiry, the earliest on top. */
export class ExpiryHeap {
  readonly #entries: number[] = [];
  readonly #expiries: number[] = [];

  push(entry: number, expiry: number): void {
    let at = this.#entries.length;
    this.#entries.push(entry);
    this.#expiries.push(expiry);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (this.#expiries[parent]! <= expiry) break;
      this.#entries[at] = this.#entries[parent]!;
      this.#expiries[at] = this.#expiries[parent]!;
      at = parent;
    }
    this.#entries[at] = entry;
    this.#expiries[at] = expiry;
  }

  /** Takes out the top if its expiry is < now; −1 otherwise. */
  popBefore(now: number): number {
    if (this.#entries.length === 0 || this.#expiries[0]! >= now) return -1;
    const top = this.#entries[0]!;
    const entry = this.#entries.pop()!;
    const expiry = this.#expiries.pop()!;
    if (this.#entries.length > 0) this.#sink(entry, expiry);
    return top;
  }

  /** Puts an entry in from the top, where a hole is. */
  #sink(entry: number, expiry: number): void {
    const length = this.#entries.length;
    let at = 0;
    for (let child = 1; child < length; child = 2 * at + 1) {
      if (child + 1 < length && this.#expiries[child + 1]! < this.#expiries[child]!) child++;
      if (this.#expiries[child]! >= expiry) break;
      this.#entries[at] = this.#entries[child]!;
      this.#expiries[at] = this.#expiries[child]!;
      at = child;
    }
    this.#entries[at] = entry;
    this.#expiries[at] = expiry;
  }
}
