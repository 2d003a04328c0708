import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { MerklePath } from '../../src/wasm/kernels.ts';
import { hashing } from '../support/hashing.ts';
import { codeOf } from '../support/hostile.ts';
import { cores, twin, variants } from './variants.ts';

/** Leaves of different lengths, no two alike. */
const leavesOf = (count: number): Uint8Array[] =>
  Array.from({ length: count }, (_, i) => new Uint8Array(3 + ((i * 37) % 300)).fill(i + 1));

describe.each(variants)('the Merkle root of $name', (kernels) => {
  test('every count from 0 to 130 gives the tree of RFC 6962 as it is written there', () => {
    const leaves = leavesOf(130);
    for (let count = 0; count <= 130; count++) {
      const some = leaves.slice(0, count);
      expect(kernels.merkleRoot(some), `${count} leaves`).toEqual(hashing.merkleRoot(some));
    }
  });

  test('the count is bound: a duplicated last leaf is another tree', () => {
    const leaves = leavesOf(3);
    expect(kernels.merkleRoot([...leaves, leaves[2]!])).not.toEqual(kernels.merkleRoot(leaves));
  });

  test('leaves that are more than the staging area holds, together or alone', () => {
    const leaves = [9, 2_000_000, 600_000, 600_001, 600_002, 1].map((length) => new Uint8Array(length).fill(length));
    const root = hashing.merkleRoot(leaves);
    expect(kernels.merkleRoot(leaves)).toEqual(root);
    for (const [at, leaf] of leaves.entries())
      expect(kernels.rootOfMerklePath(leaf, kernels.merklePath(leaves, at))).toEqual(root);
  });
});

describe.each(variants)('Merkle paths of $name', (kernels) => {
  test('lead from every leaf of trees of every shape to the root', () => {
    const leaves = leavesOf(70);
    for (let count = 1; count <= leaves.length; count++) {
      const some = leaves.slice(0, count);
      const root = kernels.merkleRoot(some);
      for (const [at, leaf] of some.entries()) {
        const path = kernels.merklePath(some, at);
        expect([path.position, path.count]).toEqual([at, count]);
        expect(kernels.rootOfMerklePath(leaf, path), `leaf ${at} of ${count}`).toEqual(root);
      }
    }
  });

  test('are fresh: a later call changes none', () => {
    const leaves = leavesOf(20);
    const path = kernels.merklePath(leaves, 3);
    const copy = structuredClone(path);
    kernels.merklePath(leaves, 4);
    kernels.merkleRoot(leaves);
    expect(path).toEqual(copy);
  });

  test.each([-1, 3, 0.5, Number.NaN])('there is none of leaf %d of three', (position) => {
    expect(codeOf(() => kernels.merklePath(leavesOf(3), position))).toBe('KERNEL_ARGUMENT');
  });

  test('a path of no leaf, or with siblings missing, left over or of another length, has no root', () => {
    const leaves = leavesOf(11);
    const path = kernels.merklePath(leaves, 10);
    const { siblings } = path;
    const wrong: Partial<MerklePath>[] = [
      { position: 11 },
      { position: -1 },
      { position: 10.5 },
      { count: 2 ** 32 },
      { siblings: siblings.slice(1) },
      { siblings: [...siblings, siblings[0]!] },
      { siblings: siblings.map((sibling) => sibling.subarray(1)) },
      { siblings: new Array<Uint8Array>(33).fill(siblings[0]!) },
    ];
    expect(kernels.rootOfMerklePath(leaves[10]!, path)).toEqual(kernels.merkleRoot(leaves));
    for (const change of wrong)
      expect(kernels.rootOfMerklePath(leaves[10]!, { ...path, ...change }), JSON.stringify(change)).toBeUndefined();
  });

  test('end in the largest tree there can be', () => {
    const siblings = new Array<Uint8Array>(32).fill(new Uint8Array(32));
    const last = { position: 2 ** 32 - 2, count: 2 ** 32 - 1 };
    expect(kernels.rootOfMerklePath(siblings[0]!, { position: 0, count: last.count, siblings })).toHaveLength(32);
    expect(kernels.rootOfMerklePath(siblings[0]!, { ...last, siblings: siblings.slice(1) })).toHaveLength(32);
    expect(kernels.rootOfMerklePath(siblings[0]!, { ...last, siblings })).toBeUndefined();
  });
});

describe('any tree', () => {
  const leaves = fc.array(fc.uint8Array({ maxLength: 300, size: 'max' }), { minLength: 1, maxLength: 40 });

  test('has the paths of the twin, and no change to one leads to its root', () => {
    const change = fc.record({
      at: fc.nat(),
      bit: fc.nat(255),
      place: fc.nat(),
      count: fc.integer({ min: 1, max: 50 }),
    });
    fc.assert(
      fc.property(leaves, fc.nat(), change, (list, at, { bit, ...other }) => {
        const position = at % list.length;
        const path = twin.merklePath(list, position);
        const root = twin.merkleRoot(list);
        const leaf = list[position]!;
        const siblings = path.siblings.map((sibling) => sibling.slice());
        if (siblings.length > 0) siblings[other.at % siblings.length]![bit >> 3]! ^= 1 << (bit & 7);
        for (const core of cores) {
          expect(core.merklePath(list, position)).toEqual(path);
          expect(core.rootOfMerklePath(leaf, path)).toEqual(root);
          expect(core.rootOfMerklePath(Uint8Array.of(...leaf, 0), path)).not.toEqual(root);
          if (siblings.length > 0) expect(core.rootOfMerklePath(leaf, { ...path, siblings })).not.toEqual(root);
          const elsewhere = { ...path, position: other.place % list.length };
          if (elsewhere.position !== position && siblings.length > 0)
            expect(core.rootOfMerklePath(leaf, elsewhere)).not.toEqual(root);
          if (other.count !== list.length)
            expect(core.rootOfMerklePath(leaf, { ...path, count: other.count })).not.toEqual(root);
        }
      }),
      { numRuns: 100 },
    );
  });

  test('whatever somebody claims to be a path, all say the same of it', () => {
    const number = fc.oneof(fc.nat(40), fc.integer({ min: 0, max: 2 ** 32 + 1 }), fc.constantFrom(-1, 0.5, Number.NaN));
    const path = fc.record({
      position: number,
      count: number,
      siblings: fc.array(fc.oneof({ weight: 20, arbitrary: digest(32) }, { weight: 1, arbitrary: digest(31) }), {
        maxLength: 34,
        size: 'max',
      }),
    });
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), path, (leaf, claimed) => {
        const expected = twin.rootOfMerklePath(leaf, claimed);
        for (const core of cores) expect(core.rootOfMerklePath(leaf, claimed)).toEqual(expected);
      }),
      { numRuns: 500 },
    );
  });
});

function digest(length: number): fc.Arbitrary<Uint8Array> {
  return fc.uint8Array({ minLength: length, maxLength: length });
}
