/**
 * The rules of order once more, in the plainest way: what a commit must hold, given the blocks that anybody accepted.
 * Shares no code with the core but the comparison of refs.
 */
import { compareRefs, refKey } from '../core/block.ts';
import type { AcceptedBlock, Ref } from '../core/types.ts';

/** The rule's own number, not the core's: this must not follow a mistake there. */
const GC_DEPTH = 60;

/** What is wrong with a commit, as a code and what to look at; undefined when nothing is. */
export interface Complaint {
  readonly code: string;
  readonly data: Readonly<Record<string, unknown>>;
}

export class OrderOracle {
  readonly #stakes: readonly number[];
  readonly #quorum: number;
  readonly #blocks = new Map<string, AcceptedBlock>();
  readonly #rounds = new Map<number, AcceptedBlock[]>();
  readonly #committed = new Set<string>();
  #leaderRound = 0;
  #timestampMs: number;

  constructor(stakes: readonly number[], genesisTimeMs: number) {
    this.#stakes = stakes;
    this.#quorum = quorumOf(stakes);
    this.#timestampMs = genesisTimeMs;
  }

  /** Somebody honest accepted this block. */
  accepted(block: AcceptedBlock): void {
    const key = refKey(block.ref);
    if (this.#blocks.has(key)) return;
    this.#blocks.set(key, block);
    const round = this.#rounds.get(block.ref.round);
    if (round) round.push(block);
    else this.#rounds.set(block.ref.round, [block]);
  }

  /** The next commit, as somebody honest made it. */
  committed(index: number, timestampMs: number, blocks: readonly AcceptedBlock[]): Complaint | undefined {
    for (const block of blocks) this.accepted(block);
    const leader = blocks.at(-1);
    if (!leader) return { code: 'SIM_COMMIT_EMPTY', data: { index } };
    if (!this.#hasCertificate(leader)) {
      return { code: 'SIM_LEADER_WITHOUT_CERTIFICATE', data: { index, round: leader.ref.round } };
    }
    const expected = this.#history(leader);
    const [said, meant] = [blocks.map(({ ref }) => refKey(ref)), expected.map(refKey)];
    if (said.length !== meant.length || said.some((key, i) => key !== meant[i])) {
      return { code: 'SIM_COMMIT_OTHER_BLOCKS', data: { index, said: said.length, meant: meant.length } };
    }
    for (const key of meant) this.#committed.add(key);
    this.#leaderRound = leader.ref.round;
    this.#timestampMs = Math.max(this.#timestampMs, this.#medianTime(leader));
    if (timestampMs === this.#timestampMs) return undefined;
    return { code: 'SIM_COMMIT_OTHER_TIME', data: { index, said: timestampMs, meant: this.#timestampMs } };
  }

  /** Everything that the leader reaches above gcRound (of the commit before) and that is not committed, sorted. */
  #history(leader: AcceptedBlock): Ref[] {
    const gcRound = this.#leaderRound - GC_DEPTH;
    const found = new Map<string, Ref>([[refKey(leader.ref), leader.ref]]);
    for (const [key] of found) {
      for (const parent of this.#blocks.get(key)?.header.parents ?? []) {
        const parentKey = refKey(parent);
        if (parent.round < 1 || parent.round <= gcRound || this.#committed.has(parentKey)) continue;
        found.set(parentKey, parent);
      }
    }
    return [...found.values()].sort(compareRefs);
  }

  /** Some block two rounds above it has a quorum of parents that vote for it: nothing else ever makes a leader final. */
  #hasCertificate(leader: AcceptedBlock): boolean {
    const { round } = leader.ref;
    const voters = new Map<string, number>();
    for (const block of this.#rounds.get(round + 1) ?? []) {
      const votes = block.header.parents.some((parent) => refKey(parent) === refKey(leader.ref));
      if (votes) voters.set(refKey(block.ref), block.ref.author);
    }
    return (this.#rounds.get(round + 2) ?? []).some((block) => {
      const authors = new Set<number>();
      for (const parent of block.header.parents) {
        const author = voters.get(refKey(parent));
        if (author !== undefined) authors.add(author);
      }
      return this.#stakeOf(authors) >= this.#quorum;
    });
  }

  #medianTime(leader: AcceptedBlock): number {
    const times: { timeMs: number; stake: number }[] = [];
    for (const parent of leader.header.parents) {
      if (parent.round !== leader.ref.round - 1) continue;
      const timeMs = this.#blocks.get(refKey(parent))?.header.timestampMs ?? this.#timestampMs;
      times.push({ timeMs, stake: this.#stakes[parent.author] ?? 0 });
    }
    return lowerMedian(times.map(({ timeMs, stake }) => ({ value: timeMs, stake })));
  }

  #stakeOf(authors: Iterable<number>): number {
    let stake = 0;
    for (const author of authors) stake += this.#stakes[author] ?? 0;
    return stake;
  }
}

/** N − f, f = ⌊(N − 1) / 3⌋. */
export function quorumOf(stakes: readonly number[]): number {
  const total = stakes.reduce((sum, stake) => sum + stake, 0);
  return total - Math.floor((total - 1) / 3);
}

/** The smallest value such that at least half of the stake has it or a smaller one; 0 of nothing. */
export function lowerMedian(entries: readonly { readonly value: number; readonly stake: number }[]): number {
  const sorted = [...entries].sort((a, b) => a.value - b.value);
  const total = sorted.reduce((sum, { stake }) => sum + stake, 0);
  let below = 0;
  for (const { value, stake } of sorted) {
    below += stake;
    if (2 * below >= total) return value;
  }
  return 0;
}
