import { describe, expect, test } from 'vitest';
import { compareRefs, refKey } from '../../src/core/block.ts';
import { Dag } from '../../src/core/dag.ts';
import { GC_DEPTH_ROUNDS, MAX_COMMIT_BLOCKS, MAX_SUSPENDED_PER_AUTHOR } from '../../src/core/limits.ts';
import type { Ref, Round, SignedBlock, VerifiedBlock } from '../../src/core/types.ts';
import { loadKernels } from '../../src/wasm/load.ts';
import {
  type BlockOptions,
  makeBlock,
  makeCommittee,
  makeFullRounds,
  makeProposals,
  ownFirst,
} from '../support/chain.ts';
import { seeded } from '../support/random.ts';

const kernels = loadKernels({ kind: 'twin' });
const committee = makeCommittee(kernels);

function verified(block: SignedBlock): VerifiedBlock {
  return block as unknown as VerifiedBlock;
}

/** A DAG that holds these, given in any order in which parents come first. */
function dagOf(blocks: readonly SignedBlock[]): Dag {
  const dag = new Dag(kernels, committee);
  for (const block of blocks) dag.admit(verified(block));
  return dag;
}

function child(author: number, parents: readonly Ref[], options: BlockOptions = {}): SignedBlock {
  const round = 1 + Math.max(...parents.map((ref) => ref.round));
  return makeBlock(kernels, committee, round, author, { parents: ownFirst(parents, author), ...options });
}

function refsOf(blocks: readonly SignedBlock[]): Ref[] {
  return blocks.map(({ ref }) => ref);
}

describe('causal order', () => {
  test('a block waits for its parents, and what waits for it comes with it', () => {
    const rounds = makeFullRounds(kernels, committee, 4);
    const dag = new Dag(kernels, committee);
    const backwards = rounds.flat().reverse();
    const last = backwards.pop() as SignedBlock;
    for (const block of backwards.filter(({ ref }) => ref.round > 1)) {
      expect(dag.admit(verified(block))).toMatchObject({ accepted: [], suspended: true });
    }
    for (const block of backwards.filter(({ ref }) => ref.round === 1)) dag.admit(verified(block));
    expect(dag.size).toBe(3);
    const { accepted } = dag.admit(verified(last));
    expect(accepted).toHaveLength(13);
    const place = new Map(accepted.map((vertex, i) => [vertex.key, i]));
    for (const { key, block } of accepted) {
      for (const parent of block.header.parents) {
        expect(place.get(refKey(parent)) ?? -1).toBeLessThan(place.get(key) as number);
      }
    }
    expect([dag.size, dag.suspendedCount]).toEqual([16, 0]);
  });

  test('every order of arrival ends in the same DAG', () => {
    const blocks = makeFullRounds(kernels, committee, 6).flat();
    const keys = (dag: Dag) =>
      [...dag.all()]
        .map(({ block }) => block.ref)
        .sort(compareRefs)
        .map(refKey);
    const expected = keys(dagOf(blocks));
    for (let seed = 0; seed < 10; seed++) expect(keys(dagOf(seeded(seed).shuffled(blocks)))).toEqual(expected);
  });

  test('a ref that pairs a known digest with another round or author names nothing', () => {
    const [first] = makeFullRounds(kernels, committee, 1) as [SignedBlock[]];
    const [a, b, c, d] = refsOf(first) as [Ref, Ref, Ref, Ref];
    const dag = dagOf(first);
    for (const wrong of [
      { ...d, digest: a.digest },
      { ...d, round: 0 as Round },
    ]) {
      const block = makeBlock(kernels, committee, 2, 0, { parents: [a, b, c, wrong] });
      const real = wrong.round > 0;
      expect(dag.admit(verified(block)).suspended).toBe(real);
      expect(dag.isMissing(refKey(wrong))).toBe(real);
    }
  });
});

describe('equivocation', () => {
  const first = makeFullRounds(kernels, committee, 1)[0] as SignedBlock[];
  const twins = [1, 2, 3, 4].map((n) => makeBlock(kernels, committee, 1, 3, { timestampMs: n }));

  test('both blocks are taken and told of, a third is not looked at', () => {
    const dag = dagOf(first);
    const { accepted, equivocations } = dag.admit(verified(twins[0]!));
    expect(accepted).toHaveLength(1);
    expect(equivocations.map(([one, two]) => [one.block.ref.digest, two.block.ref.digest])).toEqual([
      [first[3]!.ref.digest, twins[0]!.ref.digest],
    ]);
    expect(dag.isSlotFull(1, 3)).toBe(true);
    expect(dag.isSlotFull(1, 2)).toBe(false);
  });

  test('suspended ones fill a slot too, but one that others wait for always comes in', () => {
    const dag = dagOf(first.slice(0, 3));
    const nowhere = { ...first[3]!.ref, digest: new Uint8Array(32).fill(9) as Ref['digest'] };
    const waiting = [1, 2, 3].map((n) => child(3, [nowhere, ...refsOf(first.slice(0, 3))], { timestampMs: n }));
    expect(waiting.map((block) => dag.admit(verified(block)).suspended)).toEqual([true, true, false]);
    expect(dag.isSlotFull(2, 3)).toBe(true);
    const grandchild = makeBlock(kernels, committee, 3, 0, { parents: [first[0]!.ref, waiting[2]!.ref] });
    dag.admit(verified(grandchild));
    expect(dag.admit(verified(waiting[2]!)).suspended).toBe(true);
  });
});

describe('the waiting room', () => {
  const first = makeFullRounds(kernels, committee, 1)[0] as SignedBlock[];
  const nowhere = (n: number, round = 1, author = 3): Ref => ({
    round: round as Round,
    author: author as Ref['author'],
    digest: kernels.sha3_256(Uint8Array.of(n & 255, n >> 8)) as Ref['digest'],
  });

  test('holds so many blocks of one author, and those of others all the same', () => {
    const dag = dagOf(first);
    let suspended = 0;
    for (let n = 0; n < MAX_SUSPENDED_PER_AUTHOR + 10; n++) {
      const block = makeBlock(kernels, committee, 2 + n, 3, { parents: [nowhere(n, 1 + n)] });
      if (dag.admit(verified(block)).suspended) suspended += 1;
    }
    expect(suspended).toBe(MAX_SUSPENDED_PER_AUTHOR);
    expect(dag.admit(verified(makeBlock(kernels, committee, 2, 1, { parents: [nowhere(1)] }))).suspended).toBe(true);
  });

  test('says on whose account a block is missing, through the blocks of others too', () => {
    const dag = dagOf(first);
    const liar = makeBlock(kernels, committee, 2, 3, { parents: [nowhere(1), first[0]!.ref] });
    dag.admit(verified(liar));
    expect([...dag.absentFor(3).keys()]).toEqual([refKey(nowhere(1))]);
    expect(dag.absentFor(1).size).toBe(0);
    const honest = makeBlock(kernels, committee, 3, 1, { parents: [first[1]!.ref, liar.ref] });
    dag.admit(verified(honest));
    // The liar's block is here and waits itself: what it waits for is what the honest one needs.
    expect([...dag.absentFor(1).keys()]).toEqual([refKey(nowhere(1))]);
    dag.admit(verified(makeBlock(kernels, committee, 3, 2, { parents: [nowhere(2, 2, 1)] })));
    const needed = makeBlock(kernels, committee, 4, 0, { parents: [first[0]!.ref, nowhere(3, 3, 2)] });
    dag.admit(verified(needed));
    expect([...dag.absentFor(0).keys()]).toEqual([refKey(nowhere(3, 3, 2))]);
  });

  test('a block that comes after those which need it hands on their accounts', () => {
    const dag = dagOf(first);
    const liar = makeBlock(kernels, committee, 2, 3, { parents: [nowhere(1), first[0]!.ref] });
    dag.admit(verified(makeBlock(kernels, committee, 3, 1, { parents: [first[1]!.ref, liar.ref] })));
    expect([...dag.absentFor(1).keys()]).toEqual([refKey(liar.ref)]);
    dag.admit(verified(liar));
    expect([...dag.absentFor(1).keys()]).toEqual([refKey(nowhere(1))]);
  });
});

describe('garbage collection', () => {
  const rounds = makeFullRounds(kernels, committee, GC_DEPTH_ROUNDS + 4);

  test('frees what is 60 rounds below the committed leader, and says what was never committed', () => {
    const dag = dagOf(rounds.flat());
    for (const vertex of dag.blocksOfRound(1)) dag.kernel.markCommitted(vertex.handle);
    const committed = dag.linearize([...dag.blocksOfRound(2)][0]!);
    expect(committed).toHaveLength(1);
    expect(dag.collect(GC_DEPTH_ROUNDS)).toMatchObject({ dropped: [] });
    expect(dag.gcRound).toBe(0);
    const { dropped } = dag.collect(GC_DEPTH_ROUNDS + 2);
    expect(dag.gcRound).toBe(2);
    // Those of round 1 were marked in the arena only.
    expect(dropped.map(({ block }) => [block.ref.round, block.ref.author])).toEqual([
      [1, 0],
      [1, 1],
      [1, 2],
      [1, 3],
      [2, 1],
      [2, 2],
      [2, 3],
    ]);
    expect([...dag.blocksOfRound(2)]).toEqual([]);
    expect(dag.admit(verified(rounds[1]![0]!)).accepted).toEqual([]);
    expect(dag.size).toBe(4 * (GC_DEPTH_ROUNDS + 2));
  });

  test('is what suspended blocks wait for, when their parents will never come', () => {
    const dag = dagOf(rounds.slice(1).flat());
    expect([dag.size, dag.suspendedCount]).toEqual([0, 4 * (GC_DEPTH_ROUNDS + 3)]);
    const { admission } = dag.collect(GC_DEPTH_ROUNDS + 1);
    expect(admission.accepted).toHaveLength(4 * (GC_DEPTH_ROUNDS + 3));
    expect(dag.suspendedCount).toBe(0);
  });

  test('takes suspended blocks of old rounds with it, and forgets what they waited for', () => {
    const dag = dagOf(rounds.flat());
    const nowhere = { round: 1, author: 2, digest: new Uint8Array(32).fill(7) } as unknown as Ref;
    const old = makeBlock(kernels, committee, 2, 3, { parents: [nowhere] });
    const young = makeBlock(kernels, committee, 3, 3, { parents: [old.ref, nowhere], timestampMs: 1 });
    dag.admit(verified(young));
    dag.admit(verified(old));
    expect(dag.suspendedCount).toBe(2);
    const { admission } = dag.collect(GC_DEPTH_ROUNDS + 2);
    expect(admission.accepted.map(({ block }) => block.ref)).toEqual([young.ref]);
    expect(dag.suspendedCount).toBe(0);
    expect(dag.isMissing(refKey(nowhere))).toBe(false);
    for (const { index } of committee.validators) expect(dag.absentFor(index).size).toBe(0);
  });

  test('gcRound never goes back', () => {
    const dag = dagOf(rounds.flat());
    dag.collect(GC_DEPTH_ROUNDS + 3);
    dag.collect(GC_DEPTH_ROUNDS + 1);
    expect(dag.gcRound).toBe(3);
  });
});

describe('certified commits', () => {
  const rounds = makeFullRounds(kernels, committee, 3);

  test('put blocks in without their parents, and committed', () => {
    const dag = new Dag(kernels, committee);
    const block = rounds[2]![0]!;
    dag.admit(verified(rounds[2]![1]!));
    const { accepted } = dag.insertCommitted(verified(block));
    expect(accepted.map(({ committed }) => committed)).toEqual([true]);
    expect(dag.insertCommitted(verified(block)).accepted).toEqual([]);
    expect(dag.get(refKey(block.ref))?.committed).toBe(true);
  });

  test('accept what waited for them, and end the wait of a suspended block', () => {
    const dag = new Dag(kernels, committee);
    for (const block of rounds[1]!) dag.admit(verified(block));
    expect(dag.suspendedCount).toBe(4);
    for (const block of rounds[0]!.slice(0, 3)) dag.insertCommitted(verified(block));
    dag.insertCommitted(verified(rounds[1]![2]!));
    expect(dag.suspendedCount).toBe(3);
    expect(dag.insertCommitted(verified(rounds[0]![3]!)).accepted).toHaveLength(4);
  });

  test('have places of their own when the DAG is full', () => {
    const dag = new Dag(kernels, committee, MAX_COMMIT_BLOCKS + 4);
    for (const block of rounds[0]!) dag.admit(verified(block));
    expect(dag.isFull).toBe(true);
    expect(dag.admit(verified(rounds[1]![0]!)).accepted).toEqual([]);
    expect(dag.insertCommitted(verified(rounds[1]![0]!)).accepted).toHaveLength(1);
    expect(dag.size).toBe(5);
  });
});

describe('what the own newest block links', () => {
  test('is its whole history, reported once', () => {
    const rounds = makeFullRounds(kernels, committee, 3);
    const dag = dagOf(rounds.flat());
    const tip = dag.get(refKey(rounds[2]![0]!.ref))!;
    expect(dag.link([tip])).toHaveLength(9);
    expect(dag.link([tip])).toEqual([]);
    expect(dag.linkable(1, 4)?.block.ref).toEqual(rounds[2]![1]!.ref);
    expect(dag.linkable(0, 4)).toBeUndefined();
    expect(dag.linkable(1, 3)).toBeUndefined();
  });

  test('of an author who is ahead, the newest below the round; of an equivocator, what is not linked yet', () => {
    const rounds = makeFullRounds(kernels, committee, 3);
    const twin = child(3, refsOf(rounds[0]!), { timestampMs: 5, payload: makeProposals(kernels, 1) });
    const dag = dagOf([...rounds.flat(), twin]);
    expect(dag.linkable(1, 3)?.block.ref).toEqual(rounds[1]![1]!.ref);
    dag.link([dag.get(refKey(rounds[1]![3]!.ref))!]);
    expect(dag.linkable(3, 3)?.block.ref).toEqual(twin.ref);
    expect([...dag.uncommittedPayloads].map(({ block }) => block.ref)).toEqual([twin.ref]);
  });
});
