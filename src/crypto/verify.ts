/** Checking ML-DSA-65 signatures with the best back end of this runtime. */
import { mlDsa, type SigningContext } from './mldsa.ts';

/** True when `signature` is one of `publicKey` over `message` with `context`. Never throws on public input. */
export function verify(
  publicKey: Uint8Array,
  message: Uint8Array,
  context: SigningContext,
  signature: Uint8Array,
): Promise<boolean> {
  return mlDsa.verify(publicKey, message, context, signature);
}

/** As {@link verify}, on the calling thread (0.3 ms native). */
export function verifySync(
  publicKey: Uint8Array,
  message: Uint8Array,
  context: SigningContext,
  signature: Uint8Array,
): boolean {
  return mlDsa.verifySync(publicKey, message, context, signature);
}
