import { describe, expect, test } from 'vitest';
import { compareRefs } from '../../src/core/block.ts';
import type { Vertex } from '../../src/core/dag.ts';
import { voteBytes } from '../../src/core/header.ts';
import { MAX_VOTES, MAX_VOTES_BYTES } from '../../src/core/limits.ts';
import type { SignedBlock, Vote } from '../../src/core/types.ts';
import { Wave } from '../../src/core/wave.ts';
import { OPINION } from '../../src/wasm/kernels.ts';
import { makeBlock, makeCommittee, makeProposals, makeVote } from '../support/chain.ts';
import { hashing } from '../support/hashing.ts';

const committee = makeCommittee(hashing);

function vertexOf(block: SignedBlock, linked = true): Vertex {
  return { key: '', block, linked, committed: false } as unknown as Vertex;
}
function target(round: number, author: number, proposals = 1, linked = true): Vertex {
  return vertexOf(
    makeBlock(hashing, committee, round, author, { payload: makeProposals(hashing, proposals, round) }),
    linked,
  );
}
function opinion(...verdicts: number[]) {
  return { confidence: 7000, verdicts: Uint8Array.from(verdicts) };
}
function formed(
  wave: Wave,
  vertex: Vertex,
  verdicts = [...vertex.block.proposals].map(() => OPINION.APPROVE as number),
) {
  wave.consider(vertex);
  wave.formed(vertex.block.ref.digest, opinion(...verdicts));
}

describe('an opinion', () => {
  test('is asked for once, and cast once', () => {
    const wave = new Wave();
    const vertex = target(1, 0);
    expect(wave.consider(vertex)).toBe(true);
    expect(wave.consider(vertex)).toBe(false);
    formed(wave, vertex);
    expect(wave.hasUncast).toBe(true);
    expect(wave.takeVotes().map((vote) => vote.target)).toEqual([vertex.block.ref]);
    expect(wave.takeVotes()).toEqual([]);
    expect(wave.consider(vertex)).toBe(false);
    expect(wave.hasUncast).toBe(false);
  });

  test('becomes one bit per proposal, or none at all', () => {
    const wave = new Wave();
    formed(wave, target(1, 0, 3), [OPINION.APPROVE, OPINION.REJECT, OPINION.ABSTAIN]);
    formed(wave, target(1, 1, 2));
    const [mixed, plain] = wave.takeVotes() as [Vote, Vote];
    expect(mixed).toMatchObject({ confidence: 7000, rejects: { length: 3 }, abstains: { length: 3 } });
    expect([mixed.rejects.bytes[0], mixed.abstains.bytes[0]]).toEqual([2, 4]);
    expect([plain.rejects.length, plain.abstains.length]).toEqual([0, 0]);
  });

  test('that does not come, or does not fit, is no vote, and waited for no longer', () => {
    const wave = new Wave();
    const [one, two] = [target(1, 0), target(1, 1, 2)];
    wave.consider(one);
    wave.consider(two);
    wave.formed(one.block.ref.digest, null);
    wave.formed(two.block.ref.digest, opinion(OPINION.APPROVE));
    expect(wave.isForming(9)).toBe(false);
    expect(wave.takeVotes()).toEqual([]);
    wave.formed(one.block.ref.digest, opinion(OPINION.REJECT));
    expect(wave.takeVotes()).toEqual([]);
  });

  test('stands as it came first', () => {
    const wave = new Wave();
    const vertex = target(1, 0);
    formed(wave, vertex, [OPINION.REJECT]);
    wave.formed(vertex.block.ref.digest, opinion(OPINION.APPROVE));
    expect(wave.takeVotes()[0]?.rejects.length).toBe(1);
  });

  test('is cast when the own history holds its target, however late', () => {
    const wave = new Wave();
    const vertex = target(1, 0, 1, false);
    formed(wave, vertex);
    expect(wave.takeVotes()).toEqual([]);
    vertex.linked = true;
    expect(wave.takeVotes()).toHaveLength(1);
  });

  test('is being formed on rounds below the one in question', () => {
    const wave = new Wave();
    wave.consider(target(4, 0));
    expect([wave.isForming(4), wave.isForming(5)]).toEqual([false, true]);
  });
});

describe('one block', () => {
  test('takes the oldest votes first, sorted by target, as many as fit', () => {
    const wave = new Wave();
    const targets = Array.from({ length: MAX_VOTES + 20 }, (_, i) => target(1 + (i % 97), i % 4));
    for (const vertex of [...targets].reverse()) formed(wave, vertex);
    const votes = wave.takeVotes();
    const refs = votes.map((vote) => vote.target);
    expect(refs).toEqual([...refs].sort(compareRefs));
    expect(votes.length).toBeLessThanOrEqual(MAX_VOTES);
    const rest = wave.takeVotes();
    expect(compareRefs(refs.at(-1)!, rest[0]!.target)).toBeLessThan(0);
    expect(votes.length + rest.length).toBe(new Set(targets.map(({ block }) => block.ref.digest.toString())).size);
  });

  test('takes no more bytes of votes than there is room for', () => {
    const wave = new Wave();
    const payload = makeProposals(hashing, 100);
    const verdicts = payload.map((_, i) => (i === 7 ? OPINION.ABSTAIN : OPINION.REJECT));
    for (let round = 1; round <= MAX_VOTES; round++) {
      formed(wave, vertexOf(makeBlock(hashing, committee, round, 0, { payload })), verdicts);
    }
    const votes = wave.takeVotes();
    const bytes = votes.reduce((sum, vote) => sum + voteBytes(vote), 0);
    expect(bytes).toBeLessThanOrEqual(MAX_VOTES_BYTES);
    expect(bytes + voteBytes(votes[0]!)).toBeGreaterThan(MAX_VOTES_BYTES);
    expect(votes.length).toBeLessThan(MAX_VOTES);
  });
});

describe('forgetting', () => {
  test('opinions that cannot count any more, but not that a vote was cast while its target may still be met', () => {
    const wave = new Wave();
    const [decided, open, cast] = [target(1, 0), target(2, 1), target(3, 2)];
    formed(wave, cast);
    wave.takeVotes();
    formed(wave, decided);
    formed(wave, open);
    wave.prune((vertex) => vertex !== decided, 2);
    expect(wave.takeVotes().map((vote) => vote.target)).toEqual([open.block.ref]);
    expect(wave.consider(cast)).toBe(false);
    wave.prune(() => true, 3);
    expect(wave.consider(cast)).toBe(true);
  });

  test('targets that were dropped from the DAG', () => {
    const wave = new Wave();
    const vertex = target(1, 0);
    formed(wave, vertex);
    wave.forget([vertex]);
    expect(wave.hasUncast).toBe(false);
  });

  test('not: what an own block from before a restart voted on', () => {
    const wave = new Wave();
    const vertex = target(1, 0);
    wave.consider(vertex);
    wave.wasCast(makeVote(vertex.block.ref));
    wave.formed(vertex.block.ref.digest, opinion(OPINION.APPROVE));
    expect(wave.takeVotes()).toEqual([]);
    expect(wave.consider(vertex)).toBe(false);
  });
});
