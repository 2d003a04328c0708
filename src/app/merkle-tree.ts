import type { Kernels } from '../wasm/kernels.ts';

const LEAF = Uint8Array.of(0);
const NODE = Uint8Array.of(1);
const ROOT = Uint8Array.of(2);
const HASH_BYTES = 32;

/**
 * A Merkle tree that rehashes only what changed. Its root is that of `kernels.merkleRoot` over the same leaves (RFC 6962 shape), so the
 * same proofs fit. Level by level that shape is: neighbours are paired, and a last one without a neighbour moves up as it is.
 */
export class MerkleTree {
  readonly #kernels: Kernels;
  /** Level 0: leaf hashes; the last level has one node. */
  readonly #levels: Uint8Array[][] = [[]];
  /** Leaves set since the last root, by position. */
  readonly #changed = new Map<number, Uint8Array>();
  #size = 0;

  constructor(kernels: Kernels) {
    this.#kernels = kernels;
  }

  /** Number of leaves. */
  get size(): number {
    return this.#size;
  }

  /** Sets leaf `position` (0 … size; `size` appends) to `data`, which must not change before the next {@link root}. */
  set(position: number, data: Uint8Array): void {
    this.#changed.set(position, data);
    this.#size = Math.max(this.#size, position + 1);
  }

  /** 32 bytes. Costs about log2(size) hashes per leaf changed since the last call. */
  root(): Uint8Array {
    this.#rehash();
    const count = new Uint8Array(4);
    new DataView(count.buffer).setUint32(0, this.#size, true);
    return this.#kernels.sha3_256(ROOT, count, this.#levels.at(-1)![0] ?? new Uint8Array(HASH_BYTES));
  }

  /** Siblings from leaf `position` up to the top, for a Merkle path; levels where the node moves up alone give nothing. */
  path(position: number): Uint8Array[] {
    this.#rehash();
    const siblings: Uint8Array[] = [];
    for (let at = position, height = 0; height < this.#levels.length - 1; at >>= 1, height++) {
      const sibling = this.#levels[height]![at ^ 1];
      if (sibling) siblings.push(sibling);
    }
    return siblings;
  }

  #rehash(): void {
    if (this.#changed.size === 0) return;
    const leaves = this.#levels[0]!;
    let dirty = [...this.#changed.keys()];
    const hashes = this.#kernels.sha3_256Each(LEAF, [...this.#changed.values()]);
    for (const [i, position] of dirty.entries()) leaves[position] = hashes[i]!;
    this.#changed.clear();
    for (let height = 0; this.#levels[height]!.length > 1; height++) {
      this.#levels[height + 1] ??= [];
      dirty = this.#rehashLevel(this.#levels[height]!, this.#levels[height + 1]!, dirty);
    }
  }

  /** Recomputes the parents of dirty nodes in one call of the kernel; returns their positions. */
  #rehashLevel(below: readonly Uint8Array[], above: Uint8Array[], dirty: readonly number[]): number[] {
    const parents = [...new Set(dirty.map((position) => position >> 1))];
    const paired = parents.filter((parent) => 2 * parent + 1 < below.length);
    const hashes = this.#kernels.sha3_256Each(
      NODE,
      paired.map((parent) => join(below[2 * parent]!, below[2 * parent + 1]!)),
    );
    for (const [i, parent] of paired.entries()) above[parent] = hashes[i]!;
    for (const parent of parents) if (2 * parent + 1 >= below.length) above[parent] = below[2 * parent]!;
    return parents;
  }
}

function join(left: Uint8Array, right: Uint8Array): Uint8Array {
  const joined = new Uint8Array(2 * HASH_BYTES);
  joined.set(left);
  joined.set(right, HASH_BYTES);
  return joined;
}
