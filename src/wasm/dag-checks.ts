/** Argument checks of the `dag` kernel, shared by the core's wrapper and the twin. */
import { PqError } from '../errors.ts';
import { isU32 } from './checks.ts';
import { NO_LEADER } from './kernels.ts';

/** The first round that "frees every block of a round ≤ gcRound" keeps, as a u32. A gcRound below 0 frees nothing. */
export function firstKept(gcRound: number): number {
  if (!Number.isInteger(gcRound)) throw new PqError('DAG_BAD_ROUND', 'gcRound must be an integer', { gcRound });
  return Math.min(Math.max(gcRound + 1, 0), 2 ** 32 - 1);
}

/** Throws `DAG_BAD_HANDLE` unless the handle is of a block that is held. */
export function checkHandle(handle: number, isLive: boolean): void {
  if (!isLive) throw new PqError('DAG_BAD_HANDLE', 'the block was collected or never inserted', { handle });
}

/** Throws `DAG_BAD_SLOTS` unless the leader slots make sense for a committee of `authors`, above what was collected. */
export function checkDecide(
  fromRound: number,
  fromOffset: number,
  leaders: Uint16Array,
  leadersPerRound: number,
  authors: number,
  keepFrom: number,
): void {
  const isSane =
    isU32(fromRound) &&
    fromRound >= keepFrom &&
    isU32(leadersPerRound) &&
    leadersPerRound >= 1 &&
    isU32(fromOffset) &&
    fromOffset <= leadersPerRound;
  let areMembers = true;
  for (let i = 0; i < leaders.length; i++) if (leaders[i]! >= authors && leaders[i] !== NO_LEADER) areMembers = false;
  if (isSane && areMembers) return;
  const data = { fromRound, fromOffset, leadersPerRound, leaders: leaders.length, keepFrom };
  throw new PqError('DAG_BAD_SLOTS', 'decide from an uncollected round on, with leaders of the committee', data);
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
