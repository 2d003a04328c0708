/** Answers peers that ask for what the core no longer holds, from the store, within bounds. */

import { decodeRef } from '../core/block.ts';
import { equalBytes } from '../core/bytes.ts';
import { decodeCommit } from '../core/commit.ts';
import { REF_BYTES } from '../core/header.ts';
import { GC_DEPTH_ROUNDS, MAX_FETCH_REFS, MAX_SYNC_COMMITS, SIGNATURE_BYTES } from '../core/limits.ts';
import { encodeMessage, type Message, type SyncedCommit } from '../core/messages.ts';
import { OFFSET_BYTES } from '../core/ssz.ts';
import type { CommitIndex, PeerNumber, Ref } from '../core/types.ts';
import type { CommitEntry, Store } from '../store/store.ts';
import type { Certificates } from './certificates.ts';
import type { Clock } from './clock.ts';
import type { Epochs } from './epochs.ts';
import { TokenBucket } from './token-bucket.ts';

/** Blocks in the answers to one request for rounds. */
const MAX_SERVED_BLOCKS = 256;
/** Bytes of refs in one answer with commits; a first commit is sent whatever its size. */
const MAX_SERVED_REF_BYTES = 256 * 1024;
/** Answers to one peer, in blocks and commits a second: enough to catch up fast, not enough to keep a disk busy. */
const SERVED_PER_SECOND = 4_000;

type HistoryStore = Pick<Store, 'block' | 'blocksFrom' | 'commit' | 'commits' | 'firstCommitIndex' | 'lastCommitIndex'>;

export class HistoryServer {
  readonly #store: HistoryStore;
  readonly #certificates: Pick<Certificates, 'of'>;
  readonly #epochs: Pick<Epochs, 'closing'>;
  readonly #send: (peer: PeerNumber, bytes: Uint8Array) => void;
  readonly #clock: Clock;
  /** By peer; there are only so many numbers. */
  readonly #budgets = new Map<PeerNumber, TokenBucket>();

  constructor(
    store: HistoryStore,
    certificates: Pick<Certificates, 'of'>,
    epochs: Pick<Epochs, 'closing'>,
    clock: Clock,
    send: (peer: PeerNumber, bytes: Uint8Array) => void,
  ) {
    this.#store = store;
    this.#certificates = certificates;
    this.#epochs = epochs;
    this.#send = send;
    this.#clock = clock;
  }

  /**
   * Sends what the store has of what is asked, and says so when it was kept once; nothing for what it never had, or beyond the
   * peer's budget.
   */
  serve(peer: PeerNumber, request: Message): void {
    if (request.kind === 'fetchBlocks') this.#serveBlocks(peer, request.refs);
    else if (request.kind === 'fetchRounds') this.#serveRounds(peer, request.epoch, request.fromRound);
    else if (request.kind === 'fetchCommits') this.#serveCommits(peer, request.from, request.count);
    else if (request.kind === 'fetchClosing') this.#serveClosing(peer, request.epoch);
  }

  #serveBlocks(peer: PeerNumber, refs: readonly Ref[]): void {
    let isPruned = false;
    for (const ref of refs.slice(0, MAX_FETCH_REFS)) {
      const bytes = this.#store.block(ref.digest);
      if (bytes === undefined) isPruned ||= this.#mayBePruned(ref.round);
      else if (!this.#sendBlock(peer, bytes)) return;
    }
    if (isPruned) this.#sendPruned(peer);
  }

  #serveRounds(peer: PeerNumber, epoch: number, fromRound: number): void {
    if (this.#mayBePruned(fromRound, epoch)) return this.#sendPruned(peer);
    let served = 0;
    for (const bytes of this.#store.blocksFrom(fromRound, epoch)) {
      if (served++ === MAX_SERVED_BLOCKS || !this.#sendBlock(peer, bytes)) return;
    }
  }

  #affords(peer: PeerNumber): boolean {
    const budget = this.#budgets.get(peer) ?? new TokenBucket(this.#clock, SERVED_PER_SECOND);
    this.#budgets.set(peer, budget);
    return budget.take();
  }

  /** False when the peer has used up its budget. */
  #sendBlock(peer: PeerNumber, bytes: Uint8Array): boolean {
    if (isUnsigned(bytes)) return true;
    if (!this.#affords(peer)) return false;
    this.#send(peer, encodeMessage({ kind: 'blockReply', bytes }));
    return true;
  }

  /** True for rounds that commits before the oldest kept one ordered; without an epoch, as refs come, perhaps. */
  #mayBePruned(round: number, epoch?: number): boolean {
    const { firstCommitIndex } = this.#store;
    const oldest = firstCommitIndex <= 1 ? undefined : this.#store.commit(firstCommitIndex);
    if (oldest === undefined) return false;
    const oldestEpoch = decodeCommit(oldest.commit).epoch;
    if (epoch !== undefined && epoch !== oldestEpoch) return epoch < oldestEpoch;
    return round <= oldest.leaderRound - GC_DEPTH_ROUNDS;
  }

  #sendPruned(peer: PeerNumber): void {
    if (!this.#affords(peer)) return;
    this.#send(peer, encodeMessage({ kind: 'pruned', first: this.#store.firstCommitIndex as CommitIndex }));
  }

  #serveClosing(peer: PeerNumber, epoch: number): void {
    if (!this.#affords(peer)) return;
    const certificate = this.#epochs.closing(epoch);
    if (certificate !== undefined) this.#send(peer, encodeMessage({ kind: 'closing', certificate }));
  }

  /**
   * A range ends at a commit that can be shown to be final; without one there is nothing that the peer could trust. It never
   * goes beyond the end of an epoch: who asks does not know yet who decides after it.
   */
  #serveCommits(peer: PeerNumber, from: number, count: number): void {
    if (from < this.#store.firstCommitIndex) return this.#sendPruned(peer);
    const to = Math.min(from + Math.min(count, MAX_SYNC_COMMITS) - 1, this.#store.lastCommitIndex);
    const commits: SyncedCommit[] = [];
    let refBytes = 0;
    for (const entry of this.#store.commits(from)) {
      refBytes += entry.refs.length;
      if (entry.index > to || (commits.length > 0 && refBytes > MAX_SERVED_REF_BYTES)) break;
      if (!this.#affords(peer)) return;
      const commit = decodeCommit(entry.commit);
      commits.push({ commit, refs: refsOf(entry) });
      if (!equalBytes(commit.nextCommitteeHash, commit.committeeHash)) break;
    }
    while (commits.length > 0) {
      const certificate = this.#certificates.of(commits[commits.length - 1]!.commit.index);
      if (certificate !== undefined) {
        this.#send(peer, encodeMessage({ kind: 'commitsReply', commits, certificate }));
        return;
      }
      commits.pop();
    }
  }
}

/** The refs of a stored commit, in linear order. */
export function refsOf(entry: Pick<CommitEntry, 'refs'>): Ref[] {
  const refs: Ref[] = [];
  for (let at = 0; at < entry.refs.length; at += REF_BYTES)
    refs.push(decodeRef(entry.refs.subarray(at, at + REF_BYTES)));
  return refs;
}

/** True for the encoding of an own block that was logged before it was signed. */
export function isUnsigned(bytes: Uint8Array): boolean {
  return bytes.subarray(OFFSET_BYTES, OFFSET_BYTES + SIGNATURE_BYTES).every((byte) => byte === 0);
}
