/** Brings a core back to where it was: the inputs of a start, in their order, from the store and the last-signed record. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { decodeBlock, digestKey } from '../core/block.ts';
import { decodeCommit } from '../core/commit.ts';
import type { Core } from '../core/core.ts';
import type { Input, SignedRecord } from '../core/io.ts';
import { GC_DEPTH_ROUNDS } from '../core/limits.ts';
import { identifyProposals } from '../core/proposal.ts';
import type { Block, IdentifiedProposal, SignedBlock } from '../core/types.ts';
import { PqError } from '../errors.ts';
import type { CommitEntry, Store } from '../store/store.ts';
import type { Kernels } from '../wasm/kernels.ts';
import type { Epochs } from './epochs.ts';
import { isUnsigned, refsOf } from './history-server.ts';

/** Commits replayed before others get a turn of the event loop. */
const COMMITS_PER_TURN = 64;

export interface RecoveryParts {
  readonly kernels: Kernels;
  readonly store: Pick<Store, 'commit' | 'commits' | 'block' | 'blocksFrom' | 'pendingProposals' | 'lastCommitIndex'>;
  readonly core: Pick<Core, 'status'>;
  /** Steps the core and carries out what follows, executions included, before it returns. */
  readonly post: (input: Input) => void;
  /** What closed an epoch, if it is over. */
  readonly closingOf: Epochs['closing'];
  /** Null: this node has none and must not sign. */
  readonly record: SignedRecord | null;
  /** What was acknowledged and not decided: told before the core starts, which may find that some of it ran out meanwhile. */
  readonly owe: (pending: readonly IdentifiedProposal[]) => void;
}

export interface Recovered {
  readonly commits: number;
  /** Blocks that no stored commit holds. */
  readonly blocks: number;
  /** Proposals that were acknowledged and not decided. */
  readonly pending: number;
}

/**
 * Replays the stored commits with their blocks, reloads what is not committed, and starts the core. Throws
 * `STORE_INCOMPLETE` when the store misses a block of a commit or the digest of a recomputed commit is another one.
 */
export async function recover(parts: RecoveryParts): Promise<Recovered> {
  const { kernels, store, post, record, owe } = parts;
  const committed = await replayCommits(parts);
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
  return { commits: store.lastCommitIndex, blocks: blocks.length, pending: pending.length };
}

/** Returns the digests of the committed blocks of the last epoch that can be above gcRound. */
async function replayCommits({ kernels, store, core, post, closingOf }: RecoveryParts): Promise<Set<string>> {
  const committed = new Set<string>();
  const last = store.commit(store.lastCommitIndex);
  const lastEpoch = last && decodeCommit(last.commit).epoch;
  const lowestRound = (last?.leaderRound ?? 0) - GC_DEPTH_ROUNDS;
  for (const entry of store.commits(1)) {
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
  const closing = lastEpoch === undefined ? undefined : closingOf(lastEpoch);
  if (closing) post({ type: 'certified', certificate: closing });
  return committed;
}

function blocksOf(kernels: Kernels, store: RecoveryParts['store'], entry: CommitEntry): SignedBlock[] {
  return refsOf(entry).map((ref) => {
    const bytes = store.block(ref.digest);
    if (bytes === undefined) throw incomplete(`A block of commit ${entry.index} is missing`, { index: entry.index });
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
