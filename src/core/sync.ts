/**
 * Commit sync: how a node that is far behind follows. It takes a range of commits whose digests chain to a certified
 * one, fetches their blocks by ref, checks every signature, and adopts the commits in order.
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
  /** Signatures of the certificate still to be checked. */
  unchecked: number;
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
  get peer(): AuthorIndex | null {
    return this.#peer;
  }
  get deadlineMs(): number {
    return this.#deadlineMs;
  }
  get certificate(): Certificate | undefined {
    return this.#range?.certificate;
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
   * Returns false for one that was not asked for.
   */
  take(peer: AuthorIndex, reply: CommitsReply, deadlineMs: number): boolean {
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
    this.#range = { commits, certificate: reply.certificate, unchecked: reply.certificate.entries.length };
    this.#deadlineMs = deadlineMs;
    return true;
  }

  /** One signature of the certificate was good. True when it was the last one to check. */
  signatureChecked(): boolean {
    if (!this.#range) return false;
    this.#range.unchecked -= 1;
    return this.#range.unchecked === 0;
  }

  /** Refs of the range that neither `held` nor an earlier answer gives, at most `MAX_FETCH_REFS`. */
  missing(held: HeldBlock): Ref[] {
    this.#wanted.clear();
    for (const { refs } of this.#range?.commits ?? []) {
      for (const ref of refs) {
        const key = refKey(ref);
        if (this.#wanted.size < MAX_FETCH_REFS && !held(key) && !this.#blocks.has(key)) this.#wanted.set(key, ref);
      }
    }
    return [...this.#wanted.values()];
  }

  /** A wanted block arrived and its signature is good. True when nothing is wanted any more. */
  deliver(block: VerifiedBlock, deadlineMs: number): boolean {
    const key = refKey(block.ref);
    if (!this.#wanted.delete(key)) return false;
    this.#blocks.set(key, block);
    this.#deadlineMs = deadlineMs;
    return this.#wanted.size === 0;
  }

  /** The whole range, once {@link missing} is empty and the certificate is checked; undefined before. */
  ready(held: HeldBlock): ReadyCommit[] | undefined {
    if (!this.#range || this.#range.unchecked > 0) return undefined;
    const ready: ReadyCommit[] = [];
    for (const { commit, digest, refs } of this.#range.commits) {
      const blocks = refs.map((ref) => held(refKey(ref)) ?? this.#blocks.get(refKey(ref)));
      if (blocks.some((block) => block === undefined)) return undefined;
      ready.push({ commit, digest, blocks: blocks as VerifiedBlock[] });
    }
    return ready;
  }
}
