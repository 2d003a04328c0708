/**
 * The kernels in plain TypeScript: what the WebAssembly core is tested against, and a core for where WebAssembly is not.
 * Written to be read and still tuned: typed arrays, no object per block or key.
 */
import type { Kernels } from '../kernels.ts';
import { TwinAggregator } from './aggregator.ts';
import { TwinConflictSet } from './conflict.ts';
import { TwinDag } from './dag.ts';
import { merklePath, merkleRoot, rootOfMerklePath } from './merkle.ts';
import { TwinVerifier } from './mldsa.ts';
import { TwinNetwork } from './network.ts';
import { sha3_256 } from './sha3.ts';
import { shake } from './shake.ts';
import { TwinTally } from './tally.ts';

export function createTwinKernels(): Kernels {
  return {
    name: 'twin',
    sha3_256,
    sha3_256Each: (prefix, items) => items.map((item) => sha3_256(prefix, item)),
    shake128: (outputBytes, ...parts) => shake(128, outputBytes, parts),
    shake256: (outputBytes, ...parts) => shake(256, outputBytes, parts),
    merkleRoot,
    merklePath,
    rootOfMerklePath,
    createDag: (options) => new TwinDag(options),
    createTally: (options) => new TwinTally(options),
    createConflictSet: (options) => new TwinConflictSet(options),
    createVerifier: (options) => new TwinVerifier(options),
    createNetwork: (options) => new TwinNetwork(options),
    createAggregator: (options) => new TwinAggregator(options),
  };
}
