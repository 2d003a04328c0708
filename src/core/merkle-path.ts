/**
 * Merkle paths: that a leaf is at its place in a tree of which only the root is known. The tree is that of
 * `kernels.merkleRoot`: level by level, neighbours are paired and a last one without a neighbour moves up as it is.
 */
import { PqError } from '../errors.ts';
import type { Kernels } from '../wasm/kernels.ts';
import { concatBytes } from './bytes.ts';
import { MAX_PATH_SIBLINGS } from './limits.ts';
import { refuseAbove, SszWriter } from './ssz.ts';

const LEAF = Uint8Array.of(0);
const NODE = Uint8Array.of(1);
const ROOT = Uint8Array.of(2);

/** Where a leaf is, and what it takes to compute the root from it. */
export interface MerklePath {
  /** 0 … count − 1. u32. */
  readonly position: number;
  /** Leaves of the tree. u32. */
  readonly count: number;
  /** 32 bytes each, from the bottom up; a level where the node moves up alone has none. */
  readonly siblings: readonly Uint8Array[];
}

/** The path of leaf `position`. Throws `PROOF_POSITION` when there is no such leaf. */
export function merklePath(kernels: Kernels, leaves: readonly Uint8Array[], position: number): MerklePath {
  requirePosition(position, leaves.length);
  const siblings: Uint8Array[] = [];
  let level = kernels.sha3_256Each(LEAF, leaves);
  for (let at = position; level.length > 1; at = half(at)) {
    const sibling = level[at % 2 === 0 ? at + 1 : at - 1];
    if (sibling !== undefined) siblings.push(sibling);
    level = levelAbove(kernels, level);
  }
  return { position, count: leaves.length, siblings };
}

function levelAbove(kernels: Kernels, level: readonly Uint8Array[]): Uint8Array[] {
  const pairs: Uint8Array[] = [];
  for (let i = 0; i + 1 < level.length; i += 2) pairs.push(concatBytes(level[i]!, level[i + 1]!));
  const above = kernels.sha3_256Each(NODE, pairs);
  if (level.length % 2 === 1) above.push(level[level.length - 1]!);
  return above;
}

/**
 * The root of the tree that has `leaf` where the path says. Throws `PROOF_POSITION` for a place outside of the tree,
 * `PROOF_PATH` unless there are exactly the siblings that this place needs, and `SSZ_LIMIT` for too many.
 */
export function rootOfPath(kernels: Kernels, leaf: Uint8Array, path: MerklePath): Uint8Array {
  const { position, count, siblings } = path;
  refuseAbove(siblings.length, MAX_PATH_SIBLINGS);
  requirePosition(position, count);
  let node = kernels.sha3_256(LEAF, leaf);
  let used = 0;
  let at = position;
  for (let width = count; width > 1; width = half(width + 1)) {
    const movesUpAlone = at === width - 1 && at % 2 === 0;
    if (!movesUpAlone) {
      const sibling = siblings[used++];
      if (sibling === undefined) refusePath(path);
      node = at % 2 === 0 ? kernels.sha3_256(NODE, node, sibling) : kernels.sha3_256(NODE, sibling, node);
    }
    at = half(at);
  }
  if (used !== siblings.length) refusePath(path);
  return kernels.sha3_256(ROOT, new SszWriter(4).u32(count).finish(), node);
}

function requirePosition(position: number, count: number): void {
  if (position < count) return;
  throw new PqError('PROOF_POSITION', 'The leaf is said to be where the tree has none.', { position, count });
}

function refusePath({ position, count, siblings }: MerklePath): never {
  throw new PqError('PROOF_PATH', 'The path has not the number of siblings that its leaf needs.', {
    position,
    count,
    siblings: siblings.length,
  });
}

/** ⌊value / 2⌋ of a u32 or one more: without the sign of bit operations. */
function half(value: number): number {
  return (value - (value % 2)) / 2;
}
