/**
 * Merkle roots and paths as {@link Kernels} defines them. Pairing neighbours level by level and passing an odd last one up
 * unchanged gives the same tree as the recursive split of RFC 6962 §2.1 at the largest power of two.
 */
import { checkPosition, DIGEST_BYTES, isPathPossible } from '../checks.ts';
import type { Kernels } from '../kernels.ts';

const LEAF = Uint8Array.of(0);
const NODE = Uint8Array.of(1);
const ROOT = Uint8Array.of(2);

type MerkleKernels = Pick<Kernels, 'merkleRoot' | 'merklePath' | 'rootOfMerklePath'>;

/** Merkle roots and paths over any SHA3-256. */
export function merkleOver(sha3_256: Kernels['sha3_256']): MerkleKernels {
  const rootOf = (count: number, top: Uint8Array): Uint8Array => {
    const bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setUint32(0, count, true);
    return sha3_256(ROOT, bytes, top);
  };

  /** Replaces the first `width` nodes of `level` by those above them; returns how many these are. */
  const fold = (level: Uint8Array[], width: number): number => {
    for (let i = 0; i + 1 < width; i += 2) level[i >> 1] = sha3_256(NODE, level[i]!, level[i + 1]!);
    if (width & 1) level[width >> 1] = level[width - 1]!;
    return (width + 1) >> 1;
  };

  return {
    merkleRoot(leaves) {
      const level = leaves.map((leaf) => sha3_256(LEAF, leaf));
      for (let width = level.length; width > 1; ) width = fold(level, width);
      return rootOf(leaves.length, level[0] ?? new Uint8Array(DIGEST_BYTES));
    },

    merklePath(leaves, position) {
      checkPosition(position, leaves.length);
      const level = leaves.map((leaf) => sha3_256(LEAF, leaf));
      const siblings: Uint8Array[] = [];
      for (let width = level.length, at = position; width > 1; at >>= 1) {
        if ((at ^ 1) < width) siblings.push(level[at ^ 1]!);
        width = fold(level, width);
      }
      return { position, count: leaves.length, siblings };
    },

    rootOfMerklePath(leaf, path) {
      if (!isPathPossible(path)) return undefined;
      const { count, siblings } = path;
      let node = sha3_256(LEAF, leaf);
      let used = 0;
      // Numbers of u32: halved without the sign of bit operations.
      for (let at = path.position, width = count; width > 1; at = Math.floor(at / 2), width = Math.ceil(width / 2)) {
        const isRight = at % 2 === 1;
        if (!isRight && at === width - 1) continue;
        const sibling = siblings[used++];
        if (sibling === undefined) return undefined;
        node = isRight ? sha3_256(NODE, sibling, node) : sha3_256(NODE, node, sibling);
      }
      return used === siblings.length ? rootOf(count, node) : undefined;
    },
  };
}
