import { describe, expect, test } from 'vitest';
import { digestKey } from '../../src/core/block.ts';
import type { Committee } from '../../src/core/committee.ts';
import { Focus } from '../../src/core/focus.ts';
import { OPEN_ROUNDS_MIN } from '../../src/core/limits.ts';
import type { OrderedCommit } from '../../src/core/prism.ts';
import type {
  AcceptedBlock,
  CommitIndex,
  Decision,
  IdentifiedProposal,
  Ref,
  SignedBlock,
  Vote,
} from '../../src/core/types.ts';
import type { Kernels } from '../../src/wasm/kernels.ts';
import { loadKernels } from '../../src/wasm/load.ts';
import { makeBlock, makeCommittee, makeVote } from '../support/chain.ts';
import { keyedProposal, keysOfBody, randomCommits } from '../support/decisions.ts';

const kernels = loadKernels({ kind: 'twin' });
const START = 1_700_000_000_000;
const OPEN_MS = 2_000;
const MAX_EXPIRY_MS = 60_000;
const committee = makeCommittee(kernels, { parameters: { openMs: OPEN_MS, maxExpiryMs: MAX_EXPIRY_MS } });

const keysOf = keysOfBody;
let serial = 0;
function proposalOf(keys: readonly number[] = [], expiryMs = START + 30_000): IdentifiedProposal {
  serial += 1;
  return keyedProposal(kernels, serial, keys, expiryMs);
}

function block(
  round: number,
  author: number,
  payload: readonly IdentifiedProposal[] = [],
  votes: readonly Vote[] = [],
) {
  return makeBlock(kernels, committee, round, author, { payload, votes: [...votes] });
}

/** A focus that commits are fed to by hand: leader round, milliseconds after the start, blocks. */
class Bench {
  readonly focus: Focus;
  readonly said: string[] = [];
  #index = 0;

  constructor(of: Committee = committee, on: Kernels = kernels) {
    this.focus = new Focus(on, of, keysOf);
  }

  commit(round: number, addMs: number, ...blocks: readonly SignedBlock[]): Decision[] {
    this.#index += 1;
    const ordered: OrderedCommit = {
      index: this.#index as CommitIndex,
      leader: { round, author: 0, digest: new Uint8Array(32) } as unknown as Ref,
      timestampMs: START + addMs,
      blocks: blocks as unknown as AcceptedBlock[],
    };
    const { decisions, proposals } = this.focus.apply(ordered);
    expect(proposals.map(({ id }) => id)).toEqual(decisions.map(({ id }) => id));
    return [...decisions];
  }
}

const named = (decisions: readonly Decision[]) => decisions.map(({ decision, reason }) => `${decision} ${reason}`);
const approve = (ref: Ref, round: number, author: number, confidence = 9000) =>
  block(round, author, [], [{ ...makeVote(ref), confidence }]);
const reject = (ref: Ref, round: number, author: number, confidence = 9000) =>
  block(round, author, [], [{ ...makeVote(ref, [true]), confidence }]);
const abstain = (ref: Ref, round: number, author: number) => block(round, author, [], [makeVote(ref, [], [true])]);

describe('opening', () => {
  test('a quorum of explicit approvals approves; less does not', () => {
    const bench = new Bench();
    const target = block(1, 0, [proposalOf()]);
    expect(bench.commit(2, 0, target)).toEqual([]);
    expect(bench.commit(3, 0, approve(target.ref, 2, 0), approve(target.ref, 2, 1))).toEqual([]);
    expect(named(bench.commit(4, 0, approve(target.ref, 3, 2)))).toEqual(['APPROVED QUORUM']);
  });

  test("the leader's own payload waits for the next commit, of another round, in its place", () => {
    const bench = new Bench();
    const [mine, theirs] = [block(5, 0, [proposalOf()]), block(4, 1, [proposalOf()])];
    bench.commit(5, 0, theirs, mine);
    expect(bench.focus.isOpen(digestKey(theirs.proposals[0]!.id))).toBe(true);
    expect(bench.focus.isOpen(digestKey(mine.proposals[0]!.id))).toBe(false);
    expect(bench.focus.hasDeferred).toBe(true);
    bench.commit(5, 0);
    expect(bench.focus.isOpen(digestKey(mine.proposals[0]!.id))).toBe(false);
    expect(bench.focus.openCount).toBe(2);
    bench.commit(6, 0);
    expect(bench.focus.isOpen(digestKey(mine.proposals[0]!.id))).toBe(true);
    expect(bench.focus.hasDeferred).toBe(false);
  });

  test('not beyond the expiry, nor further ahead of it than agreed: then there is no decision, ever', () => {
    const bench = new Bench();
    const edges = [-1, 0, MAX_EXPIRY_MS, MAX_EXPIRY_MS + 1].map((add) => proposalOf([], START + 100 + add));
    bench.commit(2, 100, block(1, 0, edges));
    expect(edges.map(({ id }) => bench.focus.isOpen(digestKey(id)))).toEqual([false, true, true, false]);
    expect(named(bench.commit(3, 200_000))).toEqual(['EXPIRED TIMEOUT', 'EXPIRED TIMEOUT']);
  });

  test('what means nothing, or has too many keys, is rejected on opening, without votes', () => {
    const bench = new Bench();
    const odd = [proposalOf([255]), proposalOf([...Array(17).keys()])];
    const decisions = bench.commit(2, 0, block(1, 0, [...odd, proposalOf([...Array(16).keys()])]));
    expect(named(decisions)).toEqual(['REJECTED MALFORMED', 'REJECTED MALFORMED']);
    expect(decisions.map(({ confidence }) => confidence)).toEqual([10_000, 10_000]);
  });

  test('an id is opened once, in one block or in two, and not again before its expiry or after', () => {
    const bench = new Bench();
    const twice = proposalOf([], START + 5_000);
    const first = block(1, 0, [twice, twice]);
    const second = block(1, 1, [twice]);
    bench.commit(2, 0, first, second);
    expect(bench.focus.openCount).toBe(1);
    const votes = [approve(first.ref, 2, 0), approve(second.ref, 2, 1), approve(second.ref, 2, 2)];
    expect(named(bench.commit(3, 0, ...votes))).toEqual(['APPROVED QUORUM']);
    for (const [round, ms] of [
      [4, 10],
      [5, 4_999],
      [6, 5_000],
      [7, 5_001],
      [8, 6_001],
      [9, 70_000],
    ] as const) {
      bench.commit(round, ms, block(round - 1, 2, [twice]));
      expect(bench.focus.openCount).toBe(0);
    }
  });

  test('what was too far ahead may come again when it is not', () => {
    const bench = new Bench();
    const far = proposalOf([], START + MAX_EXPIRY_MS + 50);
    bench.commit(2, 0, block(1, 0, [far]));
    expect(bench.focus.openCount).toBe(0);
    bench.commit(3, 50, block(2, 1, [far]));
    expect(bench.focus.openCount).toBe(1);
  });
});

describe('votes', () => {
  test('count in the commit that commits their target, and never before it', () => {
    const bench = new Bench();
    const target = block(1, 0, [proposalOf()]);
    bench.commit(2, 0, approve(target.ref, 2, 0), approve(target.ref, 2, 1), approve(target.ref, 2, 2));
    expect(bench.commit(4, 0, target)).toEqual([]);
    // Theirs are gone for ever; three others are not there.
    expect(bench.commit(5, 0, approve(target.ref, 4, 0), approve(target.ref, 4, 1))).toEqual([]);
    const again = new Bench();
    expect(named(again.commit(3, 0, target, ...[0, 1, 2].map((a) => approve(target.ref, 2, a))))).toEqual([
      'APPROVED QUORUM',
    ]);
  });

  test('the first opinion of an author stands, an abstention too', () => {
    const bench = new Bench();
    const target = block(1, 0, [proposalOf()]);
    bench.commit(2, 0, target);
    bench.commit(3, 0, abstain(target.ref, 2, 0), approve(target.ref, 2, 1), approve(target.ref, 2, 2));
    expect(bench.commit(4, 0, approve(target.ref, 3, 0), reject(target.ref, 3, 1), reject(target.ref, 3, 2))).toEqual(
      [],
    );
    expect(named(bench.commit(5, 0, approve(target.ref, 4, 3)))).toEqual(['APPROVED QUORUM']);
  });

  test('of an equivocator count once, whichever block comes first', () => {
    const bench = new Bench();
    const target = block(1, 0, [proposalOf()]);
    bench.commit(2, 0, target);
    bench.commit(3, 0, reject(target.ref, 2, 3), approve(target.ref, 2, 3), reject(target.ref, 2, 3, 1));
    expect(bench.focus.openCount).toBe(1);
    expect(named(bench.commit(4, 0, reject(target.ref, 3, 1)))).toEqual(['REJECTED QUORUM']);
  });

  test('whose lists do not fit the target are ignored, and leave the author a vote', () => {
    const bench = new Bench();
    const target = block(1, 0, [proposalOf(), proposalOf()]);
    bench.commit(2, 0, target);
    const odd = [makeVote(target.ref, [true]), makeVote(target.ref, [], [true, false, true])];
    bench.commit(3, 0, block(2, 0, [], [odd[0]!]), block(2, 1, [], [odd[1]!]));
    const good = makeVote(target.ref, [false, true]);
    const decisions = bench.commit(4, 0, ...[0, 1, 2].map((author) => block(3, author, [], [good])));
    expect(named(decisions)).toEqual(['APPROVED QUORUM', 'REJECTED QUORUM']);
  });

  test('on a ref that pairs the digest of the target with another round or author are votes on nothing', () => {
    const bench = new Bench();
    const target = block(1, 0, [proposalOf()]);
    bench.commit(2, 0, target);
    const wrong = { ...target.ref, author: 1 } as Ref;
    expect(bench.commit(3, 0, ...[0, 1, 2].map((author) => approve(wrong, 2, author)))).toEqual([]);
    expect(bench.focus.openCount).toBe(1);
  });

  test('on a proposal that stands twice in a block count by its first place', () => {
    const bench = new Bench();
    const twice = proposalOf();
    const target = block(1, 0, [twice, twice]);
    bench.commit(2, 0, target);
    const vote = makeVote(target.ref, [true, false]);
    const decisions = bench.commit(3, 0, block(2, 0, [], [vote]), block(2, 1, [], [vote]));
    expect(named(decisions)).toEqual(['REJECTED QUORUM']);
  });

  test('are weighed by stake', () => {
    const weighted = makeCommittee(kernels, { stakes: [4, 1, 1, 1] });
    const bench = new Bench(weighted);
    const target = block(1, 1, [proposalOf(), proposalOf()]);
    bench.commit(2, 0, target);
    // N = 7, f = 2, Q = 5, V = 3.
    const vote = makeVote(target.ref, [true, false]);
    expect(named(bench.commit(3, 0, block(2, 0, [], [vote])))).toEqual(['REJECTED QUORUM']);
    expect(named(bench.commit(4, 0, block(3, 1, [], [vote])))).toEqual(['APPROVED QUORUM']);
  });
});

describe('decisions', () => {
  test('more than f reject: rejected. Neither side can win any more: split', () => {
    const bench = new Bench();
    const [one, two] = [block(1, 0, [proposalOf()]), block(1, 1, [proposalOf()])];
    bench.commit(2, 0, one, two);
    const decisions = bench.commit(
      3,
      0,
      block(2, 0, [], [makeVote(one.ref, [true]), makeVote(two.ref, [true])]),
      block(2, 1, [], [makeVote(one.ref, [true]), makeVote(two.ref, [], [true])]),
    );
    expect(named(decisions)).toEqual(['REJECTED QUORUM']);
    // One rejects, one abstains: three cannot approve, but a second may still reject.
    expect(named(bench.commit(4, 0, approve(two.ref, 3, 2)))).toEqual([]);
    const split = bench.commit(5, 0, approve(two.ref, 4, 3));
    expect(named(split)).toEqual(['EXPIRED SPLIT']);
    expect(split[0]?.confidence).toBe(0);
  });

  test('time out at the round and the time that were agreed, both, and not before', () => {
    const open = () => {
      const bench = new Bench();
      bench.commit(2, 0, block(1, 0, [proposalOf()]));
      return bench;
    };
    const late = 2 + OPEN_ROUNDS_MIN;
    const bench = open();
    bench.commit(4, 100);
    expect(bench.commit(late - 1, 100 + OPEN_MS)).toEqual([]);
    expect(bench.commit(late, 100 + OPEN_MS - 0)).toHaveLength(1);
    const early = open();
    // Round 3 is below openedRound + 2: the clock starts with round 5 only.
    early.commit(3, 50);
    early.commit(5, 500);
    expect(early.commit(late + 5, 500 + OPEN_MS - 1)).toEqual([]);
    expect(named(early.commit(late + 6, 500 + OPEN_MS))).toEqual(['EXPIRED TIMEOUT']);
  });

  test('the expiry comes before everything, at the first commit beyond it', () => {
    const bench = new Bench();
    const target = block(1, 0, [proposalOf([1], START + 500), proposalOf([2], START + 501)]);
    bench.commit(2, 0, target);
    const votes = [0, 1, 2].map((author) => approve(target.ref, 3, author));
    expect(named(bench.commit(4, 501, ...votes))).toEqual(['EXPIRED TIMEOUT', 'APPROVED QUORUM']);
  });

  test('confidence is the lower median by stake of the winning side', () => {
    const bench = new Bench();
    const [one, two] = [block(1, 0, [proposalOf()]), block(1, 1, [proposalOf()])];
    bench.commit(2, 0, one, two);
    const approved = [5000, 7000, 9000].map((confidence, author) => approve(one.ref, 2, author, confidence));
    expect(bench.commit(3, 0, ...approved)[0]?.confidence).toBe(7000);
    const rejected = [reject(two.ref, 3, 0, 8000), approve(two.ref, 3, 1, 10_000), reject(two.ref, 3, 2, 6000)];
    expect(bench.commit(4, 0, ...rejected)[0]?.confidence).toBe(6000);
  });

  test('requiredVotes above a quorum is held', () => {
    const strict = makeCommittee(kernels, { parameters: { requiredVotesPerMille: 1000 } });
    const bench = new Bench(strict);
    const target = block(1, 0, [proposalOf()]);
    bench.commit(2, 0, target);
    expect(bench.commit(3, 0, ...[0, 1, 2].map((author) => approve(target.ref, 2, author)))).toEqual([]);
    expect(named(bench.commit(4, 0, approve(target.ref, 3, 3)))).toEqual(['APPROVED QUORUM']);
  });
});

describe('conflicts', () => {
  /** Commits these in one block and lets everybody approve in the next commit. */
  function decide(bench: Bench, round: number, addMs: number, proposals: readonly IdentifiedProposal[]): string[] {
    const target = block(round, 0, proposals);
    bench.commit(round + 1, addMs, target);
    return named(bench.commit(round + 2, addMs, ...[0, 1, 2].map((author) => approve(target.ref, round + 1, author))));
  }

  test('the first in opening order wins, in one commit and across commits; all keys or none', () => {
    const bench = new Bench();
    expect(decide(bench, 1, 0, [proposalOf([1, 2]), proposalOf([2, 3]), proposalOf([3]), proposalOf([])])).toEqual([
      'APPROVED QUORUM',
      'CONFLICT CLAIMED',
      'APPROVED QUORUM',
      'APPROVED QUORUM',
    ]);
    expect(decide(bench, 4, 10, [proposalOf([3]), proposalOf([4, 4])])).toEqual([
      'CONFLICT CLAIMED',
      'APPROVED QUORUM',
    ]);
  });

  test('confidence of a conflict is that of its approvals', () => {
    const bench = new Bench();
    const target = block(1, 0, [proposalOf([1]), proposalOf([1])]);
    bench.commit(2, 0, target);
    const decisions = bench.commit(3, 0, ...[0, 1, 2].map((author) => approve(target.ref, 2, author, 4321)));
    expect(decisions.map(({ decision, confidence }) => [decision, confidence])).toEqual([
      ['APPROVED', 4321],
      ['CONFLICT', 4321],
    ]);
  });

  test('only the approved claim', () => {
    const bench = new Bench();
    const target = block(1, 0, [proposalOf([9])]);
    bench.commit(2, 0, target);
    expect(named(bench.commit(3, 0, reject(target.ref, 2, 0), reject(target.ref, 2, 1)))).toEqual(['REJECTED QUORUM']);
    expect(decide(bench, 4, 0, [proposalOf([9])])).toEqual(['APPROVED QUORUM']);
  });

  test("a claim lasts up to its claimer's expiry, and no longer", () => {
    for (const [addMs, second] of [
      [1_000, 'CONFLICT CLAIMED'],
      [1_001, 'APPROVED QUORUM'],
    ] as const) {
      const bench = new Bench();
      expect(decide(bench, 1, 0, [proposalOf([7], START + 1_000)])).toEqual(['APPROVED QUORUM']);
      expect(decide(bench, 4, addMs, [proposalOf([7])])).toEqual([second]);
    }
  });
});

describe('what can still be decided', () => {
  test('is neither what was decided nor what has run out', () => {
    const bench = new Bench();
    const open = block(1, 0, [proposalOf([], START + 400)]) as unknown as AcceptedBlock;
    expect(bench.focus.isUndecided(open)).toBe(true);
    bench.commit(2, 400, block(1, 1, [proposalOf([255])]));
    expect(bench.focus.isUndecided(open)).toBe(true);
    bench.commit(3, 401);
    expect(bench.focus.isUndecided(open)).toBe(false);
    const malformed = block(4, 1, [proposalOf([255])]);
    bench.commit(5, 402, malformed);
    expect(bench.focus.isUndecided(malformed as unknown as AcceptedBlock)).toBe(false);
    expect(bench.focus.isDecided(digestKey(malformed.proposals[0]!.id))).toBe(true);
  });
});

describe('a pure function of the committed prefix', () => {
  test.each([1, 2, 3, 4, 5])(
    'history %i gives the same decisions in both kernels, and decides nothing twice at once',
    (seed) => {
      const commits = randomCommits(kernels, committee, seed);
      const run = (on: Kernels) => {
        const bench = new Bench(committee, on);
        return commits.map(({ round, addMs, blocks }) => bench.commit(round, addMs, ...blocks));
      };
      const twin = run(kernels);
      expect(twin.flat().length).toBeGreaterThan(20);
      expect(new Set(named(twin.flat())).size).toBeGreaterThanOrEqual(4);
      expect(run(loadKernels({ kind: 'wasm' }))).toEqual(twin);
      const expiries = new Map(
        commits.flatMap(({ blocks }) => blocks.flatMap((b) => b.proposals)).map((p) => [digestKey(p.id), p]),
      );
      const decided = new Set<string>();
      for (const { id } of twin.flat()) {
        expect(expiries.has(digestKey(id))).toBe(true);
        expect(decided.has(digestKey(id))).toBe(false);
        decided.add(digestKey(id));
      }
    },
  );
});
