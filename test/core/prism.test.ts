import { describe, expect, test } from 'vitest';
import { compareRefs, refKey } from '../../src/core/block.ts';
import { type Committee, leaderSchedule } from '../../src/core/committee.ts';
import { Dag } from '../../src/core/dag.ts';
import { GC_DEPTH_ROUNDS } from '../../src/core/limits.ts';
import { type OrderedCommit, Prism } from '../../src/core/prism.ts';
import type { Commit, Ref, SignedBlock, VerifiedBlock } from '../../src/core/types.ts';
import { loadKernels } from '../../src/wasm/load.ts';
import { type BlockOptions, makeBlock, makeCommittee, makeFullRounds, ownFirst } from '../support/chain.ts';
import { codeOf } from '../support/hostile.ts';
import { seeded } from '../support/random.ts';

const kernels = loadKernels({ kind: 'twin' });
const committee = makeCommittee(kernels);

class Line {
  readonly dag: Dag;
  readonly prism: Prism;

  constructor(of: Committee = committee) {
    this.dag = new Dag(kernels, of);
    this.prism = new Prism(this.dag, of, leaderSchedule(kernels, of));
  }

  add(...blocks: readonly SignedBlock[]): OrderedCommit[] {
    for (const block of blocks) this.dag.admit(block as unknown as VerifiedBlock);
    return this.drain();
  }

  drain(): OrderedCommit[] {
    const commits: OrderedCommit[] = [];
    for (let next = this.prism.next(); next; next = this.prism.next()) {
      commits.push(next);
      this.dag.collect(next.leader.round);
    }
    return commits;
  }
}

const leaderOf = (round: number) => leaderSchedule(kernels, committee).leader(round, 0);
const short = ({ round, author }: Ref) => `${round}.${author}`;
const told = (commits: readonly OrderedCommit[]) =>
  commits.map(({ index, leader, timestampMs, blocks }) => [
    index,
    refKey(leader),
    timestampMs,
    blocks.map(({ ref }) => refKey(ref)),
  ]);
const asCommit = ({ index, leader }: OrderedCommit) => ({ index, leader }) as Commit;
const asVerified = (commit: OrderedCommit) => commit.blocks as unknown as VerifiedBlock[];

/** Rounds whose every block links what `choose` leaves of the round before, and more if it says so. */
function rounds(
  count: number,
  choose: (round: number, author: number, before: readonly Ref[]) => readonly Ref[] | null,
) {
  const all: SignedBlock[][] = [];
  let before: readonly Ref[] = committee.genesisRefs;
  for (let round = 1; round <= count; round++) {
    const blocks: SignedBlock[] = [];
    for (const { index } of committee.validators) {
      const parents = choose(round, index, before);
      if (parents) blocks.push(makeBlock(kernels, committee, round, index, { parents: ownFirst(parents, index) }));
    }
    all.push(blocks);
    before = blocks.map(({ ref }) => ref);
  }
  return all;
}

describe('a full DAG', () => {
  const all = makeFullRounds(kernels, committee, 8);

  test('commits the leader of every round that has two rounds above it, with dense indexes', () => {
    const line = new Line();
    const commits = line.add(...all.flat());
    expect(commits.map(({ index }) => index)).toEqual([1, 2, 3, 4, 5, 6]);
    expect(commits.map(({ leader }) => [leader.round, leader.author])).toEqual(
      [1, 2, 3, 4, 5, 6].map((round) => [round, leaderOf(round)]),
    );
  });

  test('orders each history by (round, author, digest), the leader last, every block once', () => {
    const commits = new Line().add(...all.flat());
    for (const { blocks, leader } of commits) {
      const refs = blocks.map(({ ref }) => ref);
      expect(refs).toEqual([...refs].sort(compareRefs));
      expect(refs.at(-1)).toEqual(leader);
    }
    const keys = commits.flatMap(({ blocks }) => blocks.map(({ ref }) => refKey(ref)));
    expect(new Set(keys).size).toBe(keys.length);
    // Everything below round 6 is in the history of its leader, and of round 6 the leader alone.
    expect(keys).toHaveLength(5 * 4 + 1);
  });

  test('says nothing twice, and nothing new without a new block', () => {
    const line = new Line();
    expect(line.add(...all.slice(0, 3).flat())).toHaveLength(1);
    expect(line.drain()).toEqual([]);
    expect(line.add(...all[3]!.slice(0, 2))).toEqual([]);
    expect(line.add(all[3]![2]!)).toHaveLength(1);
    expect(line.prism.index).toBe(2);
  });

  test('gives one sequence whatever the order of arrival', () => {
    const expected = told(new Line().add(...all.flat()));
    for (let seed = 0; seed < 8; seed++) {
      const line = new Line();
      const commits = seeded(seed)
        .shuffled(all.flat())
        .flatMap((block) => line.add(block));
      expect(told(commits)).toEqual(expected);
    }
  });

  test('with all validators as leaders commits every block in its slot order', () => {
    const many = makeCommittee(kernels, { parameters: { leadersPerRound: 4 } });
    const commits = new Line(many).add(...makeFullRounds(kernels, many, 5).flat());
    expect(commits).toHaveLength(12);
    const schedule = leaderSchedule(kernels, many);
    expect(commits.map(({ leader }) => leader.author)).toEqual([1, 2, 3].flatMap((round) => schedule.leaders(round)));
  });
});

describe('skipped leaders', () => {
  test('whom a quorum does not link give no commit, and their blocks come with a later one', () => {
    const skipped = leaderOf(3);
    // Nobody but its author links the leader of round 3 in round 4; in round 5 everybody links its newer block.
    const all = rounds(8, (round, author, before) =>
      round === 4 && author !== skipped ? before.filter((ref) => ref.author !== skipped) : before,
    );
    const commits = new Line().add(...all.flat());
    expect(commits.map(({ leader }) => leader.round)).toEqual([1, 2, 4, 5, 6]);
    expect(commits.map(({ index }) => index)).toEqual([1, 2, 3, 4, 5]);
    const skippedRef = short({ round: 3, author: skipped } as Ref);
    expect(commits.flatMap(({ blocks }) => blocks.map(({ ref }) => short(ref)))).toContain(skippedRef);
  });

  test('who are silent are skipped as soon as a quorum is above them', () => {
    const silent = leaderOf(2);
    const all = rounds(5, (_round, author, before) => (author === silent ? null : before));
    const line = new Line();
    const commits = line.add(...all.flat());
    expect(commits.every(({ leader }) => leader.author !== silent)).toBe(true);
    expect(commits.length).toBeGreaterThan(0);
  });
});

describe('commit time', () => {
  const at = (times: readonly number[][]) => {
    const all: SignedBlock[][] = [];
    let before: readonly Ref[] = committee.genesisRefs;
    for (const [i, ofRound] of times.entries()) {
      const parents = before;
      const blocks = ofRound.map((add, author) => {
        const timestampMs = committee.genesisTimeMs + add;
        return makeBlock(kernels, committee, i + 1, author, { parents: ownFirst(parents, author), timestampMs });
      });
      all.push(blocks);
      before = blocks.map(({ ref }) => ref);
    }
    return new Line().add(...all.flat()).map(({ timestampMs }) => timestampMs - committee.genesisTimeMs);
  };

  test('is genesis for a leader of round 1, then the lower median of the clocks of the round before', () => {
    expect(
      at([
        [10, 40, 20, 30],
        [50, 60, 70, 80],
        [1, 1, 1, 1],
        [0, 0, 0, 0],
        [0, 0, 0, 0],
      ]),
    ).toEqual([0, 20, 60]);
  });

  test('never goes back', () => {
    const flat = [0, 0, 0, 0];
    expect(at([[90, 90, 90, 90], [5, 5, 5, 5], flat, flat, flat])).toEqual([0, 90, 90]);
  });

  test('weighs by stake', () => {
    const weighted = makeCommittee(kernels, { stakes: [5, 1, 1, 1] });
    const all: SignedBlock[][] = [];
    let before: readonly Ref[] = weighted.genesisRefs;
    for (let round = 1; round <= 4; round++) {
      const parents = before;
      const blocks = weighted.validators.map(({ index }) => {
        const options: BlockOptions = {
          parents: ownFirst(parents, index),
          timestampMs: weighted.genesisTimeMs + (index === 0 ? 700 : index),
        };
        return makeBlock(kernels, weighted, round, index, options);
      });
      all.push(blocks);
      before = blocks.map(({ ref }) => ref);
    }
    const commits = new Line(weighted).add(...all.flat());
    expect(commits.map(({ timestampMs }) => timestampMs - weighted.genesisTimeMs)).toEqual([0, 700]);
  });
});

describe('garbage collection', () => {
  /** Is a block of validator 3 ordered, of round `asleep`, its last, that is linked for the first time in round `linkedIn`? */
  function isOrdered(asleep: number, linkedIn: number): boolean {
    let last: Ref | undefined;
    const all = rounds(linkedIn + 3, (round, author, before) => {
      last ??= before.find((ref) => ref.author === 3 && ref.round === asleep);
      if (author === 3) return round <= asleep ? before : null;
      const others = before.filter((ref) => ref.author !== 3);
      return round === linkedIn && last ? [...others, last] : others;
    });
    const commits = new Line().add(...all.flat());
    // The leader that is the first to link it must be committed, and the one of the round before it too.
    expect(commits.map(({ leader }) => leader.round)).toEqual(expect.arrayContaining([linkedIn - 1, linkedIn]));
    return commits.some(({ blocks }) => blocks.some(({ ref }) => refKey(ref) === (last && refKey(last))));
  }
  // Validator 3 leads none of the two rounds.
  const linkedIn = [...Array(20).keys()]
    .map((i) => GC_DEPTH_ROUNDS + 2 + i)
    .find((n) => leaderOf(n) !== 3 && leaderOf(n - 1) !== 3) as number;

  test('is read before the commit that moves it', () => {
    expect(isOrdered(linkedIn - GC_DEPTH_ROUNDS, linkedIn)).toBe(true);
  });

  test('leaves out what lies at or below the leader before, less 60', () => {
    expect(isOrdered(linkedIn - GC_DEPTH_ROUNDS - 1, linkedIn)).toBe(false);
  });
});

describe('adopting what a certificate proves', () => {
  const all = makeFullRounds(kernels, committee, 9);
  const commits = new Line().add(...all.flat());

  test('gives the same commits as the rule, and the rule goes on behind them', () => {
    const line = new Line();
    const adopted: OrderedCommit[] = [];
    for (const commit of commits.slice(0, 4)) {
      const result = line.prism.adopt(asCommit(commit), asVerified(commit));
      line.dag.collect(result.commit.leader.round);
      adopted.push(result.commit);
    }
    expect(told(adopted)).toEqual(told(commits.slice(0, 4)));
    expect(told(line.add(...all.flat()))).toEqual(told(commits.slice(4)));
  });

  test('works while the DAG holds part of it already, decided and not', () => {
    const line = new Line();
    expect(line.add(...all.slice(0, 3).flat())).toHaveLength(1);
    // Accepted above the last commit, and suspended.
    line.add(...all[3]!.slice(0, 2), ...all[6]!);
    for (const commit of commits.slice(1, 6)) {
      const result = line.prism.adopt(asCommit(commit), asVerified(commit));
      expect(told([result.commit])).toEqual(told([commit]));
      line.dag.collect(result.commit.leader.round);
    }
    expect(told(line.add(...all.flat()))).toEqual(told(commits.slice(6)));
  });

  test('drops what the rule had decided and nobody took', () => {
    const line = new Line();
    for (const block of all.flat()) line.dag.admit(block as unknown as VerifiedBlock);
    // Six are decided by now; the first is taken from the rule, the next ones from a certificate.
    expect(told([line.prism.next()!])).toEqual(told([commits[0]!]));
    for (const commit of commits.slice(1, 3)) line.prism.adopt(asCommit(commit), asVerified(commit));
    expect(told(line.drain())).toEqual(told(commits.slice(3)));
  });

  test('refuses another index than the next, and blocks that do not end in the leader', () => {
    const [first, second] = commits as [OrderedCommit, OrderedCommit];
    expect(codeOf(() => new Line().prism.adopt(asCommit(second), asVerified(second)))).toBe('COMMIT_NOT_NEXT');
    const cut = asVerified(first).slice(0, -1);
    expect(codeOf(() => new Line().prism.adopt(asCommit(first), cut))).toBe('COMMIT_BLOCKS');
    const other = { ...asCommit(first), leader: { ...first.leader, author: (first.leader.author + 1) % 4 } } as Commit;
    expect(codeOf(() => new Line().prism.adopt(other, asVerified(first)))).toBe('COMMIT_BLOCKS');
  });
});

test('two certified blocks of one slot are fatal, not an answer', () => {
  const leader = leaderOf(1);
  const first = makeFullRounds(kernels, committee, 1)[0] as SignedBlock[];
  const twin = makeBlock(kernels, committee, 1, leader, { timestampMs: 9 });
  const others = first.filter(({ ref }) => ref.author !== leader);
  const line = new Line();
  const above = (below: readonly Ref[], round: number, tag: number) =>
    committee.validators.map(({ index }) =>
      makeBlock(kernels, committee, round, index, { parents: ownFirst(below, index), timestampMs: tag }),
    );
  const refs = (blocks: readonly SignedBlock[]) => blocks.map(({ ref }) => ref);
  // Everybody equivocates: one half of the DAG for each of the two leader blocks.
  const left = above(refs(first), 2, 1);
  const right = above([...refs(others), twin.ref], 2, 2);
  for (const block of [...first, twin, ...left, ...right]) line.dag.admit(block as unknown as VerifiedBlock);
  for (const block of [...above(refs(left), 3, 3), ...above(refs(right), 3, 4)]) {
    line.dag.admit(block as unknown as VerifiedBlock);
  }
  expect(codeOf(() => line.prism.next())).toBe('DAG_TWO_COMMITS');
});
