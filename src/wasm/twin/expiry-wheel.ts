/**
 * Entry numbers by expiry: a wheel of buckets, one for each tick of 8 ms, that turns with the time. A bucket is a list of
 * entries; what is more than a turn (65 s) away shares one with what is near.
 */
const BUCKETS = 8192;
const TICK_MS = 8;

export class ExpiryWheel {
  /** Entry + 1 of the first in each bucket, or 0; by entry that of the next one; and its expiry, −∞ once released. */
  readonly #heads = new Uint32Array(BUCKETS);
  #links = new Uint32Array(0);
  #expiries = new Float64Array(0);
  /** The tick up to which everything that is past was taken out. What ends earlier lies in its bucket. */
  #current = Number.NEGATIVE_INFINITY;
  /** Buckets that have released entries. */
  readonly #suspects = new Set<number>();

  /** Gives it room for `capacity` entries. */
  reserve(capacity: number): void {
    const [links, expiries] = [this.#links, this.#expiries];
    this.#links = new Uint32Array(capacity);
    this.#links.set(links);
    this.#expiries = new Float64Array(capacity);
    this.#expiries.set(expiries);
  }

  push(entry: number, expiry: number): void {
    const bucket = this.#bucketOf(expiry);
    this.#expiries[entry] = expiry;
    this.#links[entry] = this.#heads[bucket]!;
    this.#heads[bucket] = entry + 1;
  }

  /** Lets the next {@link popReleased} take the entry out. */
  release(entry: number): void {
    if (this.#expiries[entry] === Number.NEGATIVE_INFINITY) return;
    this.#suspects.add(this.#bucketOf(this.#expiries[entry]!));
    this.#expiries[entry] = Number.NEGATIVE_INFINITY;
  }

  /** Takes out what was released and hands each entry to `gone`. Each bucket is looked through once. */
  popReleased(gone: (entry: number) => void): void {
    for (const bucket of this.#suspects) this.#sweep(bucket, -Number.MAX_VALUE, gone);
    this.#suspects.clear();
  }

  /** Takes out what ends before `now` and hands each entry to `gone`. */
  popBefore(now: number, gone: (entry: number) => void): void {
    const to = Math.max(this.#current, Math.floor(now / TICK_MS));
    const from = Math.max(this.#current, to - BUCKETS + 1);
    this.#current = to;
    for (let tick = from; tick <= to; tick++) this.#sweep(placeOf(tick), now, gone);
  }

  #bucketOf(expiry: number): number {
    return placeOf(Math.max(Math.floor(expiry / TICK_MS), this.#current));
  }

  #sweep(bucket: number, now: number, gone: (entry: number) => void): void {
    let last = -1;
    for (let next = this.#heads[bucket]!; next !== 0; ) {
      const entry = next - 1;
      next = this.#links[entry]!;
      if (this.#expiries[entry]! >= now) {
        last = entry;
        continue;
      }
      if (last < 0) this.#heads[bucket] = next;
      else this.#links[last] = next;
      gone(entry);
    }
  }
}

/** The bucket of a tick, which may be below 0. */
function placeOf(tick: number): number {
  const place = tick % BUCKETS;
  return place < 0 ? place + BUCKETS : place;
}
