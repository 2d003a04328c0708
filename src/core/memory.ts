/**
 * What must not come twice: decided ids and claimed conflict keys, each until the expiry of its proposal. A pure function of
 * the committed prefix, over epochs too: the end of one must not make a replay possible.
 */
import type { ConflictKernel, Kernels } from '../wasm/kernels.ts';
import { MAX_CLAIMED_KEYS, MAX_REMEMBERED_IDS } from './limits.ts';
import { Remembered } from './remembered.ts';

export class Memory {
  readonly decided = new Remembered();
  readonly claims: ConflictKernel;

  /** `seed`: 16 bytes that spread the table of keys; affects no answer. */
  constructor(kernels: Kernels, seed: Uint8Array) {
    this.claims = kernels.createConflictSet({ maxKeys: MAX_CLAIMED_KEYS, seed });
  }

  /** True when there may be no room for `keys` more claims, or for one more id. */
  isFull(keys: number): boolean {
    return this.decided.size >= MAX_REMEMBERED_IDS || this.claims.size + keys > MAX_CLAIMED_KEYS;
  }

  /** Forgets what ran out before `nowMs`, in commit time. */
  forget(nowMs: number): void {
    this.claims.expire(nowMs);
    this.decided.forget(nowMs);
  }
}
