/**
 * Stands in for ML-DSA-65 in the simulator: a keyed hash that is a hundred times cheaper and the same on every run. Nobody
 * in a simulation forges one, because nobody tries to; that forged signatures are refused is tested with real ones.
 */
import { equalBytes, utf8 } from '../core/bytes.ts';
import { PUBLIC_KEY_BYTES, SIGNATURE_BYTES } from '../core/limits.ts';
import type { Signer } from '../crypto/identity.ts';
import type { Kernels } from '../wasm/kernels.ts';

/** Bytes of a public key that tell it from others. */
const NAME_BYTES = 32;
const SECRET = utf8('simulated signature');

/** A public key of its own for every name. */
export function publicKeyOf(kernels: Kernels, name: string): Uint8Array {
  const key = new Uint8Array(PUBLIC_KEY_BYTES);
  key.set(kernels.sha3_256(utf8(name)));
  return key;
}

export function cheapSignature(
  kernels: Kernels,
  publicKey: Uint8Array,
  message: Uint8Array,
  context: Uint8Array | string,
): Uint8Array {
  const signature = new Uint8Array(SIGNATURE_BYTES);
  signature.set(tagOf(kernels, publicKey, message, context));
  return signature;
}

/** A key whose signatures cost nothing, and no time. */
export function cheapSigner(kernels: Kernels, publicKey: Uint8Array): Signer {
  return { publicKey, sign: async (message, context) => cheapSignature(kernels, publicKey, message, context) };
}

/** The same kernels, but that they check cheap signatures. `onCheck` is called for each. */
export function withCheapSignatures(kernels: Kernels, onCheck: () => void): Kernels {
  const verify = (publicKey: Uint8Array, message: Uint8Array, context: Uint8Array, signature: Uint8Array): boolean => {
    onCheck();
    if (signature.length !== SIGNATURE_BYTES || publicKey.length !== PUBLIC_KEY_BYTES) return false;
    const tag = tagOf(kernels, publicKey, message, context);
    return equalBytes(tag, signature.subarray(0, tag.length));
  };
  return {
    ...kernels,
    verifies: true,
    createVerifier: () => ({
      verify,
      verifyEach: (checks) => checks.map((each) => verify(each.publicKey, each.message, each.context, each.signature)),
    }),
  };
}

function tagOf(kernels: Kernels, publicKey: Uint8Array, message: Uint8Array, context: Uint8Array | string): Uint8Array {
  const named = publicKey.subarray(0, NAME_BYTES);
  return kernels.sha3_256(SECRET, named, typeof context === 'string' ? utf8(context) : context, message);
}
