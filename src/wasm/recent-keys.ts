/**
 * Which slot holds what was made of which public key, bounded: the key that was not used for the longest time goes. Keys
 * are found by their first six bytes, which are random for every honest key; of two that begin alike the later one
 * stays, so nobody can make a search long, and keys made to collide cost no more than keys that are new.
 */
export class RecentKeys<Slot> {
  readonly #slots = new Map<number, Slot>();
  readonly #capacity: number;
  #latest = -1;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** The slot of a key that begins like `publicKey`. It is now the latest. Whether it is that key, the slot must say. */
  find(publicKey: Uint8Array): Slot | undefined {
    const beginning = beginningOf(publicKey);
    const slot = this.#slots.get(beginning);
    if (slot !== undefined && beginning !== this.#latest) {
      this.#slots.delete(beginning);
      this.#slots.set(beginning, slot);
      this.#latest = beginning;
    }
    return slot;
  }

  /** Forgets the key that was not used for the longest time if there is no room for one more; returns its slot. */
  evict(): Slot | undefined {
    if (this.#slots.size < this.#capacity) return undefined;
    for (const [beginning, slot] of this.#slots) {
      this.#slots.delete(beginning);
      return slot;
    }
    return undefined;
  }

  /** Remembers the slot of a key; the one of a key that begins alike is forgotten. */
  add(publicKey: Uint8Array, slot: Slot): void {
    this.#latest = beginningOf(publicKey);
    this.#slots.set(this.#latest, slot);
  }
}

/** The first six bytes as one number. */
function beginningOf(publicKey: Uint8Array): number {
  const low = publicKey[0]! | (publicKey[1]! << 8) | (publicKey[2]! << 16);
  const high = publicKey[3]! | (publicKey[4]! << 8) | (publicKey[5]! << 16);
  return low + high * 2 ** 24;
}
