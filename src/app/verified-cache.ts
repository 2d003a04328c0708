import { digestKey } from '../core/block.ts';

/** Signatures that one process remembers as good; each takes about 100 bytes. */
const MAX_VERIFIED = 65_536;

/**
 * Ids of proposals whose signature was found good, so that it is not checked again at execution. An id covers the
 * signature and the sender, and a sender's key never changes, so a good one stays good. Only ever saves time.
 */
export class VerifiedCache {
  readonly #ids = new Set<string>();

  has(id: Uint8Array): boolean {
    return this.#ids.has(digestKey(id));
  }

  /** Remembers an id, and forgets the oldest one when full. */
  add(id: Uint8Array): void {
    this.#ids.add(digestKey(id));
    if (this.#ids.size > MAX_VERIFIED) this.#ids.delete(this.#ids.values().next().value!);
  }
}
