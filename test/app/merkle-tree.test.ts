import fc from 'fast-check';
import { expect, test } from 'vitest';
import { MerkleTree } from '../../src/app/merkle-tree.ts';
import { kernels } from './accounts.ts';

test('after any changes in any order the root is that of all leaves at once', () => {
  const change = fc.record({ at: fc.nat(80), data: fc.uint8Array({ maxLength: 5 }), look: fc.boolean() });
  fc.assert(
    fc.property(fc.array(change, { maxLength: 120 }), (changes) => {
      const tree = new MerkleTree(kernels);
      const leaves: Uint8Array[] = [];
      for (const { at, data, look } of changes) {
        const position = Math.min(at, leaves.length);
        leaves[position] = data;
        tree.set(position, data);
        if (look) expect(tree.root()).toEqual(kernels.merkleRoot(leaves));
      }
      expect(tree.size).toBe(leaves.length);
      expect(tree.root()).toEqual(kernels.merkleRoot(leaves));
    }),
  );
});

test('paths lead from every leaf to the top', () => {
  for (let size = 1; size <= 20; size++) {
    const leaves = Array.from({ length: size }, (_, at) => Uint8Array.of(at));
    const tree = new MerkleTree(kernels);
    for (const [at, leaf] of leaves.entries()) tree.set(at, leaf);
    for (const [at, leaf] of leaves.entries()) {
      const siblings = tree.path(at);
      let node = kernels.sha3_256(Uint8Array.of(0), leaf);
      for (let position = at, width = size; width > 1; position >>= 1, width = Math.ceil(width / 2)) {
        if ((position ^ 1) >= width) continue;
        const sibling = siblings.shift()!;
        node = kernels.sha3_256(Uint8Array.of(1), ...(position % 2 === 0 ? [node, sibling] : [sibling, node]));
      }
      expect(siblings).toEqual([]);
      expect(kernels.sha3_256(Uint8Array.of(2), Uint8Array.of(size, 0, 0, 0), node)).toEqual(tree.root());
    }
  }
});
