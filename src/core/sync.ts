/**
 * Commit sync: how a node that is far behind follows. It takes a range of commits whose digests chain to a certified
 * one, fetches their blocks by ref from whoever has them, checks every signature, and adopts the commits in order.
 */
import { PqError } from '../errors.ts';
import type { Kernels } from '../wasm/kernels.ts';
import { refKey } from './block.ts';
import { equalBytes } from './bytes.ts';
import { checkCertificate } from './certificate.ts';
import { blocksRootOf, commitDigest } from './commit.ts';
import type { Committee } from './committee.ts';
import { MAX_FETCH_REFS, MAX_SYNC_COMMITS } from './limits.ts';
import type { Message } from './messages.ts';
import type { AuthorIndex, Certificate, Commit, CommitDigest, CommitIndex, Ref, VerifiedBlock } from './types.ts';

export type CommitsReply = Extract<Message, { kind: 'commitsReply' }>;

/** A commit of a certified range whose blocks are all here. */
export interface ReadyCommit {
  readonly commit: Commit;
  readonly digest: CommitDigest;
  readonly blocks: readonly VerifiedBlock[];
}

interface Range {
  readonly commits: readonly {
    readonly commit: Commit;
    readonly digest: CommitDigest;
    readonly refs: readonly Ref[];
  }[];
  readonly certificate: Certificate;
  /** Blocks of all commits, in order. */
  readonly refs: readonly Ref[];
  /** Signatures of the certificate still to be checked. */
  unchecked: number;
  /** How many of `refs` are here or asked for. */
  asked: number;
}

/** Blocks that this node holds already, by key. */
export type HeldBlock = (key: string) => VerifiedBlock | undefined;

export class CommitSync {
  readonly #kernels: Kernels;
  readonly #committee: Committee;
  #peer: AuthorIndex | null = null;
  #from = 0;
  #deadlineMs = Number.POSITIVE_INFINITY;
  #range: Range | null = null;
  readonly #wanted = new Map<string, Ref>();
  readonly #blocks = new Map<string, VerifiedBlock>();

  constructor(kernels: Kernels, committee: Committee) {
    this.#kernels = kernels;
    this.#committee = committee;
  }

  get active(): boolean {
    return this.#peer !== null;
  }
  /** True from a reply that may prove something on. */
  get hasRange(): boolean {
    return this.#range !== null;
  }
  get peer(): AuthorIndex | null {
    return this.#peer;
  }
  get deadlineMs(): number {
    return this.#deadlineMs;
  }
  get certificate(): Certificate | undefined {
    return this.#range?.certificate;
  }
  /** True once a quorum's signatures stand behind the range: whoever has its blocks may send them. */
  get isProven(): boolean {
    return this.#range?.unchecked === 0;
  }
  wants(key: string): boolean {
    return this.#wanted.has(key);
  }

  /** Begins with asking `peer` for the commits from `from` on. */
  start(peer: AuthorIndex, from: number, deadlineMs: number): Message {
    this.stop();
    this.#peer = peer;
    this.#from = from;
    this.#deadlineMs = deadlineMs;
    return { kind: 'fetchCommits', from: from as CommitIndex, count: MAX_SYNC_COMMITS };
  }

  stop(): void {
    this.#peer = null;
    this.#range = null;
    this.#deadlineMs = Number.POSITIVE_INFINITY;
    this.#wanted.clear();
    this.#blocks.clear();
  }

  /**
   * Checks everything of a reply but the certificate's signatures. Throws a coded error for a reply that proves nothing.
   * Returns false for one that was not asked for. There is no deadline while the own machine checks signatures.
   */
  take(peer: AuthorIndex, reply: CommitsReply): boolean {
    if (peer !== this.#peer || this.#range) return false;
    const commits = reply.commits.map(({ commit, refs }) => ({
      commit,
      refs,
      digest: commitDigest(this.#kernels, commit),
    }));
    for (const [i, { commit, refs }] of commits.entries()) {
      const before = commits[i - 1];
      const linked = before === undefined || equalBytes(commit.previous, before.digest);
      const isNext = commit.index === this.#from + i;
      if (!linked || !isNext || !equalBytes(commit.blocksRoot, blocksRootOf(this.#kernels, refs))) {
        throw new PqError('SYNC_CHAIN', 'the commits of a sync reply do not form a chain', { index: commit.index });
      }
    }
    const last = commits.at(-1);
    const certified = reply.certificate.commits[0];
    if (!last || !certified || !equalBytes(commitDigest(this.#kernels, certified), last.digest)) {
      throw new PqError('SYNC_CERTIFICATE', 'the certificate of a sync reply is of another commit', { peer });
    }
    checkCertificate(this.#kernels, this.#committee, reply.certificate);
    const { certificate } = reply;
    const refs = commits.flatMap((entry) => entry.refs);
    this.#range = { commits, certificate, refs, unchecked: certificate.entries.length, asked: 0 };
    this.#deadlineMs = Number.POSITIVE_INFINITY;
    return true;
  }

  /** One signature of the certificate was good. True when it was the last one to check. */
  signatureChecked(): boolean {
    if (!this.#range) return false;
    this.#range.unchecked -= 1;
    return this.#range.unchecked === 0;
  }

  /** `peer` is asked for what is wanted, until `deadlineMs`. */
  askedOf(peer: AuthorIndex, deadlineMs: number): void {
    this.#peer = peer;
    this.#deadlineMs = deadlineMs;
  }

  /**
   * What to ask for next, at most `MAX_FETCH_REFS`: what was asked for and has not come, else the next refs of the range
   * that `held` does not give. Empty when all is here.
   */
  missing(held: HeldBlock): Ref[] {
    const range = this.#range;
    if (!range || this.#wanted.size > 0) return [...this.#wanted.values()];
    while (range.asked < range.refs.length && this.#wanted.size < MAX_FETCH_REFS) {
      const ref = range.refs[range.asked] as Ref;
      const key = refKey(ref);
      range.asked += 1;
      const block = held(key);
      // Held by the range from now on: the DAG may let go of a suspended block at any time.
      if (block) this.#blocks.set(key, block);
      else this.#wanted.set(key, ref);
    }
    return [...this.#wanted.values()];
  }

  /** A wanted block arrived and its signature is good. True when nothing is wanted any more. */
  deliver(block: VerifiedBlock): boolean {
    const key = refKey(block.ref);
    if (!this.#wanted.delete(key)) return false;
    this.#blocks.set(key, block);
    return this.#wanted.size === 0;
  }

  /** The whole range, once {@link missing} is empty and the certificate is checked; undefined before. */
  ready(): ReadyCommit[] | undefined {
    if (!this.#range || !this.isProven || this.#wanted.size > 0 || this.#range.asked < this.#range.refs.length) return;
    return this.#range.commits.map(({ commit, digest, refs }) => ({
      commit,
      digest,
      blocks: refs.map((ref) => this.#blocks.get(refKey(ref)) as VerifiedBlock),
    }));
  }
}
