/** Merkle roots of a payload, the path of one of its leaves, and the way back from a leaf to the root. */
import type { Kernels } from '../../wasm/kernels.ts';
import { type Column, checksum, type RowSpec } from '../harness.ts';
import { type Hash, perLibrary, SHA3 } from '../libraries.ts';
import { naiveSha3 } from '../naive/sha3.ts';
import { bytesOf, KERNELS, perKernel } from './kernels.ts';

/** Nodes of a level and of all above it, by RFC 6962 with the hash of a library. */
function levelsOf(hash: Hash, leaves: readonly Uint8Array[]): Uint8Array[][] {
  const levels = [leaves.map((leaf) => hash(concat(Uint8Array.of(0), leaf)))];
  for (let level = levels[0]!; level.length > 1; level = levels.at(-1)!) {
    const next: Uint8Array[] = [];
    for (let i = 0; i + 1 < level.length; i += 2) next.push(hash(concat(Uint8Array.of(1), level[i]!, level[i + 1]!)));
    if (level.length % 2 === 1) next.push(level.at(-1)!);
    levels.push(next);
  }
  return levels;
}

function rootOf(hash: Hash, count: number, top: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, count, true);
  return hash(concat(Uint8Array.of(2), bytes, top));
}

function concat(...parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

function siblingsOf(hash: Hash, leaves: readonly Uint8Array[], position: number): Uint8Array[] {
  const levels = levelsOf(hash, leaves);
  return levels.flatMap((level, height) => level[(position >> height) ^ 1] ?? []);
}

/** Up a path all of whose levels have a sibling. */
function climb(
  hash: Hash,
  leaf: Uint8Array,
  position: number,
  count: number,
  siblings: readonly Uint8Array[],
): Uint8Array {
  const top = siblings.reduce(
    (node, sibling, height) => {
      const isRight = ((position >> height) & 1) === 1;
      return hash(isRight ? concat(Uint8Array.of(1), sibling, node) : concat(Uint8Array.of(1), node, sibling));
    },
    hash(concat(Uint8Array.of(0), leaf)),
  );
  return rootOf(hash, count, top);
}

const all = (digests: readonly Uint8Array[]): number => checksum(digests.flatMap((digest) => [...digest]));

interface Case {
  readonly name: string;
  readonly operation: string;
  readonly targets?: NonNullable<RowSpec['targets']>;
  readonly leaves: readonly Uint8Array[];
  /** With the naive hash too: seconds for a whole tree of a thousand leaves. */
  readonly naive: boolean;
  byHash(hash: Hash): number;
  byKernels(kernels: Kernels): number;
}

function row({ name, operation, targets = {}, leaves, naive, byHash, byKernels }: Case): RowSpec {
  const over = (hash: Hash) => (): Column => ({ run: () => byHash(hash) });
  return {
    name,
    params: { leaves: leaves.length, bytes: leaves[0]!.length },
    operations: 1,
    operation,
    columns: {
      ...(naive ? { naive: over(naiveSha3) } : {}),
      ...perKernel((kernels) => ({ run: () => byKernels(kernels) })),
    },
    libraries: perLibrary(SHA3, over),
    targets,
  };
}

export function merkleRows(): RowSpec[] {
  const leavesOf = (count: number): Uint8Array[] => Array.from({ length: count }, (_, i) => bytesOf(512, i));
  const [few, many] = [leavesOf(32), leavesOf(1000)];
  const position = 333;
  const proven = leavesOf(1024);
  const path = KERNELS.twin.merklePath(proven, position);
  const root = (leaves: readonly Uint8Array[]) => ({
    name: 'merkle root',
    operation: 'root',
    leaves,
    naive: leaves.length < 100,
    byHash: (hash: Hash) => all([rootOf(hash, leaves.length, levelsOf(hash, leaves).at(-1)![0]!)]),
    byKernels: (kernels: Kernels) => all([kernels.merkleRoot(leaves)]),
  });
  return [
    row(root(few)),
    row({ ...root(many), targets: { 'node:crypto': 2.5 } }),
    row({
      name: 'merkle path',
      operation: 'path',
      leaves: proven,
      naive: false,
      byHash: (hash) => all(siblingsOf(hash, proven, position)),
      byKernels: (kernels) => all(kernels.merklePath(proven, position).siblings),
    }),
    row({
      name: 'merkle verify',
      operation: 'proof',
      leaves: proven,
      naive: true,
      byHash: (hash) => all([climb(hash, proven[position]!, position, proven.length, path.siblings)]),
      byKernels: (kernels) => all([kernels.rootOfMerklePath(proven[position]!, path)!]),
    }),
  ];
}
