/** Merkle roots and paths through the core. Leaves that do not fit the staging area are hashed in portions first. */
import { checkPosition, isPathPossible } from './checks.ts';
import type { CoreHash } from './hash.ts';
import type { MerklePath } from './kernels.ts';
import { DIGEST_BYTES, type Staging } from './staging.ts';

const LEAF_PREFIX = Uint8Array.of(0);

export class CoreMerkle {
  readonly #staging: Staging;
  readonly #hash: CoreHash;

  constructor(staging: Staging, hash: CoreHash) {
    this.#staging = staging;
    this.#hash = hash;
  }

  /** Merkle root of the leaves, as {@link Kernels.merkleRoot} defines it. */
  root(leaves: readonly Uint8Array[]): Uint8Array {
    const { exports } = this.#staging.core;
    const { out } = this.#staging;
    const staged = this.#stage(leaves);
    if (staged === undefined) exports.merkleFold(this.#stageDigests(leaves), leaves.length, out);
    else exports.merkleRoot(staged.lengths, leaves.length, staged.data, staged.out, out);
    return this.#staging.digest(out);
  }

  /** The path of leaf `position`. Throws `KERNEL_ARGUMENT` when there is no such leaf. */
  path(leaves: readonly Uint8Array[], position: number): MerklePath {
    checkPosition(position, leaves.length);
    const { exports } = this.#staging.core;
    const { out } = this.#staging;
    const staged = this.#stage(leaves);
    const length =
      staged === undefined
        ? exports.merkleFoldPath(this.#stageDigests(leaves), leaves.length, position, out)
        : exports.merklePath(staged.lengths, leaves.length, staged.data, staged.out, position, out);
    const siblings = Array.from({ length }, (_, i) => this.#staging.digest(out + DIGEST_BYTES * i));
    return { position, count: leaves.length, siblings };
  }

  /** The root that the path leads to from `leaf`; undefined where the path is none. */
  rootOfPath(leaf: Uint8Array, path: MerklePath): Uint8Array | undefined {
    if (!isPathPossible(path)) return undefined;
    const { position, count, siblings } = path;
    const { core, at, out } = this.#staging;
    const digest = this.#hash.sha3_256([LEAF_PREFIX, leaf]);
    core.u8.set(digest, out);
    for (const [i, sibling] of siblings.entries()) core.u8.set(sibling, at + DIGEST_BYTES * i);
    const isPath = core.exports.merkleClimb(out, position, count, at, siblings.length, out) === 1;
    return isPath ? this.#staging.digest(out) : undefined;
  }

  /** Stages all leaves with their prefix; undefined when they do not fit. */
  #stage(leaves: readonly Uint8Array[]): ReturnType<Staging['stage']> | undefined {
    const { count, bytes } = this.#staging.portion(LEAF_PREFIX.length, leaves, 0);
    return count < leaves.length ? undefined : this.#staging.stage(LEAF_PREFIX, leaves, 0, count, bytes);
  }

  /** Stages the digests of the leaves; returns where. */
  #stageDigests(leaves: readonly Uint8Array[]): number {
    const { core, at } = this.#staging;
    const digests = this.#hash.sha3_256Each(LEAF_PREFIX, leaves);
    core.reserve(at + DIGEST_BYTES * digests.length);
    for (const [i, digest] of digests.entries()) core.u8.set(digest, at + DIGEST_BYTES * i);
    return at;
  }
}
