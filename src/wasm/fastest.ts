/**
 * Which implementation does what. For every operation and platform the fastest of those that compute it correctly, in one
 * table; nothing else in the project chooses. A row of `npm run bench:wasm` stands behind every choice.
 */
import type { Kernels } from './kernels.ts';

/** `core`: WebAssembly. `native`: node:crypto, that is OpenSSL; where it has no ML-DSA, src/crypto has @noble/post-quantum. */
export type By = 'core' | 'native' | 'twin';

interface Choice {
  /** `sha3_256` of less than {@link LONG_MESSAGE_BYTES}. */
  readonly hash: By;
  /** `sha3_256` of as much or more. */
  readonly hashLong: By;
  /** Many hashes in one call: `sha3_256Each`, Merkle roots and paths. */
  readonly hashMany: By;
  /** ML-DSA-65 verification. */
  readonly verify: By;
  /** The kernels with a state: DAG, tally, conflict set. And SHAKE, which no hot path has. */
  readonly rest: By;
}

/** From here on OpenSSL's faster permutation is worth its dearer call. */
export const LONG_MESSAGE_BYTES = 4096;

// Microseconds, one run on an idle machine (AMD EPYC, Node 26.10). The ratios hold elsewhere, the figures do not.
//
//                                       SIMD   scalar   node:crypto   twin
// SHA3-256 of 32 B                      0.40     0.40           1.0    3.5
// SHA3-256 of 512 B                      1.4      1.4           2.0     14
// SHA3-256 of 2 KB                       5.3      5.3           5.3     55
// SHA3-256 of 4 KB                        10       10           9.1    110
// SHA3-256 of 1 000 × 512 B, each        1.0      1.7           2.0     15
// Merkle root of 1 000 × 512 B         1 200    2 000         3 300
// ML-DSA-65, key seen before              15       45           200  1 100
// ML-DSA-65, new key                      65      140           220  2 700
export const FASTEST = {
  /** Node, with or without SIMD. */
  node: { hash: 'core', hashLong: 'native', hashMany: 'core', verify: 'core', rest: 'core' },
  /** Node that may not compile code at run time (`--jitless`) has no WebAssembly, and an interpreter for its twins. */
  nodeWithoutWebAssembly: { hash: 'native', hashLong: 'native', hashMany: 'native', verify: 'native', rest: 'twin' },
  /** There is nothing native there. */
  browser: { hash: 'core', hashLong: 'core', hashMany: 'core', verify: 'core', rest: 'core' },
} as const satisfies Readonly<Record<string, Choice>>;

/** What each has of the kernels. */
export type Implementations = Readonly<Partial<Record<By, Kernels>>>;

/** Kernels made of the fastest of each. Expects every implementation that the choice names. */
export function compose(choice: Choice, all: Implementations): Kernels {
  const [short, long, many, rest] = [
    all[choice.hash]!,
    all[choice.hashLong]!,
    all[choice.hashMany]!,
    all[choice.rest]!,
  ];
  const { sha3_256Each, merkleRoot, merklePath, rootOfMerklePath } = many;
  return {
    ...rest,
    sha3_256: short === long ? short.sha3_256 : (...parts) => (isLong(parts) ? long : short).sha3_256(...parts),
    sha3_256Each,
    merkleRoot,
    merklePath,
    rootOfMerklePath,
    verifies: choice.verify !== 'native',
  };
}

function isLong(parts: readonly Uint8Array[]): boolean {
  let length = 0;
  for (const part of parts) length += part.length;
  return length >= LONG_MESSAGE_BYTES;
}
