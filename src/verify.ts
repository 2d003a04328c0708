/**
 * `photon-quasar/verify` (and `photon-quasar` itself): checks certificates and proofs of decisions anywhere, with nothing
 * but a genesis document that you trust. Runs in any page as an ES module, without a bundler; see docs/verify.md.
 */
import { Verifier } from './verify/verifier.ts';
import { type OpenOptions, openKernels } from './wasm/open.ts';

export { isPqError, PqError } from './errors.ts';
export type { Signer, VerifiedCommit, VerifiedDecision, VerifiedEquivocation, Verifier } from './verify/verifier.ts';
export type { CoreSource, OpenOptions } from './wasm/open.ts';

/**
 * A verifier for the network of `genesis`, the parsed document. `options` say where `core.wasm` is, if it is not with the
 * package's other files. Throws `GENESIS_…`, `JSON_…`, and the codes of `openKernels`.
 */
export async function openVerifier(genesis: unknown, options: OpenOptions = {}): Promise<Verifier> {
  return new Verifier(await openKernels(options), genesis);
}
