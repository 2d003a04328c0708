/** What a node keeps of the past: all of it, or what is newer than a snapshot that a start can go on from. */
import type { CoreSnapshot } from '../core/snapshot.ts';
import { PqError } from '../errors.ts';
import { Pruner, type PrunerParts } from './pruner.ts';
import { Snapshots, type SnapshotsParts } from './snapshots.ts';

export interface HistoryOptions {
  /** Commits that are kept, with their blocks, decisions and certificates; `all`: a node that keeps everything, an archive. */
  readonly retain: number | 'all';
  /** Commits from one snapshot of the state to the next; 0: none, and then nothing is removed either. */
  readonly snapshotEvery: number;
}

/**
 * A validator keeps what its peers may ask for after a long outage, on a disk that does not fill up. What is older, and proofs of it, are with archives: a network needs at least one of them for new members to follow.
 */
export const DEFAULT_HISTORY: HistoryOptions = { retain: 1_000_000, snapshotEvery: 5_000 };

export interface HistoryParts
  extends Omit<SnapshotsParts, 'onWritten' | 'store'>,
    Omit<PrunerParts, 'snapshots' | 'store'> {
  readonly store: SnapshotsParts['store'] & PrunerParts['store'];
}

export class History {
  readonly #snapshots: Snapshots;
  readonly #pruner: Pruner;

  constructor(parts: HistoryParts) {
    const { files } = parts;
    this.#pruner = new Pruner({ ...parts, snapshots: () => files.indexes });
    this.#snapshots = new Snapshots({ ...parts, onWritten: () => this.#pruner.wake() });
  }

  /** The node is where it was before its restart: what was to be removed then is removed now. */
  start(): void {
    this.#pruner.wake();
  }

  /** The core's state right after the commit that the application executed last. */
  take(snapshot: CoreSnapshot): void {
    this.#snapshots.take(snapshot);
  }

  /** Resolves when nothing is written any more. */
  stop(): Promise<void> {
    this.#pruner.stop();
    return this.#snapshots.stop();
  }
}

/** Fills in the defaults. Throws `CONFIG_RETENTION`. */
export function historyOptions(options: Partial<HistoryOptions> = {}): HistoryOptions {
  const history = { ...DEFAULT_HISTORY, ...options };
  const { retain, snapshotEvery } = history;
  const isCount = (value: number, min: number) => Number.isSafeInteger(value) && value >= min;
  if ((retain === 'all' || isCount(retain, 1)) && isCount(snapshotEvery, 0)) return history;
  const message = 'Keep `all` commits or a number of them, and a snapshot of every so many, or 0 for none.';
  throw new PqError('CONFIG_RETENTION', message, { retain, snapshotEvery });
}
