/**
 * Horizon: execution in order, the commit digest, and the quantum certificate. Every validator states (k, D_k) in its
 * headers; a quorum of such headers is the certificate, so finality costs no signature of its own.
 */
import { PqError } from '../errors.ts';
import type { Kernels } from '../wasm/kernels.ts';
import { digestKey } from './block.ts';
import { equalBytes } from './bytes.ts';
import { entryOf } from './certificate.ts';
import { blocksRootOf, commitDigest, decisionLeaf, decisionsRootOf } from './commit.ts';
import { type Committee, StakeSet } from './committee.ts';
import type { DecidedCommit } from './focus.ts';
import { COMMIT_VOTE_WINDOW, MAX_COMMIT_VOTES } from './limits.ts';
import type { OrderedCommit } from './prism.ts';
import type {
  Block,
  Certificate,
  Commit,
  CommitDigest,
  CommitIndex,
  CommitVote,
  Decision,
  IdentifiedProposal,
  Ref,
  VerifiedBlock,
} from './types.ts';

/** A commit that waits for its execution. */
export interface PendingCommit {
  readonly index: CommitIndex;
  readonly leader: Ref;
  readonly timestampMs: number;
  readonly refs: readonly Ref[];
  readonly decisions: readonly Decision[];
  readonly proposals: readonly IdentifiedProposal[];
  /** From the own store or a certified peer: what the digest must turn out to be. */
  readonly expected: CommitDigest | null;
  /** Hash of the committee from the next commit on: another one in an epoch's last commit. */
  readonly nextCommitteeHash: Uint8Array;
}

/** What the application answered. */
export interface ExecutionResult {
  readonly index: CommitIndex;
  readonly stateRoot: Uint8Array;
  readonly modelRoot: Uint8Array;
  readonly receipts: readonly number[];
}

export interface ExecutedCommit {
  readonly commit: Commit;
  readonly digest: CommitDigest;
  readonly pending: PendingCommit;
  /** False when the digest is not the expected one: this node or its store is wrong. */
  readonly asExpected: boolean;
}

interface DigestVotes {
  readonly digest: CommitDigest;
  readonly stakes: StakeSet;
  readonly blocks: Map<number, Block>;
}

/** What is stated of one commit. */
interface IndexVotes {
  /** Whoever stated anything: only the first digest of an author counts, so that one author cannot make this grow. */
  readonly voters: StakeSet;
  readonly byDigest: Map<string, DigestVotes>;
}

export class Horizon {
  readonly #kernels: Kernels;
  readonly #committee: Committee;
  readonly #queue: PendingCommit[] = [];
  /** Own digests from the last certified commit on. */
  readonly #executed = new Map<number, { commit: Commit; digest: CommitDigest; key: string }>();
  readonly #votes = new Map<number, IndexVotes>();
  /** The highest commit each author claims to have executed. */
  readonly #claimed: number[];
  #unlisted: CommitVote[] = [];
  /** Commits up to here were listed by own headers, of before a restart too. */
  #listedIndex = 0;
  #diverging: number | undefined;
  #executedIndex = 0;
  #lastDigest: CommitDigest;
  #certifiedIndex = 0;
  #decisiveIndex = 0;

  constructor(kernels: Kernels, committee: Committee) {
    this.#kernels = kernels;
    this.#committee = committee;
    this.#claimed = new Array(committee.size).fill(0);
    const { index, digest } = committee.origin;
    this.#lastDigest = digest;
    this.#executedIndex = index;
    this.#certifiedIndex = index;
    this.#listedIndex = index;
  }

  /**
   * Votes on what lies at or below are of no use: it is certified, or, where nothing is for long, so old that a certificate
   * of something newer will cover it.
   */
  get #floor(): number {
    return Math.max(this.#certifiedIndex, this.#executedIndex - COMMIT_VOTE_WINDOW);
  }
  get executedIndex(): number {
    return this.#executedIndex;
  }
  get lastDigest(): CommitDigest {
    return this.#lastDigest;
  }
  get certifiedIndex(): number {
    return this.#certifiedIndex;
  }
  /** Commits ordered and not executed. */
  get lag(): number {
    return this.#queue.length;
  }
  /** Newest commit that decided something, ordered or executed; 0 before the first. */
  get decisiveIndex(): number {
    return this.#decisiveIndex;
  }
  /** True while some decision is not under a certificate. */
  get owesCertificate(): boolean {
    return this.#decisiveIndex > this.#certifiedIndex;
  }
  /** True while an executed commit is listed by no own header. */
  get hasUnlisted(): boolean {
    return this.#unlisted.length > 0;
  }
  /** The highest index that `author` claimed in a signed header. */
  claimedBy(author: number): number {
    return this.#claimed[author] ?? 0;
  }

  /** `nextCommitteeHash`: of the committee after it, where that is another one. */
  enqueue(
    ordered: OrderedCommit,
    decided: Omit<DecidedCommit, 'upgrade'>,
    expected: CommitDigest | null,
    nextCommitteeHash: Uint8Array = this.#committee.hash,
  ): PendingCommit {
    const pending: PendingCommit = {
      index: ordered.index,
      leader: ordered.leader,
      timestampMs: ordered.timestampMs,
      refs: ordered.blocks.map((block) => block.ref),
      decisions: decided.decisions,
      proposals: decided.proposals,
      expected,
      nextCommitteeHash,
    };
    this.#queue.push(pending);
    if (decided.decisions.length > 0) this.#decisiveIndex = ordered.index;
    return pending;
  }

  /** The commit whose execution is due, or undefined. */
  get head(): PendingCommit | undefined {
    return this.#queue[0];
  }

  /** Seals the oldest pending commit with the application's answer. Undefined for an answer nobody waits for. */
  executed(result: ExecutionResult): ExecutedCommit | undefined {
    const pending = this.#queue[0];
    if (!pending || pending.index !== result.index || result.receipts.length !== pending.decisions.length)
      return undefined;
    this.#queue.shift();
    const leaves = pending.decisions.map((decision, i) => decisionLeaf(decision, result.receipts[i] ?? 0));
    const commit: Commit = {
      index: pending.index,
      previous: this.#lastDigest,
      leader: pending.leader,
      timestampMs: pending.timestampMs,
      blocksRoot: blocksRootOf(this.#kernels, pending.refs),
      decisionsRoot: decisionsRootOf(this.#kernels, leaves),
      stateRoot: result.stateRoot,
      modelRoot: result.modelRoot,
      epoch: this.#committee.epoch,
      committeeHash: this.#committee.hash,
      nextCommitteeHash: pending.nextCommitteeHash,
      chainId: this.#committee.chainId,
    };
    const digest = commitDigest(this.#kernels, commit);
    this.#hold(commit, digest);
    const asExpected = pending.expected === null || equalBytes(pending.expected, digest);
    return { commit, digest, pending, asExpected };
  }

  #hold(commit: Commit, digest: CommitDigest): void {
    const { index } = commit;
    this.#executedIndex = index;
    this.#lastDigest = digest;
    this.#executed.set(index, { commit, digest, key: digestKey(digest) });
    if (index > this.#listedIndex) this.#unlisted.push({ index, digest });
    if (this.#unlisted.length > MAX_COMMIT_VOTES) this.#unlisted.shift();
    this.#lookForDivergence(index);
    this.#executed.delete(index - COMMIT_VOTE_WINDOW);
    this.#votes.delete(index - COMMIT_VOTE_WINDOW);
  }

  /**
   * Goes on after commits that were executed before a restart: `commits` are the newest of them, in order, which a
   * certificate may still be made of. Throws `SNAPSHOT_COMMITS` when they do not follow on each other.
   */
  restore(commits: readonly Commit[], decisiveIndex: number): void {
    for (const [i, commit] of commits.entries()) {
      const follows = commit.index === this.#executedIndex + 1 && equalBytes(commit.previous, this.#lastDigest);
      if (i > 0 && !follows) {
        throw new PqError('SNAPSHOT_COMMITS', 'The commits before a snapshot do not follow on each other.', {
          index: commit.index,
        });
      }
      this.#hold(commit, commitDigest(this.#kernels, commit));
    }
    this.#decisiveIndex = decisiveIndex;
  }

  /** Reads the commit votes of a block whose signature was checked, in the DAG or not. */
  observe(block: VerifiedBlock): void {
    const author = block.ref.author;
    for (const { index, digest } of block.header.commitVotes) {
      this.#claimed[author] = Math.max(this.#claimed[author] ?? 0, index);
      if (index <= this.#floor || index > this.#executedIndex + COMMIT_VOTE_WINDOW) continue;
      const votes = this.#votesOn(index);
      if (!votes.voters.add(author)) continue;
      const key = digestKey(digest);
      let same = votes.byDigest.get(key);
      if (!same) {
        same = { digest, stakes: new StakeSet(this.#committee), blocks: new Map() };
        votes.byDigest.set(key, same);
      }
      same.stakes.add(author);
      same.blocks.set(author, block);
      this.#lookForDivergence(index);
    }
  }

  #votesOn(index: number): IndexVotes {
    const known = this.#votes.get(index);
    if (known) return known;
    const fresh: IndexVotes = { voters: new StakeSet(this.#committee), byDigest: new Map() };
    this.#votes.set(index, fresh);
    return fresh;
  }

  /** The newest own commit that a quorum now agrees with, if it is newer than the last certified one. */
  certify(): Certificate | undefined {
    for (let index = this.#executedIndex; index > this.#floor; index--) {
      const own = this.#executed.get(index);
      const votes = own && this.#votes.get(index)?.byDigest.get(own.key);
      if (!votes || votes.stakes.stake < this.#committee.quorum) continue;
      const blocks = [...votes.blocks.entries()].sort(([a], [b]) => a - b).map(([, block]) => block);
      this.#certifiedUpTo(index);
      return { commits: [own.commit], entries: blocks.map((block) => entryOf(this.#kernels, block)) };
    }
    return undefined;
  }

  /** A verified certificate from elsewhere covers every commit up to `index`. */
  adopt(index: number): void {
    if (index > this.#certifiedIndex) this.#certifiedUpTo(index);
  }

  /** An index at which more than f stake states another digest than the own one, or undefined. */
  get diverging(): number | undefined {
    return this.#diverging;
  }

  #lookForDivergence(index: number): void {
    const own = this.#executed.get(index);
    const votes = this.#votes.get(index);
    if (!own || !votes) return;
    let against = 0;
    for (const { digest, stakes } of votes.byDigest.values()) {
      if (!equalBytes(digest, own.digest)) against += stakes.stake;
    }
    if (against > this.#committee.faulty) this.#diverging ??= index;
  }

  /** The newest commits no own header lists yet, ascending. They count as listed from now on. */
  takeVotes(): CommitVote[] {
    const votes = this.#unlisted;
    this.#unlisted = [];
    this.#listedIndex = votes.at(-1)?.index ?? this.#listedIndex;
    return votes;
  }

  /** Commits up to `index` were listed by a header signed before a restart. */
  listedUpTo(index: number): void {
    this.#listedIndex = Math.max(this.#listedIndex, index);
    this.#unlisted = this.#unlisted.filter((vote) => vote.index > index);
  }

  digestAt(index: number): CommitDigest | undefined {
    return this.#executed.get(index)?.digest;
  }

  #certifiedUpTo(index: number): void {
    this.#certifiedIndex = index;
    for (const key of this.#votes.keys()) if (key <= index) this.#votes.delete(key);
    for (const key of this.#executed.keys()) if (key < index) this.#executed.delete(key);
  }
}
