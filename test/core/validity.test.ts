import { describe, expect, it } from 'vitest';
import { bitlistOf } from '../../src/core/block.ts';
import type { Ref } from '../../src/core/types.ts';
import { checkBlock } from '../../src/core/validity.ts';
import {
  type BlockOptions,
  makeBlock,
  makeCommittee,
  makeFullRounds,
  makeRef,
  makeVote,
  ownFirst,
} from '../support/chain.ts';
import { hashing } from '../support/hashing.ts';
import { codeOf } from '../support/hostile.ts';
import { seeded } from '../support/random.ts';

const committee = makeCommittee(hashing, { validators: 5 });
const rounds = makeFullRounds(hashing, committee, 2);
const [first, second] = rounds.map((blocks) => blocks.map(({ ref }) => ref)) as [Ref[], Ref[]];
const stranger = makeRef(seeded(3));

/** A block of author 0 in round 3 on all of round 2, changed by `options`. */
const block = (options: BlockOptions = {}, round = 3) =>
  makeBlock(hashing, committee, round, 0, { parents: ownFirst(second, 0), ...options });
const check = (options: BlockOptions = {}, round = 3) => checkBlock(block(options, round), committee);
const code = (options: BlockOptions = {}, round = 3) => codeOf(() => check(options, round));
const parents = (...refs: readonly unknown[]): BlockOptions => ({ parents: refs as Ref[] });

describe('checkBlock accepts', () => {
  it('every block of full rounds', () => {
    for (const block of rounds.flat()) expect(() => checkBlock(block, committee)).not.toThrow();
  });

  it('a quorum of the round before, and older blocks of the rest', () => {
    // n = 5: Q = 4.
    expect(() => check(parents(second[0], second[1], second[2], second[3]))).not.toThrow();
    expect(() => check(parents(second[0], second[3], second[2], second[1], first[4]))).not.toThrow();
    const genesis = committee.genesisRefs;
    expect(() => check(parents(genesis[0], second[1], second[2], second[3], second[4]))).not.toThrow();
  });

  it('any target of a vote: not everybody knows it', () => {
    const votes = [stranger, { ...stranger, round: 4_000_000_000, author: 65_000 } as unknown as Ref].map((target) =>
      makeVote(target, [true, false, true], [false, true]),
    );
    expect(() => check({ votes })).not.toThrow();
  });

  it('any clock, and confidences up to certainty', () => {
    const votes = [{ ...makeVote(stranger), confidence: 10_000 }];
    expect(() => check({ timestampMs: 0, confidence: 10_000, votes })).not.toThrow();
    expect(() => check({ timestampMs: Number.MAX_SAFE_INTEGER })).not.toThrow();
  });
});

describe('checkBlock refuses', () => {
  const [a, b, c, d, e] = second;
  const genesis = committee.genesisRefs;

  it.each<[string, string, BlockOptions, number?]>([
    ['BLOCK_VERSION', 'another version', { version: 2 }],
    ['BLOCK_CHAIN', 'another chain', { chainId: new Uint8Array(32) }],
    ['BLOCK_EPOCH', 'another epoch', { epoch: 1 }],
    ['BLOCK_AUTHOR', 'an author outside the committee', { author: 5 as never }],
    ['BLOCK_ROUND', 'round 0', {}, 0],
    ['BLOCK_CONFIDENCE', 'more than certainty', { confidence: 10_001 }],
    ['BLOCK_PARENTS_EMPTY', 'no parents', parents()],
    ['BLOCK_PARENTS_COUNT', 'more parents than validators', parents(a, b, c, d, e, first[1])],
    ['BLOCK_PARENT_AUTHOR', 'a parent of nobody', parents(a, b, c, d, { ...stranger, round: 1, author: 5 })],
    ['BLOCK_PARENT_DUPLICATE', 'two parents of one author', parents(a, b, c, d, first[1])],
    ['BLOCK_PARENT_DUPLICATE', 'one parent twice', parents(a, b, c, d, d)],
    ['BLOCK_PARENT_ROUND', 'a parent of its own round', parents(a, b, c, d, { ...stranger, round: 3, author: 4 })],
    ['BLOCK_PARENT_ROUND', 'a parent of a later round', parents(a, b, c, d, { ...stranger, round: 4, author: 4 })],
    ['BLOCK_PARENT_GENESIS', 'an invented genesis ref', parents(a, b, c, d, { ...stranger, round: 0, author: 4 })],
    ['BLOCK_PARENT_GENESIS', "another's genesis ref", parents(a, b, c, d, { ...genesis[1], author: 4 })],
    ['BLOCK_PARENT_OWN', 'the own parent in another place', parents(b, a, c, d)],
    ['BLOCK_PARENT_OWN', 'no own parent', parents(b, c, d, e)],
    ['BLOCK_PARENT_QUORUM', 'less than a quorum of the round before', parents(a, b, c, first[3], first[4])],
    ['BLOCK_PARENT_QUORUM', 'a quorum of an earlier round only', parents(...first)],
    [
      'BLOCK_VOTE_CONFIDENCE',
      'a vote of more than certainty',
      { votes: [{ ...makeVote(stranger), confidence: 10_001 }] },
    ],
    ['BLOCK_VOTE_BOTH', 'reject and abstain at once', { votes: [makeVote(stranger, [false, true], [true, true])] }],
    [
      'BLOCK_VOTE_BOTH',
      'the same in a later byte',
      {
        votes: [makeVote(stranger, Array(12).fill(true), [...Array(11).fill(false), true])],
      },
    ],
  ])('%s: %s', (expected, _, options, round) => {
    expect(code(options, round)).toBe(expected);
  });

  it('every vote is looked at', () => {
    const good = makeVote({ ...stranger, round: 1 as never });
    const bad = { ...good, target: stranger, rejects: bitlistOf([true]), abstains: bitlistOf([true]) };
    expect(code({ votes: [good, { ...bad, target: { ...stranger, round: 2 as never } }] })).toBe('BLOCK_VOTE_BOTH');
  });

  it('counts stake, not authors', () => {
    // N = 10, f = 3, Q = 7.
    const weighted = makeCommittee(hashing, { stakes: [1, 1, 1, 1, 6] });
    const [refs] = makeFullRounds(hashing, weighted, 1).map((blocks) => blocks.map(({ ref }) => ref)) as [Ref[]];
    const on = (...indexes: number[]) => {
      const built = makeBlock(hashing, weighted, 2, 0, { parents: indexes.map((i) => refs[i]!) });
      return () => checkBlock(built, weighted);
    };
    expect(on(0, 4)).not.toThrow();
    expect(codeOf(on(0, 1, 2, 3))).toBe('BLOCK_PARENT_QUORUM');
  });

  it('the first rule that is broken is the one that is named', () => {
    expect(code({ version: 2, chainId: new Uint8Array(32), epoch: 1, parents: [] })).toBe('BLOCK_VERSION');
    expect(code({ epoch: 1, author: 9 as never, parents: [] })).toBe('BLOCK_EPOCH');
    expect(code({ parents: [], votes: [makeVote(stranger, [true], [true])] })).toBe('BLOCK_PARENTS_EMPTY');
  });
});
