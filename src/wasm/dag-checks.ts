/** Argument checks of the `dag` kernel, shared by the core's wrapper and the twin. */
import { PqError } from '../errors.ts';

/** The first round that "frees every block of a round ≤ gcRound" keeps, as a u32. A gcRound below 0 frees nothing. */
export function firstKept(gcRound: number): number {
  if (!Number.isInteger(gcRound)) throw new PqError('DAG_BAD_ROUND', 'gcRound must be an integer', { gcRound });
  return Math.min(Math.max(gcRound + 1, 0), 2 ** 32 - 1);
}

/** Throws `DAG_BAD_HANDLE` unless the handle is of a block that is held. */
export function checkHandle(handle: number, isLive: boolean): void {
  if (!isLive) throw new PqError('DAG_BAD_HANDLE', 'the block was collected or never inserted', { handle });
}

/** `DAG_BAD_SLOTS`: the leader slots make no sense for this committee, or lie below what was collected. */
export function badSlots(data: Record<string, unknown>): PqError {
  return new PqError('DAG_BAD_SLOTS', 'decide from an uncollected round on, with leaders of the committee', data);
}

/** Refusals of a block, all `DAG_BAD_BLOCK`; the core answers with −3 − (index here). */
export const BAD_BLOCK = [
  'its round is not above gcRound',
  'its author is not in the committee',
  'a parent is not in the arena',
  'a parent is not of an earlier round',
  'two parents are of one author',
  'its digest does not have 32 bytes',
] as const;

/** `DAG_BAD_BLOCK` with its reason. */
export function badBlock(why: (typeof BAD_BLOCK)[number]): PqError {
  return new PqError('DAG_BAD_BLOCK', `check the block before it is inserted: ${why}`);
}

/** `DAG_FULL`: blocks or rounds are at their bound. */
export function dagFull(blocks: number): PqError {
  return new PqError('DAG_FULL', 'collect old rounds or raise maxBlocks', { blocks });
}

/** `DAG_TWO_COMMITS`: the committee has more than f faulty stake. */
export function twoCommits(round: number, author: number): PqError {
  const message = 'stop: two blocks of one leader slot commit, so more than f stake is faulty';
  return new PqError('DAG_TWO_COMMITS', message, { round, author });
}
