import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concatBytes, utf8 } from '../../src/core/bytes.ts';
import { type Committee, genesisRef, leaderSchedule, StakeSet } from '../../src/core/committee.ts';
import { MAX_MEMOISED_LEADER_ROUNDS } from '../../src/core/limits.ts';
import { makeCommittee } from '../support/chain.ts';
import { hashing } from '../support/hashing.ts';
import { codeOf } from '../support/hostile.ts';

const MAX = Number.MAX_SAFE_INTEGER;

describe('thresholds', () => {
  it.each([
    // n, f, Q, V: Q is N - f, not 2f + 1.
    [1, 0, 1, 1],
    [2, 0, 2, 1],
    [3, 0, 3, 1],
    [4, 1, 3, 2],
    [5, 1, 4, 2],
    [6, 1, 5, 2],
    [7, 2, 5, 3],
    [10, 3, 7, 4],
    [100, 33, 67, 34],
    [128, 42, 86, 43],
  ])('of %i equal validators: f = %i, Q = %i, V = %i', (validators, faulty, quorum, validity) => {
    const committee = makeCommittee(hashing, { validators });
    expect(committee).toMatchObject({ size: validators, total: validators, faulty, quorum, validity });
  });

  it('hold for any stakes: two quorums share an honest validator, and the honest ones are a quorum', () => {
    const stakes = fc.array(fc.oneof(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 2 ** 49 })), {
      minLength: 1,
      maxLength: 8,
    });
    const property = fc.property(stakes, fc.nat(1000), (list, requiredVotesPerMille) => {
      const committee = makeCommittee(hashing, { stakes: list, parameters: { requiredVotesPerMille } });
      const total = list.reduce((sum, stake) => sum + BigInt(stake), 0n);
      const [f, q] = [BigInt(committee.faulty), BigInt(committee.quorum)];
      expect(f).toBe((total - 1n) / 3n);
      expect(q).toBe(total - f);
      expect(2n * q - total).toBeGreaterThan(f);
      expect(BigInt(committee.validity)).toBe(f + 1n);
      const fraction = (total * BigInt(requiredVotesPerMille) + 999n) / 1000n;
      expect(BigInt(committee.requiredVotes)).toBe(fraction > q ? fraction : q);
    });
    fc.assert(property, { numRuns: 60 });
  });

  it.each([MAX, MAX - 1, MAX - 2, 2 ** 52 + 1])('are exact at a total of %i', (total) => {
    for (const requiredVotesPerMille of [0, 667, 999, 1000]) {
      const committee = makeCommittee(hashing, { stakes: [total - 1, 1], parameters: { requiredVotesPerMille } });
      const n = BigInt(total);
      expect(BigInt(committee.faulty)).toBe((n - 1n) / 3n);
      const fraction = (n * BigInt(requiredVotesPerMille) + 999n) / 1000n;
      const quorum = n - (n - 1n) / 3n;
      expect(BigInt(committee.requiredVotes)).toBe(fraction > quorum ? fraction : quorum);
    }
  });
});

describe('a committee', () => {
  const committee = makeCommittee(hashing, { stakes: [5, 1, 1, 3] });

  it('has its validators as bytes, in the order of the document', () => {
    expect(committee.validators.map(({ index }) => index)).toEqual([0, 1, 2, 3]);
    expect(committee.stakes).toEqual([5, 1, 1, 3]);
    const { publicKey, ed25519Key, gateKey } = committee.validators[2]!;
    expect([publicKey.length, ed25519Key.length, gateKey.length]).toEqual([1952, 32, 32]);
  });

  it('knows the genesis refs of its chain', () => {
    const expected = hashing.sha3_256(concatBytes(utf8('pq/genesis/1'), committee.chainId, Uint8Array.of(3, 0)));
    expect(committee.genesisRefs[3]).toEqual({ round: 0, author: 3, digest: expected });
    expect(genesisRef(hashing, committee.chainId, 3 as never)).toEqual(committee.genesisRefs[3]);
    expect(makeCommittee(hashing, { seed: 2 }).genesisRefs[3]).not.toEqual(committee.genesisRefs[3]);
  });

  it('has a hash that changes with a key, a stake, an order and a parameter', () => {
    const hashes = [
      committee,
      makeCommittee(hashing, { stakes: [5, 1, 1, 3], seed: 2 }),
      makeCommittee(hashing, { stakes: [5, 1, 3, 1] }),
      makeCommittee(hashing, { stakes: [5, 1, 1, 3], parameters: { openMs: 1 } }),
      makeCommittee(hashing, { stakes: [5, 1, 1, 3], parameters: { leadersPerRound: 2 } }),
    ].map(({ hash }) => hash.join());
    expect(new Set(hashes).size).toBe(5);
  });
});

describe('StakeSet', () => {
  it('behaves as a set of authors with their stakes', () => {
    const property = fc.property(
      fc.array(fc.integer({ min: 1, max: 1000 }), { minLength: 1, maxLength: 128, size: 'max' }),
      fc.array(fc.nat(127), { maxLength: 200, size: 'max' }),
      (stakes, authors) => {
        const set = new StakeSet({ stakes });
        const model = new Set<number>();
        for (const author of authors.filter((index) => index < stakes.length)) {
          expect(set.add(author)).toBe(!model.has(author));
          model.add(author);
          expect(set.stake).toBe([...model].reduce((sum, index) => sum + stakes[index]!, 0));
          expect(set.size).toBe(model.size);
        }
        expect(stakes.map((_, index) => set.has(index))).toEqual(stakes.map((_, index) => model.has(index)));
        set.clear();
        expect([set.stake, set.size, set.has(0)]).toEqual([0, 0, false]);
      },
    );
    fc.assert(property, { numRuns: 50 });
  });

  it('refuses to count who is not in the committee', () => {
    const set = new StakeSet({ stakes: [1, 1] });
    for (const author of [2, 128, 65535, -1]) expect(codeOf(() => set.add(author))).toBe('COMMITTEE_AUTHOR');
    expect([set.has(2), set.has(128), set.has(65535)]).toEqual([false, false, false]);
  });
});

/** The rule of leaders, written down again: a list of every unit of stake left, in big integers. */
function leadersByRule(committee: Committee, round: number): number[] {
  const drawn: number[] = [];
  for (let offset = 0; offset < committee.parameters.leadersPerRound; offset++) {
    const place = Buffer.alloc(10);
    place.writeUInt32LE(committee.epoch, 0);
    place.writeUInt32LE(round, 4);
    place.writeUInt16LE(offset, 8);
    const hash = Buffer.from(hashing.sha3_256(utf8('pq/leader/1'), committee.chainId, place));
    const left = committee.stakes
      .map((stake, author) => ({ author, stake }))
      .filter(({ author }) => !drawn.includes(author));
    const total = left.reduce((sum, { stake }) => sum + BigInt(stake), 0n);
    const point = hash.readBigUInt64LE(0) % total;
    let cumulative = 0n;
    for (const { author, stake } of left) {
      cumulative += BigInt(stake);
      if (point < cumulative) {
        drawn.push(author);
        break;
      }
    }
  }
  return drawn;
}

describe('leaderSchedule', () => {
  it.each([
    ['equal stakes', [1, 1, 1, 1], 1],
    ['unequal stakes', [5, 1, 1, 3, 2], 3],
    ['every validator', [1, 2, 3, 4, 5, 6, 7], 7],
    ['stakes beyond 32 bits', [2 ** 51, 2 ** 50 + 1, 3, 2 ** 40], 2],
    ['one validator', [9], 1],
  ])('follows the rule with %s', (_, stakes, leadersPerRound) => {
    const committee = makeCommittee(hashing, { stakes, parameters: { leadersPerRound } });
    const schedule = leaderSchedule(hashing, committee);
    for (let round = 0; round < 200; round++) {
      const leaders = leadersByRule(committee, round);
      expect(schedule.leaders(round)).toEqual(leaders);
      expect(new Set(leaders).size).toBe(leadersPerRound);
      leaders.forEach((author, offset) => void expect(schedule.leader(round, offset)).toBe(author));
    }
  });

  it('gives each validator rounds in proportion to its stake', () => {
    const schedule = leaderSchedule(hashing, makeCommittee(hashing, { stakes: [1, 2, 5] }));
    const counts = [0, 0, 0];
    for (let round = 1; round <= 8000; round++) counts[schedule.leader(round, 0)]!++;
    // Standard deviations are 30, 39 and 43: five of them leave no room for another rule and none for chance.
    expect(Math.abs(counts[0]! - 1000)).toBeLessThan(150);
    expect(Math.abs(counts[1]! - 2000)).toBeLessThan(195);
    expect(Math.abs(counts[2]! - 5000)).toBeLessThan(215);
  });

  it('answers the same after it forgot, and has no slot beyond leadersPerRound', () => {
    const committee = makeCommittee(hashing, { parameters: { leadersPerRound: 2 } });
    const schedule = leaderSchedule(hashing, committee);
    const first = schedule.leaders(1);
    expect(schedule.leaders(1)).toBe(first);
    for (let round = 2; round <= MAX_MEMOISED_LEADER_ROUNDS + 1; round++) schedule.leaders(round);
    const again = schedule.leaders(1);
    expect(again).not.toBe(first);
    expect(again).toEqual(first);
    expect(codeOf(() => schedule.leader(1, 2))).toBe('COMMITTEE_OFFSET');
  });
});
