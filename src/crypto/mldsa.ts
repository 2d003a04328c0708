/**
 * ML-DSA-65 (FIPS 204, "pure", with a context string) on two back ends: OpenSSL through node:crypto where raw keys can
 * be imported (Node 26), else @noble/post-quantum. Both are held equal by the tests.
 */
import { createPrivateKey, createPublicKey, type KeyObject, sign, verify } from 'node:crypto';
import { ml_dsa65 } from '@noble/post-quantum/ml-dsa.js';
import { PqError } from '../errors.ts';
import { utf8 } from './bytes.ts';
import { KeyCache } from './key-cache.ts';

/** FIPS 204, table 2. */
export const ML_DSA_PUBLIC_KEY_BYTES = 1952;
export const ML_DSA_SIGNATURE_BYTES = 3309;
export const ML_DSA_SEED_BYTES = 32;
/** FIPS 204, algorithm 2: the context is 0 … 255 bytes. */
const CONTEXT_BYTES_MAX = 255;
/** Imported public keys kept ready (importing costs 17 µs): twice a full committee, and clients. */
const CACHED_KEYS_MAX = 1024;
const ALGORITHM = 'ml-dsa-65';

/** Domain of a signature; text stands for its UTF-8 bytes. At most 255 bytes. */
export type SigningContext = string | Uint8Array;

/** A key that signs. The secret stays inside. */
export interface MlDsaKeyPair {
  /** 1952 bytes. */
  readonly publicKey: Uint8Array;
  /** 3309 bytes, hedged: two signatures of one message differ. Throws `CRYPTO_CONTEXT_TOO_LONG`. */
  sign(message: Uint8Array, context: SigningContext): Promise<Uint8Array>;
}

/** One implementation of ML-DSA-65. Verification never throws: a malformed key, context or signature is `false`. */
export interface MlDsa {
  readonly name: 'native' | 'noble';
  /** Throws `CRYPTO_SEED_SIZE` unless `seed` (ξ of FIPS 204, algorithm 6) has 32 bytes. */
  keyPair(seed: Uint8Array): MlDsaKeyPair;
  verify(publicKey: Uint8Array, message: Uint8Array, context: SigningContext, signature: Uint8Array): Promise<boolean>;
  verifySync(publicKey: Uint8Array, message: Uint8Array, context: SigningContext, signature: Uint8Array): boolean;
}

const importedKeys = new KeyCache(CACHED_KEYS_MAX, ALGORITHM);

function contextBytes(context: SigningContext): Uint8Array {
  return typeof context === 'string' ? utf8(context) : context;
}

function signingContext(context: SigningContext): Uint8Array {
  const bytes = contextBytes(context);
  if (bytes.length > CONTEXT_BYTES_MAX) {
    throw new PqError('CRYPTO_CONTEXT_TOO_LONG', 'shorten the signing context to at most 255 bytes', {
      length: bytes.length,
    });
  }
  return bytes;
}

/** Everything about a public input that can be refused without looking inside it. */
function plausible(publicKey: Uint8Array, context: Uint8Array, signature: Uint8Array): boolean {
  return (
    publicKey.length === ML_DSA_PUBLIC_KEY_BYTES &&
    signature.length === ML_DSA_SIGNATURE_BYTES &&
    context.length <= CONTEXT_BYTES_MAX
  );
}

function checkSeed(seed: Uint8Array): void {
  if (seed.length !== ML_DSA_SEED_BYTES) {
    throw new PqError('CRYPTO_SEED_SIZE', 'pass a seed of 32 bytes', { length: seed.length });
  }
}

function signAsync(key: KeyObject, message: Uint8Array, context: Uint8Array): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    sign(null, message, { key, context }, (error, signature) => {
      if (error === null) resolve(new Uint8Array(signature));
      else reject(error);
    });
  });
}

/** OpenSSL. Sign and verify run on the thread pool, so the event loop only waits. */
export const nativeMlDsa: MlDsa = {
  name: 'native',
  keyPair(seed) {
    checkSeed(seed);
    const key = createPrivateKey({ key: Buffer.from(seed), format: 'raw-seed', asymmetricKeyType: ALGORITHM });
    const publicKey = new Uint8Array(createPublicKey(key).export({ format: 'raw-public' }));
    return { publicKey, sign: async (message, context) => signAsync(key, message, signingContext(context)) };
  },
  verify(publicKey, message, context, signature) {
    const bytes = contextBytes(context);
    const key = plausible(publicKey, bytes, signature) ? importedKeys.get(publicKey) : undefined;
    if (key === undefined) return Promise.resolve(false);
    return new Promise((resolve) => {
      verify(null, message, { key, context: bytes }, signature, (error, valid) => resolve(error === null && valid));
    });
  },
  verifySync(publicKey, message, context, signature) {
    const bytes = contextBytes(context);
    const key = plausible(publicKey, bytes, signature) ? importedKeys.get(publicKey) : undefined;
    return key !== undefined && verify(null, message, { key, context: bytes }, signature);
  },
};

/** Pure JavaScript. Blocks the event loop for milliseconds; only for runtimes without the native one. */
export const nobleMlDsa: MlDsa = {
  name: 'noble',
  keyPair(seed) {
    checkSeed(seed);
    const { secretKey, publicKey } = ml_dsa65.keygen(seed);
    return {
      publicKey,
      sign: async (message, context) => ml_dsa65.sign(message, secretKey, { context: signingContext(context) }),
    };
  },
  verify: async (publicKey, message, context, signature) =>
    nobleMlDsa.verifySync(publicKey, message, context, signature),
  verifySync(publicKey, message, context, signature) {
    const bytes = contextBytes(context);
    if (!plausible(publicKey, bytes, signature)) return false;
    return ml_dsa65.verify(signature, message, publicKey, { context: bytes });
  },
};

function nativeWorks(): boolean {
  try {
    const { publicKey } = nativeMlDsa.keyPair(new Uint8Array(ML_DSA_SEED_BYTES));
    return importedKeys.get(publicKey) !== undefined;
  } catch {
    // Node before 26 refuses the key format or does not know the algorithm; the answer is the point of asking.
    return false;
  }
}

/** The best back end of this runtime. */
export const mlDsa: MlDsa = nativeWorks() ? nativeMlDsa : nobleMlDsa;
