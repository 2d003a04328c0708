/** Answers peers that ask for what the core no longer holds, from the store, within bounds. */

import { decodeRef } from '../core/block.ts';
import { decodeCommit } from '../core/commit.ts';
import { REF_BYTES } from '../core/header.ts';
import { MAX_FETCH_REFS, MAX_SYNC_COMMITS, SIGNATURE_BYTES } from '../core/limits.ts';
import { encodeMessage, type Message, type SyncedCommit } from '../core/messages.ts';
import { OFFSET_BYTES } from '../core/ssz.ts';
import type { AuthorIndex, Ref } from '../core/types.ts';
import type { CommitEntry, Store } from '../store/store.ts';
import type { Certificates } from './certificates.ts';
import type { Clock } from './clock.ts';
import { TokenBucket } from './token-bucket.ts';

/** Blocks in the answers to one request for rounds. */
const MAX_SERVED_BLOCKS = 256;
/** Bytes of refs in one answer with commits; a first commit is sent whatever its size. */
const MAX_SERVED_REF_BYTES = 256 * 1024;
/** Answers to one peer, in blocks and commits a second: enough to catch up fast, not enough to keep a disk busy. */
const SERVED_PER_SECOND = 4_000;

type HistoryStore = Pick<Store, 'block' | 'blocksFrom' | 'commit' | 'commits' | 'lastCommitIndex'>;

export class HistoryServer {
  readonly #store: HistoryStore;
  readonly #certificates: Pick<Certificates, 'of'>;
  readonly #send: (peer: AuthorIndex, bytes: Uint8Array) => void;
  readonly #budgets: readonly TokenBucket[];

  /** `peers`: validators of the committee; each has a budget of its own. */
  constructor(
    store: HistoryStore,
    certificates: Pick<Certificates, 'of'>,
    clock: Clock,
    peers: number,
    send: (peer: AuthorIndex, bytes: Uint8Array) => void,
  ) {
    this.#store = store;
    this.#certificates = certificates;
    this.#send = send;
    this.#budgets = Array.from({ length: peers }, () => new TokenBucket(clock, SERVED_PER_SECOND));
  }

  /** Sends what the store has of what is asked; nothing for what it has not, or beyond the peer's budget. */
  serve(peer: AuthorIndex, request: Message): void {
    if (request.kind === 'fetchBlocks') this.#serveBlocks(peer, request.refs);
    else if (request.kind === 'fetchRounds') this.#serveRounds(peer, request.fromRound);
    else if (request.kind === 'fetchCommits') this.#serveCommits(peer, request.from, request.count);
  }

  #serveBlocks(peer: AuthorIndex, refs: readonly Ref[]): void {
    for (const ref of refs.slice(0, MAX_FETCH_REFS)) {
      const bytes = this.#store.block(ref.digest);
      if (bytes !== undefined && !this.#sendBlock(peer, bytes)) return;
    }
  }

  #serveRounds(peer: AuthorIndex, fromRound: number): void {
    let served = 0;
    for (const bytes of this.#store.blocksFrom(fromRound)) {
      if (served++ === MAX_SERVED_BLOCKS || !this.#sendBlock(peer, bytes)) return;
    }
  }

  /** False when the peer has used up its budget. */
  #sendBlock(peer: AuthorIndex, bytes: Uint8Array): boolean {
    if (isUnsigned(bytes)) return true;
    if (!this.#budgets[peer]?.take()) return false;
    this.#send(peer, encodeMessage({ kind: 'blockReply', bytes }));
    return true;
  }

  /** A range ends at a commit that can be shown to be final; without one there is nothing that the peer could trust. */
  #serveCommits(peer: AuthorIndex, from: number, count: number): void {
    const to = Math.min(from + Math.min(count, MAX_SYNC_COMMITS) - 1, this.#store.lastCommitIndex);
    const commits: SyncedCommit[] = [];
    let refBytes = 0;
    for (const entry of this.#store.commits(from)) {
      refBytes += entry.refs.length;
      if (entry.index > to || (commits.length > 0 && refBytes > MAX_SERVED_REF_BYTES)) break;
      if (!this.#budgets[peer]?.take()) return;
      commits.push({ commit: decodeCommit(entry.commit), refs: refsOf(entry) });
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
