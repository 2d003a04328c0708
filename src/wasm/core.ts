/**
 * The kernels on a compiled core. Nothing here touches Node, so a browser uses it too: compile the bytes of `core.wasm`
 * with {@link wasm}, then {@link createCoreKernels}.
 */
import { CoreAggregator } from './aggregator.ts';
import { CoreConflictSet } from './conflict.ts';
import { CoreDag } from './dag.ts';
import { CoreHash } from './hash.ts';
import { CoreInstance } from './instance.ts';
import type { Kernels } from './kernels.ts';
import { CoreMerkle } from './merkle.ts';
import { CoreVerifier } from './mldsa.ts';
import { CoreNetwork } from './network.ts';
import { Staging } from './staging.ts';
import { CoreTally } from './tally.ts';
import type { WasmModule } from './webassembly.ts';

/** Kernels on `module`: hashing on one shared instance, every stateful kernel on an instance of its own. */
export function createCoreKernels(module: WasmModule, name: Exclude<Kernels['name'], 'twin' | 'native'>): Kernels {
  const staging = new Staging(new CoreInstance(module));
  const hash = new CoreHash(staging);
  const merkle = new CoreMerkle(staging, hash);
  return {
    name,
    verifies: true,
    sha3_256: (...parts) => hash.sha3_256(parts),
    sha3_256Each: (prefix, items) => hash.sha3_256Each(prefix, items),
    shake128: (outputBytes, ...parts) => hash.shake(128, outputBytes, parts),
    shake256: (outputBytes, ...parts) => hash.shake(256, outputBytes, parts),
    merkleRoot: (leaves) => merkle.root(leaves),
    merklePath: (leaves, position) => merkle.path(leaves, position),
    rootOfMerklePath: (leaf, path) => merkle.rootOfPath(leaf, path),
    createDag: (options) => new CoreDag(new CoreInstance(module), options),
    createTally: (options) => new CoreTally(new CoreInstance(module), options),
    createConflictSet: (options) => new CoreConflictSet(new CoreInstance(module), options),
    createVerifier: (options) => new CoreVerifier(new CoreInstance(module), options),
    createNetwork: (options) => new CoreNetwork(new CoreInstance(module), options),
    createAggregator: (options) => new CoreAggregator(new CoreInstance(module), options),
  };
}
