/** Argument checks of the `conflict` kernel, shared by the core's wrapper and the twin. */
import { PqError } from '../errors.ts';
import { checkBound, checkSeed } from './checks.ts';
import type { ConflictOptions } from './kernels.ts';

export const KEY_BYTES = 32;

/** Throws `KERNEL_OPTIONS` on bad options. */
export function checkConflictOptions(options: ConflictOptions): void {
  checkBound('maxKeys', options.maxKeys);
  checkSeed(options.seed);
}

/** Throws `CONFLICT_BAD_CLAIM` unless keys, counts and expiries fit each other. */
export function checkClaim(keys: Uint8Array, counts: Uint32Array, expiriesMs: Float64Array): void {
  let total = 0;
  for (let i = 0; i < counts.length; i++) total += counts[i]!;
  let isSane = counts.length === expiriesMs.length && keys.length === total * KEY_BYTES;
  for (let i = 0; i < expiriesMs.length; i++) if (!Number.isSafeInteger(expiriesMs[i])) isSane = false;
  if (isSane) return;
  const data = { keyBytes: keys.length, counted: total, counts: counts.length, expiries: expiriesMs.length };
  throw new PqError('CONFLICT_BAD_CLAIM', 'give 32 bytes per counted key and one safe integer expiry per count', data);
}

/** Throws `CONFLICT_BAD_CLAIM` unless the key has 32 bytes. */
export function checkKey(key: Uint8Array): void {
  if (key.length === KEY_BYTES) return;
  throw new PqError('CONFLICT_BAD_CLAIM', 'a conflict key has 32 bytes', { keyBytes: key.length });
}

/** Throws `CONFLICT_BAD_CLAIM` unless these are whole keys. */
export function checkKeys(keys: Uint8Array): void {
  if (keys.length % KEY_BYTES === 0) return;
  throw new PqError('CONFLICT_BAD_CLAIM', 'give 32 bytes per conflict key', { keyBytes: keys.length });
}

/** Throws `CONFLICT_BAD_TIME` unless this is a time as expiries are. */
export function checkTime(nowMs: number): void {
  if (Number.isSafeInteger(nowMs)) return;
  throw new PqError('CONFLICT_BAD_TIME', 'give the commit time, a safe integer of milliseconds', { nowMs });
}

export function conflictFull(size: number): PqError {
  return new PqError('CONFLICT_FULL', 'let claims expire or raise maxKeys; nothing of this batch was claimed', {
    size,
  });
}
