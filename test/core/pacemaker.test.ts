import { describe, expect, test } from 'vitest';
import { type Committee, leaderSchedule } from '../../src/core/committee.ts';
import { Dag } from '../../src/core/dag.ts';
import { LEADER_ACTIVE_ROUNDS } from '../../src/core/limits.ts';
import { DEFAULT_LOCAL_PARAMETERS, type LocalParameters } from '../../src/core/options.ts';
import { Pacemaker, type Situation } from '../../src/core/pacemaker.ts';
import type { Ref, SignedBlock, VerifiedBlock } from '../../src/core/types.ts';
import { loadKernels } from '../../src/wasm/load.ts';
import { makeBlock, makeCommittee, ownFirst } from '../support/chain.ts';

const kernels = loadKernels({ kind: 'twin' });
const committee = makeCommittee(kernels, { validators: 4 });
const schedule = leaderSchedule(kernels, committee);
const leaderOf = (round: number) => schedule.leader(round, 0);

class Bench {
  readonly dag: Dag;
  readonly pacemaker: Pacemaker;
  readonly #blocks = new Map<string, SignedBlock>();
  readonly #of: Committee;
  readonly #self: number;

  constructor(self: number, local: Partial<LocalParameters> = {}, of: Committee = committee) {
    this.#of = of;
    this.#self = self;
    this.dag = new Dag(kernels, of);
    const all = { ...DEFAULT_LOCAL_PARAMETERS, leaderTimeoutMs: 100, opinionGraceMs: 0, ...local };
    this.pacemaker = new Pacemaker(this.dag, of, leaderSchedule(kernels, of), all);
  }

  /** Blocks of `round` by these authors, each linking what there is of the round before, less `without`. */
  add(round: number, authors: readonly number[], without: readonly number[] = []): void {
    const below = [...this.#blocks.values()].filter(({ ref }) => ref.round === round - 1).map(({ ref }) => ref);
    const parents: readonly Ref[] = round === 1 ? this.#of.genesisRefs : below;
    for (const author of authors) {
      const refs = ownFirst(
        parents.filter((ref) => ref.author === author || !without.includes(ref.author)),
        author,
      );
      const block = makeBlock(kernels, this.#of, round, author, { parents: refs });
      this.#blocks.set(`${round}.${author}`, block);
      this.dag.admit(block as unknown as VerifiedBlock);
      if (author === this.#self) this.pacemaker.ownRoundIs(round);
    }
  }

  /** True: create. A number: wake then, milliseconds. Infinity: wait. */
  ask(round: number, nowMs: number, situation: Partial<Situation> = {}): boolean | number {
    const advice = this.pacemaker.advise(nowMs, {
      round,
      need: true,
      onlyOpinionsMissing: false,
      forming: false,
      jumping: false,
      ...situation,
    });
    return advice.create || advice.wakeAtMs;
  }
}

const all = [0, 1, 2, 3];
const seven = [0, 1, 2, 3, 4, 5, 6];
const committee7 = makeCommittee(kernels, { validators: 7 });
const big = leaderSchedule(kernels, committee7);
const NEVER = Number.POSITIVE_INFINITY;
/** Somebody who leads neither of these rounds. */
const notLeading = (...rounds: readonly number[]) => all.find((a) => rounds.every((r) => leaderOf(r) !== a)) as number;

describe('the reason', () => {
  test('is need, or a block of this round or a later one', () => {
    const bench = new Bench(0);
    expect(bench.ask(1, 0, { need: false })).toBe(NEVER);
    expect(bench.ask(1, 0)).toBe(true);
    bench.add(1, [1]);
    expect(bench.ask(1, 0, { need: false })).toBe(true);
    bench.add(1, [0, 2, 3]);
    expect(bench.ask(2, 0, { need: false })).toBe(NEVER);
  });

  test('is nothing without a quorum of the round before and the own block in it', () => {
    const bench = new Bench(0);
    bench.add(1, [0, 1]);
    expect(bench.ask(2, 0)).toBe(NEVER);
    bench.add(1, [2, 3]);
    expect(bench.ask(2, 0)).toBe(true);
    const other = new Bench(0);
    other.add(1, [1, 2, 3]);
    expect(other.ask(2, 0)).toBe(NEVER);
    expect(other.ask(2, 0, { jumping: true })).toBe(true);
  });
});

describe('the time', () => {
  test('waits for the leader of the round before while it is awake, at most one timeout', () => {
    const self = notLeading(2);
    const bench = new Bench(self);
    bench.add(1, all);
    bench.add(
      2,
      all.filter((author) => author !== leaderOf(2)),
    );
    expect(bench.ask(3, 1000)).toBe(1100);
    expect(bench.ask(3, 1099)).toBe(1100);
    expect(bench.ask(3, 1100)).toBe(true);
    const early = new Bench(self);
    early.add(1, all);
    early.add(
      2,
      all.filter((author) => author !== leaderOf(2)),
    );
    expect(early.ask(3, 1000)).toBe(1100);
    early.add(2, [leaderOf(2)]);
    expect(early.ask(3, 1001)).toBe(true);
  });

  test('does not wait for a leader without a block in the last rounds', () => {
    const sleeper = 3;
    const awake = [0, 1, 2];
    const bench = new Bench(0);
    bench.add(1, all);
    bench.add(2, awake);
    let round = 2;
    const led = (r: number) => leaderOf(r - 1) === sleeper;
    const waited: number[] = [];
    const passed: number[] = [];
    while (round < 40) {
      round += 1;
      if (led(round)) (bench.ask(round, 1000 * round) === true ? passed : waited).push(round);
      bench.add(round, awake);
    }
    expect(passed.length).toBeGreaterThan(0);
    expect(Math.max(0, ...waited)).toBeLessThanOrEqual(1 + LEADER_ACTIVE_ROUNDS);
    expect(Math.min(...passed)).toBeGreaterThan(1 + LEADER_ACTIVE_ROUNDS);
  });

  test('does not wait again for whom it waited for in vain, until that one has a block as new as what was missed', () => {
    // Somebody who leads three rounds among the newest, after one that somebody else leads.
    const ledBy = (author: number, from: number) =>
      Array.from({ length: LEADER_ACTIVE_ROUNDS - 2 }, (_, i) => from + 1 + i).filter((r) => leaderOf(r) === author);
    const starts = Array.from({ length: 200 }, (_, i) => i + 2);
    const last = starts.find((r) => all.some((a) => leaderOf(r) !== a && ledBy(a, r).length >= 3)) as number;
    const gone = all.find((a) => leaderOf(last) !== a && ledBy(a, last).length >= 3) as number;
    const rest = all.filter((author) => author !== gone);
    const [missed, passed, returned] = ledBy(gone, last) as [number, number, number];
    const bench = new Bench(rest[0]!);
    const go = (from: number, to: number) => {
      for (let round = from; round <= to; round++) bench.add(round, rest);
    };
    for (let round = 1; round < last; round++) bench.add(round, all);
    go(last, missed);
    expect(bench.ask(missed + 1, 1000)).toBe(1100);
    expect(bench.ask(missed + 1, 1100)).toBe(true);
    go(missed + 1, passed);
    expect(bench.ask(passed + 1, 2000)).toBe(true);
    bench.add(last, [gone]);
    expect(bench.ask(passed + 1, 2000)).toBe(true);
    bench.add(missed, [gone]);
    expect(bench.ask(passed + 1, 2000)).toBe(2100);
    go(passed + 1, returned);
    expect(bench.ask(returned + 1, 3000)).toBe(3100);
  });

  test('waits for votes on the leader two rounds below, until it has a quorum of them or can have none', () => {
    const [leader, next] = [big.leader(1, 0), big.leader(2, 0)];
    const rest = seven.filter((author) => author !== leader && author !== next);
    const open = () => {
      const bench = new Bench(next, {}, committee7);
      bench.add(1, seven);
      // Three or four link the leader of round 1, two do not; the others may still come.
      bench.add(2, [...new Set([leader, next, rest[0]!])]);
      bench.add(2, rest.slice(1, 3), [leader]);
      return bench;
    };
    const bench = open();
    expect(bench.ask(3, 1000)).toBe(1100);
    bench.add(2, seven);
    expect(bench.ask(3, 1001)).toBe(true);
    const hopeless = open();
    expect(hopeless.ask(3, 1000)).toBe(1100);
    hopeless.add(2, [rest[3]!], [leader]);
    expect(hopeless.ask(3, 1001)).toBe(true);
    const late = open();
    late.ask(3, 1000);
    expect(late.ask(3, 1100)).toBe(true);
  });

  test('does not wait for votes that nobody can cast any more', () => {
    const leader = leaderOf(1);
    const bench = new Bench(notLeading(1, 2));
    bench.add(1, all);
    const [a, b, ...rest] = all.filter((author) => author !== leader) as [number, number, number];
    // Two for the leader and two against: neither side can have three.
    bench.add(2, [leader, a]);
    bench.add(2, [b, ...rest], [leader]);
    expect(bench.ask(3, 1000)).toBe(true);
  });

  test('has come when a quorum is in the round already', () => {
    const leader = big.leader(2, 0);
    const awake = seven.filter((author) => author !== leader);
    const self = awake[5] as number;
    const bench = new Bench(self, {}, committee7);
    bench.add(1, seven);
    bench.add(2, awake);
    expect(bench.ask(3, 1000)).toBe(1100);
    bench.add(3, awake.slice(0, 4));
    expect(bench.ask(3, 1001)).toBe(1100);
    bench.add(3, awake.slice(4, 5));
    expect(bench.ask(3, 1002)).toBe(true);
  });

  test('keeps the timeout that a wait began with, unless a commit ends the back-off', () => {
    const open = () => {
      const bench = new Bench(notLeading(2));
      bench.add(1, all);
      bench.add(
        2,
        all.filter((author) => author !== leaderOf(2)),
      );
      return bench;
    };
    const bench = open();
    expect(bench.ask(3, 1000)).toBe(1100);
    bench.pacemaker.backOff();
    expect(bench.ask(3, 1050)).toBe(1100);
    expect(bench.ask(3, 1100)).toBe(true);
    const slow = open();
    slow.pacemaker.backOff();
    expect(slow.ask(3, 1000)).toBe(1150);
    slow.pacemaker.committed();
    expect(slow.ask(3, 1010)).toBe(1100);
  });

  test('counts the timeout from when reason, quorum and own block are all there', () => {
    const self = notLeading(2);
    const bench = new Bench(self);
    bench.add(1, all);
    const three = all.filter((author) => author !== leaderOf(2));
    bench.add(2, three);
    expect(bench.ask(3, 1000, { need: false })).toBe(NEVER);
    expect(bench.ask(3, 5000)).toBe(5100);
    expect(bench.ask(3, 5050, { need: false })).toBe(NEVER);
    expect(bench.ask(3, 6000)).toBe(6100);
  });
});

describe('pace', () => {
  const ready = (local: Partial<LocalParameters>) => {
    const bench = new Bench(0, local);
    bench.add(1, all);
    return bench;
  };

  test('keeps the least delay between two own blocks', () => {
    const bench = ready({ minRoundDelayMs: 7 });
    bench.pacemaker.created(1000);
    expect(bench.ask(2, 1003)).toBe(1007);
    expect(bench.ask(2, 1007)).toBe(true);
  });

  test('is slow while only opinions are missing, unless a quorum has gone ahead', () => {
    const bench = ready({ waitPaceMs: 20 });
    bench.pacemaker.created(1000);
    expect(bench.ask(2, 1003, { onlyOpinionsMissing: true })).toBe(1020);
    expect(bench.ask(2, 1003)).toBe(true);
    bench.add(2, [1, 2, 3]);
    expect(bench.ask(2, 1003, { onlyOpinionsMissing: true })).toBe(true);
  });

  test('waits a moment for opinions being formed, once per round', () => {
    const bench = ready({ opinionGraceMs: 3 });
    expect(bench.ask(2, 1000, { forming: true })).toBe(1003);
    expect(bench.ask(2, 1002, { forming: true })).toBe(1003);
    expect(bench.ask(2, 1002)).toBe(true);
    expect(bench.ask(2, 1003, { forming: true })).toBe(true);
  });

  test('backs off by half as much again, up to ten times, until something commits', () => {
    const { pacemaker } = ready({});
    const seen = [pacemaker.timeoutMs];
    for (let i = 0; i < 10; i++) {
      pacemaker.backOff();
      seen.push(pacemaker.timeoutMs);
    }
    expect(seen.slice(0, 3)).toEqual([100, 150, 225]);
    expect(seen.at(-1)).toBe(1000);
    pacemaker.committed();
    expect(pacemaker.timeoutMs).toBe(100);
  });
});

describe('what a round takes', () => {
  test('is an average over rounds without a pause, and a long one counts as ten timeouts', () => {
    const bench = new Bench(0);
    expect(bench.pacemaker.roundMs).toBe(0);
    // The first block ends a pause, so it says nothing.
    bench.pacemaker.created(5_000);
    expect(bench.pacemaker.roundMs).toBe(0);
    const lastMs = 5_000 + 200 * 80;
    for (let nowMs = 5_080; nowMs <= lastMs; nowMs += 80) bench.pacemaker.created(nowMs);
    expect(bench.pacemaker.roundMs).toBeGreaterThan(70);
    expect(bench.pacemaker.roundMs).toBeLessThanOrEqual(80);
    const before = bench.pacemaker.roundMs;
    bench.pacemaker.created(lastMs + 1_000_000);
    expect(bench.pacemaker.roundMs).toBe(before + Math.trunc((1000 - before) / 8));
  });

  test('does not count the time in which there was no need', () => {
    const bench = new Bench(0);
    bench.pacemaker.created(0);
    bench.ask(1, 10, { need: false });
    bench.pacemaker.created(900);
    expect(bench.pacemaker.roundMs).toBe(0);
    bench.pacemaker.created(980);
    expect(bench.pacemaker.roundMs).toBe(10);
  });
});
