/** Brings a core back to where it was: the inputs of a start, in their order, from the store and the last-signed record. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { decodeBlock, digestKey } from '../core/block.ts';
import { equalBytes } from '../core/bytes.ts';
import { decodeCommit, encodeCommit } from '../core/commit.ts';
import type { Core } from '../core/core.ts';
import type { EpochLink } from '../core/epoch-chain.ts';
import type { Input, SignedRecord } from '../core/io.ts';
import { COMMIT_VOTE_WINDOW, GC_DEPTH_ROUNDS } from '../core/limits.ts';
import { identifyProposals } from '../core/proposal.ts';
import type { Block, Commit, IdentifiedProposal, Ref, SignedBlock } from '../core/types.ts';
import { isPqError, PqError } from '../errors.ts';
import type { CommitEntry, Store } from '../store/store.ts';
import type { Kernels } from '../wasm/kernels.ts';
import type { NodeApplication } from './application.ts';
import type { Epochs } from './epochs.ts';
import { isUnsigned, refsOf } from './history-server.ts';
import type { Log } from './log.ts';
import { readSnapshot, type SnapshotStore } from './snapshots.ts';

/** Commits replayed before others get a turn of the event loop. */
const COMMITS_PER_TURN = 64;

export interface RecoveryParts {
  readonly kernels: Kernels;
  readonly store: Pick<
    Store,
    'commit' | 'commits' | 'block' | 'blocksFrom' | 'pendingProposals' | 'firstCommitIndex' | 'lastCommitIndex'
  >;
  readonly snapshots: Pick<SnapshotStore, 'indexes' | 'read' | 'distrust'>;
  /** In its state of genesis. */
  readonly application: Pick<NodeApplication, 'restore'>;
  readonly core: Pick<Core, 'status'>;
  /** Steps the core and carries out what follows, executions included, before it returns. */
  readonly post: (input: Input) => void;
  readonly epochs: Pick<Epochs, 'closing' | 'link'>;
  /** Null: this node has none and must not sign. */
  readonly record: SignedRecord | null;
  /** What was acknowledged and not decided: told before the core starts, which may find that some of it ran out meanwhile. */
  readonly owe: (pending: readonly IdentifiedProposal[]) => void;
  readonly log: Log;
}

export interface Recovered {
  /** The commit whose snapshot was used; 0: none was. */
  readonly snapshot: number;
  /** The newest commit that is stored, and executed again. */
  readonly commits: number;
  /** Blocks that no stored commit holds. */
  readonly blocks: number;
  /** Proposals that were acknowledged and not decided. */
  readonly pending: number;
}

/**
 * Goes on from the newest snapshot that can be used, replays the stored commits after it with their blocks, reloads what is
 * not committed, and starts the core. Throws `STORE_INCOMPLETE` when the store misses a block or a commit, or the digest of
 * a recomputed commit is another one.
 */
export async function recover(parts: RecoveryParts): Promise<Recovered> {
  const { kernels, store, post, record, owe } = parts;
  const committed = new Set<string>();
  const snapshot = restoreNewest(parts, committed);
  await replayCommits(parts, snapshot, committed);
  const blocks: SignedBlock[] = [];
  const { gcRound, epoch } = parts.core.status();
  for (const bytes of store.blocksFrom(gcRound + 1, epoch)) {
    // An own block that was logged and not signed is known to nobody, unless the record names it.
    if (isUnsigned(bytes)) continue;
    const block = decodeBlock(kernels, bytes);
    if (!committed.has(digestKey(block.ref.digest))) blocks.push(block);
  }
  post({ type: 'reload', blocks });
  const pending = identifyProposals(kernels, store.pendingProposals());
  owe(pending);
  const submissions = pending.map((proposal) => ({ proposal }));
  post({ type: 'start', record, unsigned: unsignedOf(parts), pending: submissions });
  return { snapshot, commits: store.lastCommitIndex, blocks: blocks.length, pending: pending.length };
}

/** For people. */
export function recoveredText({ snapshot, commits, blocks, pending }: Recovered): string {
  const from = snapshot === 0 ? '' : `, from the snapshot of commit ${snapshot}`;
  return `Recovered ${commits} commits${from}, ${blocks} blocks after them and ${pending} proposals.`;
}

/** What goes on from a snapshot and replays commits. */
export type HistoryParts = Omit<RecoveryParts, 'store' | 'record' | 'owe'> & {
  readonly store: Pick<Store, 'commit' | 'commits' | 'block' | 'firstCommitIndex' | 'lastCommitIndex'>;
};

/**
 * Executes the stored commits behind `after` again. Adds the digests of the committed blocks that can be above gcRound to
 * `committed`. Throws as {@link recover}.
 */
export async function replayCommits(parts: HistoryParts, after: number, committed: Set<string>): Promise<void> {
  const { kernels, store, core, post, epochs } = parts;
  if (store.firstCommitIndex > after + 1) {
    throw incomplete(`No snapshot can be used, and commit ${after + 1} is kept no more`, { index: after + 1 });
  }
  const last = store.commit(store.lastCommitIndex);
  const lastEpoch = last && decodeCommit(last.commit).epoch;
  const lowestRound = (last?.leaderRound ?? 0) - GC_DEPTH_ROUNDS;
  for (const entry of store.commits(after + 1)) {
    const blocks = blocksOf(kernels, store, entry);
    const commit = decodeCommit(entry.commit);
    post({ type: 'replay', record: { commit, blocks } });
    if (core.status().executedIndex !== entry.index) {
      throw incomplete(`Commit ${entry.index} cannot be replayed`, { index: entry.index });
    }
    if (commit.epoch === lastEpoch && entry.leaderRound > lowestRound) {
      for (const { ref } of blocks) committed.add(digestKey(ref.digest));
    }
    if (entry.index % COMMITS_PER_TURN === 0) await nextTurn();
  }
  const closing = lastEpoch === undefined ? undefined : epochs.closing(lastEpoch);
  if (closing) post({ type: 'certified', certificate: closing });
}

/** As {@link replayCommits}; returns the commit whose snapshot was used, 0 if none was: one that is damaged or does not fit gives way to an older one. */
export function restoreNewest(parts: HistoryParts, committed: Set<string>): number {
  const { snapshots, log } = parts;
  for (const index of snapshots.indexes) {
    try {
      for (const { digest } of restoreAt(parts, index)) committed.add(digestKey(digest));
      return index;
    } catch (error) {
      if (!isPqError(error)) throw error;
      snapshots.distrust(index);
      const message = `The snapshot of commit ${index} cannot be used; the one before it does: ${error.message}`;
      log({ level: 'warn', code: error.code, message, data: { index } });
    }
  }
  return 0;
}

/** Nothing is changed before all of it is known to fit the store. Returns the blocks that it names. */
function restoreAt(parts: HistoryParts, index: number): readonly Ref[] {
  const { kernels, store, snapshots, application, post } = parts;
  const stored = store.commit(index);
  if (stored === undefined) throw incomplete(`Commit ${index} is not stored`, { index });
  const pieces = snapshots.read(index);
  try {
    const { core, state } = readSnapshot(kernels, pieces);
    const { commit, committed } = core;
    if (!equalBytes(encodeCommit(commit), stored.commit)) throw incomplete(`Commit ${index} is another one`, { index });
    const blocks = blocksAt(kernels, store, committed, index);
    const commits = commitsUpTo(store, commit);
    const links = linksTo(parts, commit.epoch);
    application.restore(state, { lastIndex: index, stateRoot: commit.stateRoot });
    for (const link of links) post({ type: 'enter', link });
    post({ type: 'restore', snapshot: core, blocks, commits });
    return committed;
  } finally {
    pieces.return(undefined);
  }
}

/** What closed the one or two epochs before this one. */
function linksTo({ epochs }: HistoryParts, epoch: number): EpochLink[] {
  const links: EpochLink[] = [];
  for (let before = Math.max(0, epoch - 2); before < epoch; before++) {
    const link = epochs.link(before);
    if (link === undefined) throw incomplete(`What closed epoch ${before} is missing`, { epoch: before });
    links.push(link);
  }
  return links;
}

/** The newest commits of its epoch up to this one that a certificate may still be made of, as far as they are kept. */
function commitsUpTo(store: HistoryParts['store'], { index, epoch }: Commit): Commit[] {
  const commits: Commit[] = [];
  for (const entry of store.commits(Math.max(1, index - COMMIT_VOTE_WINDOW + 1))) {
    if (entry.index > index) break;
    const commit = decodeCommit(entry.commit);
    if (commit.epoch === epoch) commits.push(commit);
  }
  return commits;
}

function blocksOf(kernels: Kernels, store: HistoryParts['store'], entry: CommitEntry): SignedBlock[] {
  return blocksAt(kernels, store, refsOf(entry), entry.index);
}

function blocksAt(kernels: Kernels, store: HistoryParts['store'], refs: readonly Ref[], index: number): SignedBlock[] {
  return refs.map((ref) => {
    const bytes = store.block(ref.digest);
    if (bytes === undefined) throw incomplete(`A block of commit ${index} is missing`, { index });
    return decodeBlock(kernels, bytes);
  });
}

/** The own block that the record names, if it was logged but its signature was not. */
function unsignedOf({ kernels, store, record }: RecoveryParts): Block | null {
  const bytes = record === null ? undefined : store.block(record.digest);
  return bytes !== undefined && isUnsigned(bytes) ? decodeBlock(kernels, bytes) : null;
}

function incomplete(what: string, data: Readonly<Record<string, unknown>>): PqError {
  const advice = 'restore the data directory from a backup of this node, or start with an empty one and resync';
  return new PqError('STORE_INCOMPLETE', `${what}: ${advice}.`, data);
}
