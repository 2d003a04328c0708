/**
 * The pacemaker: whether there is a reason for the own next block, and when it is time. Without a reason the network is
 * silent. A validator never skips own rounds but after a start, a commit sync, or when it was left behind.
 */
import type { Committee, LeaderSchedule } from './committee.ts';
import type { Dag } from './dag.ts';
import { LEADER_ACTIVE_ROUNDS, MAX_TIMEOUT_FACTOR } from './limits.ts';
import type { LocalParameters } from './options.ts';

/** How many rounds weigh in the average of what one takes. */
const ROUNDS_AVERAGED = 8;

/** What the rest of the core says when the pacemaker asks. */
export interface Situation {
  readonly round: number;
  /** Something waits to be ordered, decided or certified. */
  readonly need: boolean;
  /** Nothing is left but opinions that models still form: rounds may be slow. */
  readonly onlyOpinionsMissing: boolean;
  /** Models are at work on blocks that the own next block would link. */
  readonly forming: boolean;
  /** True when the round before needs no own block (start, commit sync, left behind). */
  readonly jumping: boolean;
}

export type Advice = { readonly create: true } | { readonly create: false; readonly wakeAtMs: number };

const WAIT: Advice = { create: false, wakeAtMs: Number.POSITIVE_INFINITY };

export class Pacemaker {
  readonly #dag: Dag;
  readonly #committee: Committee;
  readonly #schedule: LeaderSchedule;
  readonly #local: LocalParameters;
  /** Since when reason, quorum and own block were all there for the round in question, and the leader timeout of then. */
  #ready: { readonly round: number; readonly sinceMs: number; readonly timeoutMs: number } | null = null;
  /** Since when it would have been time, but for opinions being formed. */
  #grace: { readonly round: number; readonly sinceMs: number } | null = null;
  /** Per author: the newest round in which it was waited for in vain; 0: none. */
  readonly #missedRound: number[];
  #lastCreatedMs = Number.NEGATIVE_INFINITY;
  #roundMs = 0;
  /** There was no need since the last own block. */
  #wasIdle = true;
  #timeoutPercent = 100;

  constructor(dag: Dag, committee: Committee, schedule: LeaderSchedule, local: LocalParameters) {
    this.#dag = dag;
    this.#committee = committee;
    this.#schedule = schedule;
    this.#local = local;
    this.#missedRound = new Array<number>(committee.size).fill(0);
  }

  /** The leader timeout as it is now, backed off. Milliseconds. */
  get timeoutMs(): number {
    return (this.#local.leaderTimeoutMs * this.#timeoutPercent) / 100;
  }

  committed(): void {
    this.#timeoutPercent = 100;
  }

  /** How long own rounds took lately, from one to the next without a pause. Milliseconds; 0 before the first. */
  get roundMs(): number {
    return this.#roundMs;
  }

  created(nowMs: number): void {
    if (!this.#wasIdle) {
      const tookMs = Math.min(nowMs - this.#lastCreatedMs, this.#local.leaderTimeoutMs * MAX_TIMEOUT_FACTOR);
      this.#roundMs += Math.trunc((tookMs - this.#roundMs) / ROUNDS_AVERAGED);
    }
    this.#wasIdle = false;
    this.#lastCreatedMs = nowMs;
    this.#ready = null;
    this.#grace = null;
  }

  /** One leader timeout passed without a commit while there was need. */
  backOff(): void {
    this.#timeoutPercent = Math.min(100 * MAX_TIMEOUT_FACTOR, Math.ceil((this.#timeoutPercent * 3) / 2));
  }

  advise(nowMs: number, situation: Situation): Advice {
    const { round, need, jumping } = situation;
    if (!need) this.#wasIdle = true;
    const reason = need || this.#dag.highestRound >= round;
    if (!reason || !this.#dag.hasQuorumAt(round - 1) || !(jumping || this.#hasOwn(round - 1))) {
      this.#ready = null;
      return WAIT;
    }
    if (this.#ready?.round !== round) this.#ready = { round, sinceMs: nowMs, timeoutMs: this.timeoutMs };
    const crowdIsHere = this.#dag.hasQuorumAt(round);
    const paceMs = situation.onlyOpinionsMissing && !crowdIsHere ? this.#local.waitPaceMs : this.#local.minRoundDelayMs;
    const paceAtMs = this.#lastCreatedMs + paceMs;
    if (nowMs < paceAtMs) return { create: false, wakeAtMs: paceAtMs };
    if (crowdIsHere || this.#leadersAreSettled(round)) return this.#afterGrace(nowMs, situation);
    // A back-off is for the next wait; a commit, which ends it, for this one too.
    const timeoutAtMs = this.#ready.sinceMs + Math.min(this.#ready.timeoutMs, this.timeoutMs);
    if (nowMs < timeoutAtMs) return { create: false, wakeAtMs: timeoutAtMs };
    this.#missed(round - 1);
    return this.#afterGrace(nowMs, situation);
  }

  /** A block that could go out waits a moment for opinions being formed, so that they travel one round earlier. */
  #afterGrace(nowMs: number, { round, forming }: Situation): Advice {
    if (!forming || this.#local.opinionGraceMs === 0) return { create: true };
    if (this.#grace?.round !== round) this.#grace = { round, sinceMs: nowMs };
    const endMs = this.#grace.sinceMs + this.#local.opinionGraceMs;
    return nowMs >= endMs ? { create: true } : { create: false, wakeAtMs: endMs };
  }

  #hasOwn(round: number): boolean {
    return round === 0 || this.#ownRound >= round;
  }
  #ownRound = 0;

  /** The own newest sealed block is of this round. */
  ownRoundIs(round: number): void {
    this.#ownRound = round;
  }

  /** Leaders of the round before that are awake are here, and those two rounds before have their votes or are skipped. */
  #leadersAreSettled(round: number): boolean {
    for (const author of this.#schedule.leaders(round - 1)) {
      if (round - 1 > 0 && this.#isAwake(author, round) && this.#dag.slot(round - 1, author).length === 0) return false;
    }
    if (round - 2 <= 0) return true;
    const awaited = this.#stakeAwaited(round);
    return this.#schedule.leaders(round - 2).every((author) => this.#isSettled(round - 2, author, awaited));
  }

  /** Spoke in the newest rounds, and since it was last waited for in vain: who is gone costs one timeout, not one per round. */
  #isAwake(author: number, round: number): boolean {
    const newest = this.#dag.newestOf(author)?.block.ref.round ?? 0;
    return newest > 0 && newest >= round - LEADER_ACTIVE_ROUNDS && newest >= this.#missedRound[author]!;
  }

  /** A leader timeout ran out: whoever has no block in this round is not waited for until it has one in it or above it. */
  #missed(round: number): void {
    for (const { index } of this.#committee.validators) {
      if (this.#dag.slot(round, index).length === 0) this.#missedRound[index] = round;
    }
  }

  /** Stake of the validators that are awake and whose block of the round before may still come. */
  #stakeAwaited(round: number): number {
    let stake = 0;
    for (const { index, stake: own } of this.#committee.validators) {
      if (this.#dag.slot(round - 1, index).length === 0 && this.#isAwake(index, round)) stake += own;
    }
    return stake;
  }

  /**
   * Voted by a quorum, skipped by one, or beyond both whoever still speaks: then waiting decides nothing. An equivocator
   * that links and does not link a leader counts here for it; only the commit rule must be exact.
   */
  #isSettled(round: number, author: number, awaited: number): boolean {
    const { quorum } = this.#committee;
    const all = this.#dag.stakeAt(round + 1);
    let most = 0;
    for (const { supporters } of this.#dag.slot(round, author)) most = Math.max(most, supporters.stake);
    const against = all - most;
    if (most >= quorum || against >= quorum) return true;
    return most + awaited < quorum && against + awaited < quorum;
  }
}
