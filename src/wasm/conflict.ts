/** The set of claimed keys through the core: one instance of it per set. */
import {
  checkClaim,
  checkConflictOptions,
  checkKey,
  checkKeys,
  checkTime,
  conflictFull,
  KEY_BYTES,
} from './conflict-checks.ts';
import { type CoreInstance, outOfMemory } from './instance.ts';
import type { ConflictKernel, ConflictOptions } from './kernels.ts';

/** Answers of conflictClaim below 0 (assembly/conflict.ts). */
const FULL = -1;
const NO_MEMORY = -2;

export class CoreConflictSet implements ConflictKernel {
  readonly #core: CoreInstance;

  constructor(core: CoreInstance, options: ConflictOptions) {
    checkConflictOptions(options);
    this.#core = core;
    core.u8.set(options.seed, core.exports.conflictSeedAddress());
    if (core.exports.conflictInit(options.maxKeys) !== 0) throw outOfMemory({ maxKeys: options.maxKeys });
    core.refresh();
  }

  claim(keys: Uint8Array, counts: Uint32Array, expiriesMs: Float64Array): Uint8Array {
    checkClaim(keys, counts, expiriesMs);
    const core = this.#core;
    const count = counts.length;
    const total = keys.length / KEY_BYTES;
    const at = this.#stage(keys.length + 13 * count);
    const expiriesAt = at + keys.length;
    const countsAt = expiriesAt + 8 * count;
    const out = countsAt + 4 * count;
    core.u8.set(keys, at);
    core.f64.set(expiriesMs, expiriesAt >>> 3);
    core.u32.set(counts, countsAt >>> 2);
    const code = core.exports.conflictClaim(at, total, countsAt, expiriesAt, count, out);
    core.refresh();
    if (code === FULL) throw conflictFull(this.size);
    if (code === NO_MEMORY) throw outOfMemory({ keys: this.size });
    return core.u8.slice(out, out + count);
  }

  has(key: Uint8Array): boolean {
    checkKey(key);
    const at = this.#stage(KEY_BYTES);
    this.#core.u8.set(key, at);
    return this.#core.exports.conflictHas(at) !== 0;
  }

  release(keys: Uint8Array): number {
    checkKeys(keys);
    const at = this.#stage(keys.length);
    this.#core.u8.set(keys, at);
    return this.#core.exports.conflictRelease(at, keys.length / KEY_BYTES);
  }

  expire(nowMs: number): number {
    checkTime(nowMs);
    return this.#core.exports.conflictExpire(nowMs);
  }

  get size(): number {
    return this.#core.exports.conflictSize();
  }

  #stage(bytes: number): number {
    const at = this.#core.exports.conflictStage(bytes);
    if (at === 0) throw outOfMemory({ bytes });
    this.#core.refresh();
    return at >>> 0;
  }
}
