/** Argument checks that the wrappers of the core and the twins share, so that both refuse the same with the same codes. */
import { PqError } from '../errors.ts';
import type { MerklePath } from './kernels.ts';

/** Author sets are bitsets of 128 bits. */
export const MAX_AUTHORS = 128;
export const DIGEST_BYTES = 32;
/** Digest, conflict key and seed sizes are fixed; anything else is a caller's mistake. */
export const SEED_BYTES = 16;
/** A kernel's numbers are u32 in memory. */
const U32_LIMIT = 2 ** 32;
/** A tree of 2³² − 1 leaves has this many levels below its top. */
const MAX_PATH_SIBLINGS = 32;
/** Handles and slots are i32 with room for −1; nobody needs as many. */
const MAX_BOUND = 2 ** 28;

function refuse(what: string, data: Record<string, unknown>): never {
  throw new PqError('KERNEL_OPTIONS', `${what}; fix the options given to the kernel`, data);
}

/** Throws `KERNEL_OPTIONS` unless there are 1 … 128 stakes, each a positive safe integer, with a safe sum. */
export function checkStakes(stakes: readonly number[]): number {
  if (stakes.length < 1 || stakes.length > MAX_AUTHORS) refuse('1 to 128 stakes are needed', { count: stakes.length });
  let total = 0;
  for (const stake of stakes) {
    if (!Number.isSafeInteger(stake) || stake < 0) refuse('a stake must be a safe integer ≥ 0', { stake });
    total += stake;
    if (!Number.isSafeInteger(total)) refuse('the sum of the stakes must be a safe integer', { total });
  }
  return total;
}

/** Throws `KERNEL_OPTIONS` unless `value` is a stake threshold: a safe integer ≥ 1. */
export function checkThreshold(name: string, value: number): void {
  if (!Number.isSafeInteger(value) || value < 1) refuse(`${name} must be a safe integer ≥ 1`, { [name]: value });
}

/** Throws `KERNEL_OPTIONS` unless `value` is a usable bound: 1 … 2²⁸. */
export function checkBound(name: string, value: number): void {
  if (!Number.isInteger(value) || value < 1 || value > MAX_BOUND) refuse(`${name} must be 1 … 2^28`, { [name]: value });
}

/** Throws `KERNEL_OPTIONS` unless `seed` has 16 bytes. */
export function checkSeed(seed: Uint8Array): void {
  if (seed.length !== SEED_BYTES) refuse('the seed must have 16 bytes', { length: seed.length });
}

/** Throws `KERNEL_ARGUMENT` unless so many bytes of output can be had: 0 … 2²⁸. */
export function checkOutputBytes(outputBytes: number): void {
  if (Number.isInteger(outputBytes) && outputBytes >= 0 && outputBytes <= MAX_BOUND) return;
  throw new PqError('KERNEL_ARGUMENT', 'ask for 0 … 2^28 bytes of output', { outputBytes });
}

/** Throws `KERNEL_ARGUMENT` unless a tree of `count` leaves has one at `position`. */
export function checkPosition(position: number, count: number): void {
  if (Number.isInteger(position) && position >= 0 && position < count) return;
  throw new PqError('KERNEL_ARGUMENT', 'ask for a leaf that the tree has', { position, count });
}

/** False for what cannot be the path of any leaf: whatever its bytes, it leads nowhere. */
export function isPathPossible({ position, count, siblings }: MerklePath): boolean {
  if (!isU32(position) || !isU32(count) || position >= count || siblings.length > MAX_PATH_SIBLINGS) return false;
  return siblings.every((sibling) => sibling.length === DIGEST_BYTES);
}

export function isU32(value: number): boolean {
  return Number.isInteger(value) && value >= 0 && value < U32_LIMIT;
}
