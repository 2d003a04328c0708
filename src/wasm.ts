/**
 * `photon-quasar/wasm`: the kernels of the consensus core, on WebAssembly, in browsers and in Node alike.
 *
 * {@link openKernels} gives SHA3-256, SHAKE and Merkle trees at once, and makes the kernels with a state: signature verifiers
 * (ML-DSA-65), block DAGs with their commit rule, tallies of votes, conflict sets, networks that learn, robust aggregation of
 * their gradients. See docs/wasm.md for an example of each.
 * Only public data may enter: there is nothing here that signs, decrypts, or keeps a secret.
 */
export { isPqError, PqError } from './errors.ts';
export {
  BALLOT_CONFIDENCE_BITS,
  type ConflictKernel,
  type ConflictOptions,
  type DagKernel,
  type DagOptions,
  type DecidedSlot,
  type Kernels,
  type MerklePath,
  NO_LEADER,
  OPINION,
  type SignatureCheck,
  type SignatureVerifier,
  type SlotStatus,
  TALLY,
  type TallyKernel,
  type TallyOptions,
  type TallyVote,
  type VerifierOptions,
} from './wasm/kernels.ts';
export type {
  AggregatorKernel,
  AggregatorOptions,
  LearningRate,
  NetworkBatch,
  NetworkKernel,
  NetworkOptions,
} from './wasm/learn.ts';
export { type CoreSource, type OpenOptions, openKernels } from './wasm/open.ts';
