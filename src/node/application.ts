import type { ProposalData } from '../agent/proposals.ts';
import type { StateSnapshot } from '../app/state-view.ts';
import type { Execution } from '../core/io.ts';
import type { IdentifiedProposal, KeysOf } from '../core/types.ts';
import type { PqError } from '../errors.ts';
import type { ExecutionAnswer } from './driver.ts';

/** An application as a node uses it. */
export interface NodeApplication {
  readonly keysOf: KeysOf;
  /** What is wrong with a proposal whatever the state; null if nothing. */
  check(proposal: IdentifiedProposal): PqError | null | Promise<PqError | null>;
  /** True when {@link check} answers at once, false when it asks the thread pool. */
  readonly checksAtOnce: boolean;
  /** What models see of it. */
  describe(proposal: IdentifiedProposal): ProposalData;
  /** One line for people. */
  summary(proposal: IdentifiedProposal): string;
  /** The executed state as it is now, however it goes on. */
  snapshot(): StateSnapshot;
  /** Replaces the state by one that must be that of this commit. Throws `APP_SNAPSHOT_INVALID`, and then changes nothing. */
  restore(pieces: Iterable<Uint8Array>, expected: { readonly lastIndex: number; readonly stateRoot: Uint8Array }): void;
  /** Executes the approved proposals of a commit, in order. Throws only when it cannot go on at all. */
  execute(execution: Execution): ExecutionAnswer;
}
