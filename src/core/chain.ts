/**
 * The pipeline from the DAG to finality: Prism orders, Focus decides, the application executes, Horizon certifies. Each
 * stage is a pure function of the one before; only execution is asked of the driver.
 */
import { isPqError, PqError } from '../errors.ts';
import type { Kernels } from '../wasm/kernels.ts';
import { compareRefs, refKey } from './block.ts';
import { equalBytes } from './bytes.ts';
import { commitDigest } from './commit.ts';
import { type Committee, committeeHash, type LeaderSchedule } from './committee.ts';
import { type Admission, Dag, type Vertex } from './dag.ts';
import { Focus } from './focus.ts';
import { type ExecutionResult, Horizon } from './horizon.ts';
import type { SignedRecord } from './io.ts';
import { GC_DEPTH_ROUNDS, MAX_PENDING_COMMITS } from './limits.ts';
import type { Members } from './members.ts';
import type { Memory } from './memory.ts';
import type { Outbox } from './outbox.ts';
import { type OrderedCommit, Prism } from './prism.ts';
import type { CoreSnapshot } from './snapshot.ts';
import type {
  AcceptedBlock,
  Block,
  Certificate,
  Commit,
  CommitDigest,
  CommitIndex,
  Decision,
  KeysOf,
  VerifiedBlock,
} from './types.ts';
import { applyUpgrade, readUpgrade } from './upgrade.ts';

/** What the chain tells the core while it moves. */
export interface ChainListener {
  /** Blocks entered the DAG because older ones left it. */
  admitted(admission: Admission): void;
  /** These fell out of the DAG and will never be committed. */
  dropped(vertices: readonly Vertex[]): void;
  decided(decisions: readonly Decision[]): void;
}

export interface ChainParts {
  readonly kernels: Kernels;
  readonly committee: Committee;
  readonly schedule: LeaderSchedule;
  readonly keysOf: KeysOf;
  readonly out: Outbox;
  readonly listener: ChainListener;
  /** Of the epoch before; a new one in the first. */
  readonly memory?: Memory | undefined;
  /** Commits from one snapshot to the next; 0 for none. */
  readonly snapshotEvery: number;
}

/** A snapshot that lacks its commit: that one is not executed yet. */
type Captured = Omit<CoreSnapshot, 'commit'> & { readonly index: number };

/** The commit that ends the epoch, and who decides after it. */
export interface Closing {
  readonly index: CommitIndex;
  readonly timestampMs: number;
  readonly members: Members;
  /** Null until it is executed. */
  readonly digest: CommitDigest | null;
  /** Null until a quorum of the old committee certified it. */
  readonly certificate: Certificate | null;
}

export class Chain {
  readonly dag: Dag;
  readonly prism: Prism;
  readonly focus: Focus;
  readonly horizon: Horizon;
  readonly #kernels: Kernels;
  readonly #committee: Committee;
  readonly #snapshotEvery: number;
  readonly #out: Outbox;
  readonly #listener: ChainListener;
  /** Commits up to here are re-run from the own store. */
  #replayedIndex = 0;
  #executingIndex = 0;
  /** Certificates from elsewhere of commits not executed here: that of a range, and that of the epoch's last commit. */
  #proven: readonly Certificate[] = [];
  /** The record of before a restart, until the commit it voted for last is executed here. */
  #listed: SignedRecord | null = null;
  #halted = false;
  /** Of commits that are not executed yet, in order. */
  readonly #captured: Captured[] = [];
  #closing: Closing | null = null;

  constructor(parts: ChainParts) {
    const { kernels, committee, schedule, keysOf, out, listener, memory, snapshotEvery } = parts;
    this.#kernels = kernels;
    this.#committee = committee;
    this.#out = out;
    this.#listener = listener;
    this.#snapshotEvery = snapshotEvery;
    this.dag = new Dag(kernels, committee);
    this.prism = new Prism(this.dag, committee, schedule);
    this.focus = new Focus(kernels, committee, keysOf, memory);
    this.horizon = new Horizon(kernels, committee);
  }

  /** True once something fatal happened. The DAG and what is stored can still be served. */
  get halted(): boolean {
    return this.#halted;
  }

  /** Set from the commit on that ends the epoch: nothing is ordered after it. */
  get closing(): Closing | null {
    return this.#closing;
  }

  /** Stops executing and signing for good, and says why. */
  halt(code: string, message: string, data: Readonly<Record<string, unknown>>): void {
    if (this.#halted) return;
    this.#halted = true;
    this.#out.alarm(code, message, data);
  }

  /** Orders and decides everything the DAG allows. */
  advance(): void {
    for (let ordered = this.#nextCommit(); ordered; ordered = this.#nextCommit()) this.#absorb(ordered, null);
  }

  /**
   * Undefined when there is none, while execution is too far behind, after the last commit of the epoch, and when the DAG
   * shows two committed blocks of one slot: then nothing is ordered any more.
   */
  #nextCommit(): OrderedCommit | undefined {
    if (this.#halted || this.#closing || this.horizon.lag >= MAX_PENDING_COMMITS) return undefined;
    try {
      return this.prism.next();
    } catch (error) {
      if (!isPqError(error)) throw error;
      this.halt(error.code, error.message, error.data);
      return undefined;
    }
  }

  /**
   * Goes on from a snapshot, before anything else is fed. `blocks` are those that it names, in its order; `commits` the
   * newest ones up to its own, in order. Throws `SNAPSHOT_…` when these do not belong together: then nothing may be done with it.
   */
  restore(snapshot: CoreSnapshot, blocks: readonly VerifiedBlock[], commits: readonly Commit[]): void {
    const { commit, committed, decisiveIndex, focus } = snapshot;
    const held = new Map(blocks.map((block) => [refKey(block.ref), block as Block as AcceptedBlock]));
    if (committed.length !== blocks.length || !committed.every((ref) => held.has(refKey(ref)))) {
      throw new PqError('SNAPSHOT_BLOCKS', 'These are not the blocks that the snapshot names.', {
        index: commit.index,
      });
    }
    checkOrigin(this.#committee, commit);
    if (commits.at(-1)?.index !== commit.index) {
      throw new PqError('SNAPSHOT_COMMITS', 'The commits end in another one than the snapshot.', {
        index: commit.index,
      });
    }
    this.focus.restore(focus, commit.timestampMs, (ref) => held.get(refKey(ref)));
    this.prism.restore(commit);
    this.horizon.restore(commits, decisiveIndex);
    this.#replayedIndex = commit.index;
    this.#executingIndex = commit.index;
    this.dag.startAbove(Math.max(0, commit.leader.round - GC_DEPTH_ROUNDS));
    for (const block of blocks) this.#listener.admitted(this.dag.insertCommitted(block));
    for (const block of blocks) this.observe(block);
  }

  /**
   * Takes over a commit with its blocks: `replayed` from the own store, or from a peer under a certificate. Throws the codes
   * of {@link Prism.adopt}, and `COMMIT_AFTER_CLOSING`.
   */
  adopt(commit: Commit, digest: CommitDigest, blocks: readonly VerifiedBlock[], replayed: boolean): void {
    if (this.#closing) {
      throw new PqError('COMMIT_AFTER_CLOSING', 'a commit follows the last one of its epoch', { index: commit.index });
    }
    if (replayed) this.#replayedIndex = commit.index;
    const { commit: ordered, admissions } = this.prism.adopt(commit, blocks);
    for (const admission of admissions) this.#listener.admitted(admission);
    this.#absorb(ordered, digest);
  }

  /** The application's answer to the oldest pending execution. */
  executed(result: ExecutionResult): void {
    const done = this.horizon.executed(result);
    if (!done) return;
    const { commit, digest, pending, asExpected } = done;
    const { decisions } = pending;
    const replayed = commit.index <= this.#replayedIndex;
    if (!asExpected) {
      this.halt(
        'COMMIT_DIGEST_MISMATCH',
        'executing a known commit gave another digest: check the store and the version of this node',
        {
          index: commit.index,
        },
      );
      return;
    }
    if (this.#closing?.index === commit.index) this.#closing = { ...this.#closing, digest };
    this.#compareListed();
    if (!replayed) {
      const { refs } = pending;
      this.#out.push({ type: 'storeCommit', commit, digest, refs, decisions, receipts: result.receipts });
    }
    this.#out.event({ type: 'executed', commit, digest, decisions, receipts: result.receipts, replayed });
    this.#handOut(commit);
    this.#adoptProven();
    this.certify();
    this.#execute();
  }

  /** Reads the commit votes of a block whose signature was checked. */
  observe(block: VerifiedBlock): void {
    if (block.header.commitVotes.length > 0) this.horizon.observe(block);
  }

  certify(): void {
    const { diverging } = this.horizon;
    if (diverging !== undefined) {
      this.halt(
        'DIVERGENT_QUORUM',
        'more than f of the stake executed another state at one commit: stop and compare the nodes',
        {
          index: diverging,
        },
      );
      return;
    }
    const certificate = this.horizon.certify();
    if (certificate) this.#certified(certificate);
  }

  /** A certificate that was verified elsewhere. It is told once the commit it covers is executed here too. */
  adoptCertificate(certificate: Certificate): void {
    this.#proven = [...this.#proven, certificate];
    this.#adoptProven();
  }

  #adoptProven(): void {
    if (this.#proven.length === 0) return;
    const { executedIndex } = this.horizon;
    const due = this.#proven.filter(({ commits }) => commits[0]!.index <= executedIndex);
    this.#proven = this.#proven.filter((certificate) => !due.includes(certificate));
    for (const certificate of due) this.#adoptOne(certificate);
  }

  #adoptOne(certificate: Certificate): void {
    const commit = certificate.commits[0] as Commit;
    const { index } = commit;
    if (index <= this.horizon.certifiedIndex) return;
    const own = this.horizon.digestAt(index);
    if (!own || !equalBytes(own, commitDigest(this.#kernels, commit))) {
      this.halt(
        'CERTIFICATE_OTHER',
        'a quorum certified another state than this node executed: check the store and the version of this node',
        { index },
      );
      return;
    }
    this.horizon.adopt(index);
    this.#certified(certificate);
  }

  /** What was listed before a restart must be what is executed again, now or after catching up. */
  checkListed(record: SignedRecord): void {
    this.horizon.listedUpTo(record.votedIndex);
    this.#listed = record;
    this.#compareListed();
  }

  #compareListed(): void {
    const listed = this.#listed;
    if (!listed || listed.votedIndex > this.horizon.executedIndex) return;
    this.#listed = null;
    const own = this.horizon.digestAt(listed.votedIndex);
    if (own && !equalBytes(own, listed.votedDigest)) {
      this.halt(
        'COMMIT_VOTE_MISMATCH',
        'this node voted for another digest at a commit before it was restarted: do not sign',
        { index: listed.votedIndex },
      );
    }
  }

  #certified(certificate: Certificate): void {
    const commit = certificate.commits[0] as Commit;
    const digest = commitDigest(this.#kernels, commit);
    if (this.#closing?.index === commit.index) this.#closing = { ...this.#closing, certificate };
    this.#out.event({ type: 'certified', index: commit.index, digest, certificate });
  }

  #absorb(ordered: OrderedCommit, expected: CommitDigest | null): void {
    const decided = this.focus.apply(ordered);
    const { index, timestampMs, blocks } = ordered;
    if (decided.upgrade) {
      const members = applyUpgrade(this.#committee, readUpgrade(decided.upgrade.proposal));
      this.#closing = { index, timestampMs, members, digest: null, certificate: null };
      this.horizon.enqueue(ordered, decided, expected, committeeHash(this.#kernels, members));
    } else this.horizon.enqueue(ordered, decided, expected);
    const replayed = index <= this.#replayedIndex;
    this.#out.event({ type: 'committed', index, timestampMs, blocks, decisions: decided.decisions, replayed });
    if (decided.decisions.length > 0) this.#listener.decided(decided.decisions);
    const { admission, dropped } = this.dag.collect(ordered.leader.round);
    if (dropped.length > 0) this.#listener.dropped(dropped);
    this.#listener.admitted(admission);
    const isDue = this.#snapshotEvery > 0 && index % this.#snapshotEvery === 0;
    // The next epoch needs nothing of the DAG or of what is open: it goes on from the certificate of this commit.
    if (isDue && !replayed && !this.#closing) this.#capture(index);
    this.#execute();
  }

  /** What is held after a commit, before the next one changes it. Handed out once the commit is executed. */
  #capture(index: number): void {
    const committed = [...this.dag.all()].filter((vertex) => vertex.committed).map(({ block }) => block.ref);
    committed.sort(compareRefs);
    const { decisiveIndex } = this.horizon;
    this.#captured.push({ index, committed, decisiveIndex, focus: this.focus.capture() });
  }

  #handOut(commit: Commit): void {
    if (this.#captured[0]?.index !== commit.index) return;
    const { committed, decisiveIndex, focus } = this.#captured.shift() as Captured;
    this.#out.push({ type: 'snapshot', snapshot: { commit, committed, decisiveIndex, focus } });
  }

  #execute(): void {
    const head = this.horizon.head;
    if (!head || head.index === this.#executingIndex || this.#halted) return;
    this.#executingIndex = head.index;
    const { index, timestampMs, decisions, proposals } = head;
    this.#out.push({ type: 'execute', execution: { index, timestampMs, decisions, proposals } });
  }
}

/** A snapshot of another chain, epoch or committee says nothing about this one. */
function checkOrigin({ chainId, epoch, hash }: Committee, commit: Commit): void {
  const isOwn = equalBytes(commit.chainId, chainId) && equalBytes(commit.nextCommitteeHash, hash);
  if (isOwn && commit.epoch === epoch) return;
  const message = 'The snapshot is of another chain, epoch or committee than the one to go on with.';
  throw new PqError('SNAPSHOT_ORIGIN', message, { index: commit.index, epoch: commit.epoch });
}
