/** Argument checks of the `dag` kernel, shared by the core's wrapper and the twin. */
import { PqError } from '../errors.ts';
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
    Number.isInteger(fromRound) &&
    fromRound >= keepFrom &&
    Number.isInteger(leadersPerRound) &&
    leadersPerRound >= 1 &&
    Number.isInteger(fromOffset) &&
    fromOffset >= 0 &&
    fromOffset <= leadersPerRound &&
    leaders.every((author) => author < authors || author === NO_LEADER);
  if (isSane) return;
  const data = { fromRound, fromOffset, leadersPerRound, leaders: leaders.length, keepFrom };
  throw new PqError('DAG_BAD_SLOTS', 'decide from an uncollected round on, with leaders of the committee', data);
}
