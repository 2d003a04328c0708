/**
 * Merkle paths: that a leaf is at its place in a tree of which only the root is known. The tree is that of
 * `kernels.merkleRoot`, and the kernels walk it; here is what a proof is refused for.
 */
import { PqError } from '../errors.ts';
import type { Kernels, MerklePath } from '../wasm/kernels.ts';
import { MAX_PATH_SIBLINGS } from './limits.ts';
import { refuseAbove } from './ssz.ts';

/** The path of leaf `position`. Throws `PROOF_POSITION` when there is no such leaf. */
export function merklePath(kernels: Kernels, leaves: readonly Uint8Array[], position: number): MerklePath {
  requirePosition(position, leaves.length);
  return kernels.merklePath(leaves, position);
}

/**
 * The root of the tree that has `leaf` where the path says. Throws `PROOF_POSITION` for a place outside of the tree,
 * `PROOF_PATH` unless there are exactly the siblings that this place needs, and `SSZ_LIMIT` for too many.
 */
export function rootOfPath(kernels: Kernels, leaf: Uint8Array, path: MerklePath): Uint8Array {
  const { position, count, siblings } = path;
  refuseAbove(siblings.length, MAX_PATH_SIBLINGS);
  requirePosition(position, count);
  const root = kernels.rootOfMerklePath(leaf, path);
  if (root !== undefined) return root;
  throw new PqError('PROOF_PATH', 'The path has not the siblings that its leaf needs.', {
    position,
    count,
    siblings: siblings.length,
  });
}

function requirePosition(position: number, count: number): void {
  if (position < count) return;
  throw new PqError('PROOF_POSITION', 'The leaf is said to be where the tree has none.', { position, count });
}
