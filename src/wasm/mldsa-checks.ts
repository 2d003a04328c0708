/** What the `mldsa` kernel and its twin ask of their arguments before they look inside. */
import { checkBound } from './checks.ts';
import type { VerifierOptions } from './kernels.ts';

/** FIPS 204, table 2. */
export const PUBLIC_KEY_BYTES = 1952;
export const SIGNATURE_BYTES = 3309;
/** FIPS 204, algorithm 3: longer contexts verify nothing. */
export const CONTEXT_BYTES_MAX = 255;

/** Throws `KERNEL_OPTIONS` on bad options. */
export function checkVerifierOptions(options: VerifierOptions): void {
  checkBound('maxKeys', options.maxKeys);
}

/** False when the lengths alone say that there is nothing to verify. */
export function haveLengths(publicKey: Uint8Array, context: Uint8Array, signature: Uint8Array): boolean {
  return (
    publicKey.length === PUBLIC_KEY_BYTES && signature.length === SIGNATURE_BYTES && context.length <= CONTEXT_BYTES_MAX
  );
}
