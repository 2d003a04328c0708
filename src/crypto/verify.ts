/** Checking ML-DSA-65 signatures with the best back end of this runtime. */
import { utf8 } from './bytes.ts';
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

/** As {@link verify}, on the calling thread (0.2 ms native). */
export function verifySync(
  publicKey: Uint8Array,
  message: Uint8Array,
  context: SigningContext,
  signature: Uint8Array,
): boolean {
  return mlDsa.verifySync(publicKey, message, context, signature);
}

type Check = (publicKey: Uint8Array, message: Uint8Array, context: SigningContext, signature: Uint8Array) => boolean;

/** What is needed of the kernels (`src/wasm/kernels.ts`): this folder imports nothing. */
interface VerifyingKernels {
  readonly verifies: boolean;
  createVerifier(options: { readonly maxKeys: number }): {
    verify(publicKey: Uint8Array, message: Uint8Array, context: Uint8Array, signature: Uint8Array): boolean;
  };
}

/**
 * A check on the calling thread by the kernels, for keys that come again: it holds the last `maxKeys`, 38 KiB each.
 * Undefined where OpenSSL is faster (`src/wasm/fastest.ts`): use {@link verify} and {@link verifySync} then.
 *
 * The core is taken because handing one check to the thread pool costs the calling thread more (27 µs) than the whole
 * check of a held key takes: one machine, Node 26.
 */
export function kernelCheck(kernels: VerifyingKernels, maxKeys: number): Check | undefined {
  if (!kernels.verifies) return undefined;
  const verifier = kernels.createVerifier({ maxKeys });
  return (publicKey, message, context, signature) =>
    verifier.verify(publicKey, message, typeof context === 'string' ? utf8(context) : context, signature);
}
