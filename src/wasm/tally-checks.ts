/** Argument checks of the `tally` kernel, shared by the core's wrapper and the twin. */
import { PqError } from '../errors.ts';
import { checkBound, checkStakes, checkThreshold } from './checks.ts';
import type { TallyOptions, TallyVote } from './kernels.ts';

/** Confidence scale: 10000 is certain. */
const CONFIDENCE_MAX = 10_000;

/** Throws `KERNEL_OPTIONS` on bad options; returns the sum of the stakes. */
export function checkTallyOptions(options: TallyOptions): number {
  checkThreshold('requiredVotes', options.requiredVotes);
  checkThreshold('validity', options.validity);
  checkBound('maxOpen', options.maxOpen);
  return checkStakes(options.stakes);
}

export function tallyFull(open: number): PqError {
  return new PqError('TALLY_FULL', 'close decided proposals or raise maxOpen', { open });
}

export function badSlot(slot: number): PqError {
  return new PqError('TALLY_BAD_SLOT', 'open the slot before it is used', { slot });
}

/** Throws `TALLY_BAD_VOTE` unless author and confidence are in range. */
export function checkVote(vote: TallyVote, authors: number): void {
  const isSane =
    Number.isInteger(vote.author) &&
    vote.author >= 0 &&
    vote.author < authors &&
    Number.isInteger(vote.confidence) &&
    vote.confidence >= 0 &&
    vote.confidence <= CONFIDENCE_MAX;
  if (isSane) return;
  const data = { author: vote.author, confidence: vote.confidence };
  throw new PqError('TALLY_BAD_VOTE', 'author must be of the committee, confidence 0 … 10000', data);
}

/** Throws `TALLY_BAD_VOTE` unless the author is of the committee. */
export function checkAuthor(author: number, authors: number): void {
  if (Number.isInteger(author) && author >= 0 && author < authors) return;
  throw new PqError('TALLY_BAD_VOTE', 'the author must be of the committee', { author });
}
