import { describe, expect, test } from 'vitest';
import { refKey } from '../../src/core/block.ts';
import type { Committee } from '../../src/core/committee.ts';
import { Dag } from '../../src/core/dag.ts';
import { Horizon } from '../../src/core/horizon.ts';
import { Mempool } from '../../src/core/mempool.ts';
import { Photon, payloadBytesOf } from '../../src/core/photon.ts';
import type { AuthorIndex, Block, CommitIndex, Ref, Round, SignedBlock, VerifiedBlock } from '../../src/core/types.ts';
import { checkBlock } from '../../src/core/validity.ts';
import { Wave } from '../../src/core/wave.ts';
import { OPINION } from '../../src/wasm/kernels.ts';
import { loadKernels } from '../../src/wasm/load.ts';
import { makeBlock, makeCommittee, makeFullRounds, makeProposals, ownFirst } from '../support/chain.ts';

const kernels = loadKernels({ kind: 'twin' });
const committee = makeCommittee(kernels);

function parts(of: Committee = committee) {
  const dag = new Dag(kernels, of);
  const wave = new Wave();
  const horizon = new Horizon(kernels, of);
  const mempool = new Mempool();
  const self = 0 as AuthorIndex;
  const photon = new Photon({ kernels, committee: of, self, modelId: new Uint8Array(32), dag, wave, horizon, mempool });
  const admit = (...blocks: readonly Block[]) => {
    for (const block of blocks) dag.admit(block as VerifiedBlock);
  };
  /** Builds, and takes the block as sealed. */
  const emit = (round: number, nowMs = of.genesisTimeMs) => {
    const block = photon.build(round, nowMs, true);
    photon.sealed(block);
    admit(block);
    return block;
  };
  return { dag, wave, horizon, mempool, photon, admit, emit };
}

const parentKeys = (block: Block) => block.header.parents.map(refKey);
const keys = (blocks: readonly { ref: Ref }[]) => blocks.map(({ ref }) => refKey(ref));

describe('parents', () => {
  test('of round 1 are the genesis refs, the own one first', () => {
    const block = parts().photon.build(1, committee.genesisTimeMs + 5.9, true);
    expect(parentKeys(block)).toEqual(committee.genesisRefs.map(refKey));
    expect(block.header.timestampMs).toBe(committee.genesisTimeMs + 5);
    expect(() => checkBlock(block as SignedBlock, committee)).not.toThrow();
  });

  test('are everybody’s newest, and nothing twice', () => {
    const { admit, emit } = parts();
    const others = makeFullRounds(kernels, committee, 1)[0]!.slice(1);
    const first = emit(1);
    admit(...others);
    const second = emit(2);
    expect(parentKeys(second)).toEqual(keys([first, ...others]));
    const [b, c, d] = others as [SignedBlock, SignedBlock, SignedBlock];
    const above = [1, 2].map((author) =>
      makeBlock(kernels, committee, 2, author, { parents: ownFirst([first.ref, b.ref, c.ref, d.ref], author) }),
    );
    admit(...above);
    const third = emit(3);
    // The one of validator 3 is in the own history: it is not linked again.
    expect(parentKeys(third)).toEqual(keys([second, ...above]));
    expect(() => checkBlock(third as SignedBlock, committee)).not.toThrow();
  });

  test('hold the block of a validator that is always late, whatever round it is of', () => {
    const { admit, emit } = parts();
    const first = makeFullRounds(kernels, committee, 1)[0]!;
    const own = [emit(1)];
    admit(first[1]!, first[2]!);
    own.push(emit(2));
    const above = [1, 2].map((author) =>
      makeBlock(kernels, committee, 2, author, {
        parents: ownFirst([own[0]!.ref, first[1]!.ref, first[2]!.ref], author),
      }),
    );
    admit(...above, first[3]!);
    expect(parentKeys(emit(3))).toEqual(keys([own[1]!, ...above, first[3]!]));
  });

  test('are at most one of an equivocator; the other one follows', () => {
    const { admit, emit } = parts();
    const first = makeFullRounds(kernels, committee, 1)[0]!;
    const twin = makeBlock(kernels, committee, 1, 3, { timestampMs: 1 });
    const own = emit(1);
    admit(first[1]!, first[2]!, first[3]!, twin);
    const second = emit(2);
    expect(parentKeys(second)).toEqual(keys([own, first[1]!, first[2]!, first[3]!]));
    const above = [1, 2].map((author) =>
      makeBlock(kernels, committee, 2, author, {
        parents: ownFirst([own.ref, ...first.slice(1, 3).map(({ ref }) => ref)], author),
      }),
    );
    admit(...above);
    expect(parentKeys(emit(3))).toEqual(keys([second, ...above, twin]));
  });

  test('after a jump begin with the newest own block that is held, or the own genesis ref', () => {
    const all = makeFullRounds(kernels, committee, 4);
    const fresh = parts();
    fresh.admit(...all.flat().filter(({ ref }) => ref.author !== 0 || ref.round < 3));
    const jumped = fresh.photon.build(3, committee.genesisTimeMs, true);
    expect(parentKeys(jumped)).toEqual([refKey(committee.genesisRefs[0]!), ...keys(all[1]!.slice(1))]);
    const back = parts();
    back.admit(...all.slice(0, 2).flat(), ...all[2]!.slice(1));
    back.photon.resume({ ...back.photon.record, round: 2 as Round }, all[1]![0]!.ref);
    expect(parentKeys(back.photon.build(4, committee.genesisTimeMs, true))).toEqual(
      keys([all[1]![0]!, ...all[2]!.slice(1)]),
    );
  });
});

describe('a block', () => {
  test('carries payload, due votes and executed commits, and the record names it', () => {
    const { dag, wave, horizon, mempool, photon, admit, emit } = parts();
    const genesis = photon.record;
    expect([genesis.round, genesis.votedIndex]).toEqual([0, 0]);
    const own = emit(1);
    expect(photon.record).toMatchObject({
      round: 1,
      digest: own.ref.digest,
      votedIndex: 0,
      votedDigest: committee.chainId,
    });
    const target = makeBlock(kernels, committee, 1, 1, { payload: makeProposals(kernels, 1) });
    admit(target, ...makeFullRounds(kernels, committee, 1)[0]!.slice(2));
    wave.consider(dag.get(refKey(target.ref))!);
    wave.formed(target.ref.digest, { confidence: 1, verdicts: Uint8Array.of(OPINION.REJECT) });
    const leader = own.ref;
    horizon.enqueue(
      { index: 1 as CommitIndex, leader, timestampMs: 1, blocks: [] },
      { decisions: [], proposals: [] },
      null,
    );
    const root = new Uint8Array(32);
    const executed = horizon.executed({ index: 1 as CommitIndex, stateRoot: root, modelRoot: root, receipts: [] });
    for (const [i, proposal] of makeProposals(kernels, 3, 9).entries()) {
      mempool.add(i === 2 ? { proposal } : { proposal, confidence: 1000 * (i + 1) });
    }
    const block = photon.build(2, committee.genesisTimeMs, true);
    expect(block.proposals).toHaveLength(3);
    expect(block.header.confidence).toBe(1500);
    // Linked by this very block, so the vote is due in it.
    expect(block.header.votes.map((vote) => refKey(vote.target))).toEqual([refKey(target.ref)]);
    expect(block.header.commitVotes).toEqual([{ index: 1, digest: executed?.digest }]);
    expect(photon.record).toEqual({
      epoch: 0,
      round: 2,
      digest: block.ref.digest,
      votedIndex: 1,
      votedDigest: executed?.digest,
    });
    photon.sealed(block);
    admit(
      block,
      ...[1, 2].map((author) =>
        makeBlock(kernels, committee, 2, author, {
          parents: block.header.parents
            .slice(1, 4)
            .sort((a, b) => Number(b.author === author) - Number(a.author === author)),
        }),
      ),
    );
    // Nothing new was executed: what was voted for last stays in the record.
    photon.build(3, committee.genesisTimeMs, true);
    expect(photon.record).toMatchObject({ round: 3, votedIndex: 1, votedDigest: executed?.digest });
  });

  test('has a part of the payload of a round, within bounds', () => {
    expect([1, 4, 8, 16, 128].map(payloadBytesOf)).toEqual([262_144, 262_144, 131_072, 65_536, 65_536]);
  });

  test('carries no payload while execution lags behind', () => {
    const { mempool, photon } = parts();
    for (const proposal of makeProposals(kernels, 3)) mempool.add({ proposal });
    expect(photon.build(1, committee.genesisTimeMs, false).proposals).toEqual([]);
    expect(mempool.size).toBe(3);
  });
});
