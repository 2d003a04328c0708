/** The hashing half of the kernels on node:crypto: a third implementation, for tests that need nothing but hashes. */
import { createHash } from 'node:crypto';
import type { Kernels } from '../../src/wasm/kernels.ts';

function sha3(...parts: readonly Uint8Array[]): Uint8Array {
  const hash = createHash('sha3-256');
  for (const part of parts) hash.update(part);
  return new Uint8Array(hash.digest());
}

/** RFC 6962 §2.1, as it is written there. */
function merkleTop(leaves: readonly Uint8Array[]): Uint8Array {
  if (leaves.length === 0) return new Uint8Array(32);
  if (leaves.length === 1) return sha3(Uint8Array.of(0), leaves[0]!);
  let split = 1;
  while (split * 2 < leaves.length) split *= 2;
  return sha3(Uint8Array.of(1), merkleTop(leaves.slice(0, split)), merkleTop(leaves.slice(split)));
}

function absent(): never {
  throw new Error('These kernels only hash.');
}

export const hashing: Kernels = {
  name: 'twin',
  verifies: false,
  sha3_256: sha3,
  sha3_256Each: (prefix, items) => items.map((item) => sha3(prefix, item)),
  merkleRoot(leaves) {
    const count = new Uint8Array(4);
    new DataView(count.buffer).setUint32(0, leaves.length, true);
    return sha3(Uint8Array.of(2), count, merkleTop(leaves));
  },
  shake128: absent,
  shake256: absent,
  merklePath: absent,
  rootOfMerklePath: absent,
  createDag: absent,
  createTally: absent,
  createConflictSet: absent,
  createVerifier: absent,
  createNetwork: absent,
  createAggregator: absent,
};
