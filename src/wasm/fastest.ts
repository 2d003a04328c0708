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
  /** The kernels with a state: DAG, tally, conflict set, learning. And SHAKE, which no hot path has. */
  readonly rest: By;
}

/** From here on OpenSSL's faster permutation is worth its dearer call. */
export const LONG_MESSAGE_BYTES = 4096;

// Microseconds, from the run in docs/benchmarks.md; the DAG, the tally, the conflict set and learning have their rows there too, all
// faster than their twins. On another machine the ratios hold, the figures do not.
//
//                                      SIMD  scalar  node:crypto    twin
// SHA3-256 of 32 B                     0.43    0.43         1.09    4.86
// SHA3-256 of 512 B                    1.45    1.48         1.95    21.4
// SHA3-256 of 2 KB                     5.92    6.15         7.07     139
// SHA3-256 of 4 KB                     23.1    18.5         16.9     317
// SHA3-256 of 64 KB                     251     247          201   3 531
// SHA3-256 of 1 000 × 512 B, each      1.52    2.44         3.50    33.2
// Merkle root of 1 000 × 512 B        1 639   2 757        7 462  39 807
// Merkle proof in 1 024 leaves         6.87    6.89         28.2    71.6
// ML-DSA-65, each of 4 known keys      13.0    39.3          183   1 016
// ML-DSA-65, each of 100 known keys    15.7    41.9          164   1 003
// ML-DSA-65, a new key                 55.0     111          181   2 044
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
