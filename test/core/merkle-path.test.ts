import { describe, expect, it } from 'vitest';
import { toHex } from '../../src/core/bytes.ts';
import { MAX_PATH_SIBLINGS } from '../../src/core/limits.ts';
import { merklePath, rootOfPath } from '../../src/core/merkle-path.ts';
import { loadKernels } from '../../src/wasm/load.ts';
import { codeOf } from '../support/hostile.ts';
import { seeded } from '../support/random.ts';

const kernels = loadKernels();
const random = seeded(1);
const leaves = Array.from({ length: 70 }, () => random.bytes(40));
const path = merklePath(kernels, leaves, 5);

describe('a Merkle path', () => {
  it('leads from every leaf of trees of every shape to the root of the kernels', () => {
    for (let count = 1; count <= leaves.length; count++) {
      const some = leaves.slice(0, count);
      const root = toHex(kernels.merkleRoot(some));
      for (let at = 0; at < count; at++) {
        const found = rootOfPath(kernels, some[at]!, merklePath(kernels, some, at));
        expect(toHex(found), `leaf ${at} of ${count}`).toBe(root);
      }
    }
  });

  it('leads elsewhere from another leaf, another place, another count or another sibling', () => {
    const root = toHex(kernels.merkleRoot(leaves));
    expect(toHex(rootOfPath(kernels, leaves[5]!, path))).toBe(root);
    expect(toHex(rootOfPath(kernels, leaves[4]!, path))).not.toBe(root);
    expect(toHex(rootOfPath(kernels, leaves[5]!, { ...path, position: 4 }))).not.toBe(root);
    expect(toHex(rootOfPath(kernels, leaves[5]!, { ...path, count: 71 }))).not.toBe(root);
    path.siblings.forEach((_, i) => {
      const siblings = path.siblings.map((sibling, k) => (k === i ? random.bytes(32) : sibling));
      expect(toHex(rootOfPath(kernels, leaves[5]!, { ...path, siblings }))).not.toBe(root);
    });
  });

  it('takes no inner node for a leaf', () => {
    const pair = leaves.slice(0, 2);
    const [left, right] = kernels.sha3_256Each(Uint8Array.of(0), pair);
    const inner = Uint8Array.of(...left!, ...right!);
    const claimed = rootOfPath(kernels, inner, { position: 0, count: 1, siblings: [] });
    expect(toHex(claimed)).not.toBe(toHex(kernels.merkleRoot(pair)));
  });

  it('is refused for a leaf outside of the tree', () => {
    expect(codeOf(() => merklePath(kernels, leaves, leaves.length))).toBe('PROOF_POSITION');
    expect(codeOf(() => merklePath(kernels, [], 0))).toBe('PROOF_POSITION');
    expect(codeOf(() => rootOfPath(kernels, leaves[5]!, { ...path, position: 70 }))).toBe('PROOF_POSITION');
  });

  it('is refused with one sibling too few or too many', () => {
    const { siblings } = path;
    const withSiblings = (list: readonly Uint8Array[]) => () =>
      rootOfPath(kernels, leaves[5]!, { ...path, siblings: list });
    expect(codeOf(withSiblings(siblings.slice(1)))).toBe('PROOF_PATH');
    expect(codeOf(withSiblings([...siblings, siblings[0]!]))).toBe('PROOF_PATH');
    expect(codeOf(withSiblings(Array(MAX_PATH_SIBLINGS + 1).fill(siblings[0])))).toBe('SSZ_LIMIT');
  });

  it('ends, also in the largest tree that a u32 can claim', () => {
    const siblings = Array<Uint8Array>(MAX_PATH_SIBLINGS).fill(leaves[0]!.slice(0, 32));
    const largest = { position: 0xffff_fffe, count: 0xffff_ffff, siblings: siblings.slice(1) };
    expect(codeOf(() => rootOfPath(kernels, leaves[0]!, { ...largest, siblings }))).toBe('PROOF_PATH');
    expect(rootOfPath(kernels, leaves[0]!, { position: 0, count: 0xffff_ffff, siblings }).length).toBe(32);
  });
});
