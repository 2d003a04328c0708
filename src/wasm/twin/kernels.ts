/**
 * The kernels in plain TypeScript: what the WebAssembly core is tested against, and a core for where WebAssembly is not.
 * Written to be read and still tuned: typed arrays, no object per block or key.
 */
import type { Kernels } from '../kernels.ts';
import { TwinAggregator } from './aggregator.ts';
import { TwinConflictSet } from './conflict.ts';
import { TwinDag } from './dag.ts';
import { merkleOver } from './merkle.ts';
import { TwinVerifier } from './mldsa.ts';
import { TwinNetwork } from './network.ts';
import { sha3_256 } from './sha3.ts';
import { shake } from './shake.ts';
import { TwinTally } from './tally.ts';

/** Hashes by `hash`: SHA3-256 in plain TypeScript too, or a faster one of the platform. */
export function createTwinKernels(hash: Kernels['sha3_256'] = sha3_256): Kernels {
  return {
    name: 'twin',
    verifies: true,
    sha3_256: hash,
    sha3_256Each: (prefix, items) => items.map((item) => hash(prefix, item)),
    shake128: (outputBytes, ...parts) => shake(128, outputBytes, parts),
    shake256: (outputBytes, ...parts) => shake(256, outputBytes, parts),
    ...merkleOver(hash),
    createDag: (options) => new TwinDag(options),
    createTally: (options) => new TwinTally(options),
    createConflictSet: (options) => new TwinConflictSet(options),
    createVerifier: (options) => new TwinVerifier(options),
    createNetwork: (options) => new TwinNetwork(options),
    createAggregator: (options) => new TwinAggregator(options),
  };
}
