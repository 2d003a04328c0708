/**
 * Prism: the commit rule turns the DAG into one sequence of commits. An uncertified DAG with waves of three rounds
 * (Mysticeti, arXiv 2310.14821): votes for a leader of round R are links from R + 1, certificates are blocks of R + 2.
 */
import { PqError } from '../errors.ts';
import type { DecidedSlot } from '../wasm/kernels.ts';
import { refKey } from './block.ts';
import type { Committee, LeaderSchedule } from './committee.ts';
import type { Admission, Dag, Vertex } from './dag.ts';
import type { AcceptedBlock, Block, Commit, CommitIndex, Ref, VerifiedBlock } from './types.ts';

/** One committed leader with the blocks it makes final. */
export interface OrderedCommit {
  readonly index: CommitIndex;
  readonly leader: Ref;
  readonly timestampMs: number;
  /** In linear order; the leader is the last. */
  readonly blocks: readonly AcceptedBlock[];
}

export class Prism {
  readonly #dag: Dag;
  readonly #committee: Committee;
  readonly #schedule: LeaderSchedule;
  /** The first slot that is not decided. */
  #round = 1;
  #offset = 0;
  #index: number;
  #timestampMs: number;
  /** What the last look at the DAG decided, and how much of it was taken. New blocks never change a decision. */
  #decided: readonly DecidedSlot[] = [];
  #taken = 0;
  /** Blocks the DAG had accepted then: without a new one the rule has nothing new to say. */
  #seenBlocks = -1;

  constructor(dag: Dag, committee: Committee, schedule: LeaderSchedule) {
    this.#dag = dag;
    this.#committee = committee;
    this.#schedule = schedule;
    this.#index = committee.origin.index;
    this.#timestampMs = committee.genesisTimeMs;
  }

  /** Index of the newest commit; 0 before the first. */
  get index(): number {
    return this.#index;
  }
  /** Commit time: never goes back, and a quorum's clocks bound it. */
  get timestampMs(): number {
    return this.#timestampMs;
  }

  /**
   * The next commit the DAG allows, or undefined. The caller records it with {@link Dag.collect} before asking again.
   * Throws `DAG_TWO_COMMITS` when more than f stake is faulty.
   */
  next(): OrderedCommit | undefined {
    for (let slot = this.#nextSlot(); slot; slot = this.#nextSlot()) {
      this.#moveBehind(slot.round, slot.offset);
      if (slot.status === 'skip') continue;
      const leader = this.#dag.byHandle(slot.block);
      return this.#record(leader, this.#dag.linearize(leader));
    }
    return undefined;
  }

  /**
   * Takes over a commit that a certificate proves. Throws `COMMIT_NOT_NEXT` when it is not the next one and
   * `COMMIT_BLOCKS` when its parts do not fit together.
   */
  adopt(commit: Commit, blocks: readonly VerifiedBlock[]): { commit: OrderedCommit; admissions: Admission[] } {
    if (commit.index !== this.#index + 1) {
      throw new PqError('COMMIT_NOT_NEXT', 'commits can only be adopted one after the other', { index: commit.index });
    }
    const admissions = blocks.map((block) => this.#dag.insertCommitted(block));
    const leader = blocks.at(-1);
    const offset = this.#schedule.leaders(commit.leader.round).indexOf(commit.leader.author);
    const vertex = this.#dag.get(refKey(commit.leader));
    if (!vertex || !leader || vertex.key !== refKey(leader.ref) || offset < 0) {
      throw new PqError('COMMIT_BLOCKS', 'the blocks of a commit do not end in its leader', { index: commit.index });
    }
    this.#moveBehind(commit.leader.round, offset);
    this.#decided = [];
    this.#taken = 0;
    this.#seenBlocks = -1;
    const ordered = this.#record(vertex, blocks as readonly Block[] as readonly AcceptedBlock[]);
    return { commit: ordered, admissions };
  }

  /** Goes on behind a commit that was ordered before a restart. Throws `SNAPSHOT_LEADER` when its leader led nothing. */
  restore({ index, leader, timestampMs }: Commit): void {
    const offset = this.#schedule.leaders(leader.round).indexOf(leader.author);
    if (offset < 0) {
      throw new PqError('SNAPSHOT_LEADER', 'A snapshot cannot be used: its commit has no leader.', { index });
    }
    this.#index = index;
    this.#timestampMs = timestampMs;
    this.#moveBehind(leader.round, offset);
  }

  /** The next slot, if it is decided. */
  #nextSlot(): DecidedSlot | undefined {
    if (this.#taken === this.#decided.length) this.#decide();
    const slot = this.#decided[this.#taken];
    if (slot) this.#taken += 1;
    return slot;
  }

  /** Lets the rule look at every slot that is not decided yet; keeps the longest decided prefix. */
  #decide(): void {
    this.#decided = [];
    this.#taken = 0;
    const dag = this.#dag;
    // A slot is decided by blocks two rounds above it, or skipped by a quorum one round above it.
    if (dag.acceptedCount === this.#seenBlocks || !dag.hasQuorumAt(this.#round + 1)) return;
    this.#seenBlocks = dag.acceptedCount;
    const perRound = this.#committee.parameters.leadersPerRound;
    const leaders: number[] = [];
    for (let round = this.#round; round <= dag.highestRound; round++) leaders.push(...this.#schedule.leaders(round));
    this.#decided = dag.kernel.decide(this.#round, this.#offset, leaders, perRound);
  }

  #moveBehind(round: number, offset: number): void {
    const last = offset + 1 >= this.#committee.parameters.leadersPerRound;
    this.#round = last ? round + 1 : round;
    this.#offset = last ? 0 : offset + 1;
  }

  #record(leader: Vertex, blocks: readonly (Vertex | AcceptedBlock)[]): OrderedCommit {
    this.#index += 1;
    this.#timestampMs = Math.max(this.#timestampMs, this.#medianTimeOfParents(leader.block));
    return {
      index: this.#index as CommitIndex,
      leader: leader.block.ref,
      timestampMs: this.#timestampMs,
      blocks: blocks.map((entry) => ('block' in entry ? entry.block : entry)),
    };
  }

  /** Stake-weighted lower median of the timestamps of the leader's parents of the round before: no f can move it alone. */
  #medianTimeOfParents(leader: AcceptedBlock): number {
    const times: { timeMs: number; stake: number }[] = [];
    let total = 0;
    for (const parent of leader.header.parents) {
      if (parent.round !== leader.ref.round - 1) continue;
      const stake = this.#committee.stakes[parent.author] ?? 0;
      times.push({ timeMs: this.#timeOf(parent), stake });
      total += stake;
    }
    times.sort((a, b) => a.timeMs - b.timeMs);
    let below = 0;
    for (const { timeMs, stake } of times) {
      below += stake;
      // Compared by subtraction: doubling a stake of 2^53 − 1 would leave the safe integers.
      if (below >= total - below) return timeMs;
    }
    return this.#timestampMs;
  }

  #timeOf(ref: Ref): number {
    if (ref.round === 0) return this.#committee.genesisTimeMs;
    const held = this.#dag.find(ref);
    if (!held)
      throw new PqError('DAG_PARENT_UNKNOWN', 'a parent of a committed leader is not held', { round: ref.round });
    return held.block.header.timestampMs;
  }
}
