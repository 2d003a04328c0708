import { decodeCommit } from '../core/commit.ts';
import { GC_DEPTH_ROUNDS } from '../core/limits.ts';
import { isPqError } from '../errors.ts';
import type { HistoryStart } from '../store/prune.ts';
import type { Store } from '../store/store.ts';
import type { Clock } from './clock.ts';
import type { Log } from './log.ts';

/** Keys removed at once: a millisecond or two of the event loop. */
const KEYS_PER_STEP = 256;
/** From one step to the next: ten times faster than a busy network adds, and slow enough not to be felt. */
const STEP_EVERY_MS = 20;
/** Until the next try when the disk does not keep up. */
const RETRY_MS = 1000;

export interface PrunerParts {
  readonly store: Pick<Store, 'prune' | 'commit' | 'firstCommitIndex' | 'lastCommitIndex'>;
  /** Commits that are kept at least; `all`: nothing is ever removed. */
  readonly retain: number | 'all';
  /** Commits that a snapshot is held of, newest first. */
  readonly snapshots: () => readonly number[];
  readonly certifiedIndex: () => number;
  readonly clock: Clock;
  readonly log: Log;
  /** The store cannot be written any more. */
  readonly onFailed: (error: unknown) => void;
}

/**
 * Removes history that is older than what is to be kept, so that the disk is bounded too. Never what a start from the older
 * of two snapshots needs, nor what is not certified.
 */
export class Pruner {
  readonly #parts: PrunerParts;
  #start: HistoryStart | undefined;
  #cancel: (() => void) | undefined;
  #stopped = false;

  constructor(parts: PrunerParts) {
    this.#parts = parts;
  }

  /** There may be more to remove than before. */
  wake(): void {
    if (this.#stopped) return;
    this.#start = this.#find() ?? this.#start;
    if (this.#start !== undefined) this.#cancel ??= this.#parts.clock.after(STEP_EVERY_MS, () => this.#step());
  }

  stop(): void {
    this.#stopped = true;
    this.#cancel?.();
  }

  /** Where the history that is kept begins; undefined when there is nothing before it. */
  #find(): HistoryStart | undefined {
    const { store, retain, snapshots, certifiedIndex } = this.#parts;
    const held = snapshots();
    // Should one of two be damaged, the other one must do.
    if (retain === 'all' || held.length < 2) return undefined;
    const oldest = held.at(-1)!;
    const commit = Math.min(store.lastCommitIndex - retain + 1, oldest, certifiedIndex());
    const before = commit > store.firstCommitIndex ? store.commit(commit - 1) : undefined;
    if (before === undefined) return undefined;
    const { epoch } = decodeCommit(before.commit);
    return { commit, epoch, round: Math.max(0, before.leaderRound - GC_DEPTH_ROUNDS) };
  }

  #step(): void {
    this.#cancel = undefined;
    if (this.#stopped || this.#start === undefined) return;
    let nextMs = STEP_EVERY_MS;
    try {
      if (!this.#parts.store.prune(this.#start, KEYS_PER_STEP)) return this.#finish(this.#start.commit);
    } catch (error) {
      if (!isPqError(error) || error.code !== 'STORE_BEHIND') return this.#parts.onFailed(error);
      nextMs = RETRY_MS;
    }
    this.#cancel = this.#parts.clock.after(nextMs, () => this.#step());
  }

  #finish(first: number): void {
    this.#start = undefined;
    const message = `Commits before ${first} were removed, and what belongs to them.`;
    this.#parts.log({ level: 'info', code: 'PRUNED', message, data: { first } });
  }
}
