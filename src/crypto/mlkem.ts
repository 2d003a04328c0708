/** ML-KEM-768 (FIPS 203) on two back ends, chosen as in `mldsa.ts`. */
import * as crypto from 'node:crypto';
import { ml_kem768 } from '@noble/post-quantum/ml-kem.js';
import { PqError } from '../errors.ts';

/** FIPS 203, table 3. */
export const ML_KEM_PUBLIC_KEY_BYTES = 1184;
export const ML_KEM_CIPHERTEXT_BYTES = 1088;
export const ML_KEM_SEED_BYTES = 64;
const ALGORITHM = 'ml-kem-768';

export interface MlKemKeyPair {
  /** 1184 bytes. */
  readonly publicKey: Uint8Array;
  /** The 32-byte secret (a pseudo-random one for a forged ciphertext), or undefined for a wrong length. */
  decapsulate(ciphertext: Uint8Array): Promise<Uint8Array | undefined>;
}

export interface Encapsulation {
  /** 1088 bytes. */
  readonly ciphertext: Uint8Array;
  /** 32 bytes. */
  readonly secret: Uint8Array;
}

/** One implementation of ML-KEM-768. */
export interface MlKem {
  readonly name: 'native' | 'noble';
  /** `seed` is d ‖ z (FIPS 203, algorithm 16), 64 bytes; throws `CRYPTO_SEED_SIZE` otherwise. */
  keyPair(seed: Uint8Array): MlKemKeyPair;
  /** Undefined when the key fails the checks of FIPS 203 §7.2 (length, modulus). */
  encapsulate(publicKey: Uint8Array): Promise<Encapsulation | undefined>;
}

function checkSeed(seed: Uint8Array): void {
  if (seed.length !== ML_KEM_SEED_BYTES) {
    throw new PqError('CRYPTO_SEED_SIZE', 'pass a seed of 64 bytes', { length: seed.length });
  }
}

/** OpenSSL, on the thread pool but for the 0.16 ms of making a key. */
export const nativeMlKem: MlKem = {
  name: 'native',
  keyPair(seed) {
    checkSeed(seed);
    const key = crypto.createPrivateKey({ key: Buffer.from(seed), format: 'raw-seed', asymmetricKeyType: ALGORITHM });
    const publicKey = new Uint8Array(crypto.createPublicKey(key).export({ format: 'raw-public' }));
    return {
      publicKey,
      decapsulate: (ciphertext) =>
        new Promise((resolve) => {
          if (ciphertext.length !== ML_KEM_CIPHERTEXT_BYTES) return resolve(undefined);
          crypto.decapsulate(key, ciphertext, (error, secret) => {
            resolve(error === null ? new Uint8Array(secret) : undefined);
          });
        }),
    };
  },
  encapsulate: (publicKey) =>
    new Promise((resolve) => {
      const key = importPublic(publicKey);
      if (key === undefined) return resolve(undefined);
      crypto.encapsulate(key, (error, result) => {
        if (error !== null) resolve(undefined);
        else resolve({ ciphertext: new Uint8Array(result.ciphertext), secret: new Uint8Array(result.sharedKey) });
      });
    }),
};

function importPublic(publicKey: Uint8Array): crypto.KeyObject | undefined {
  if (publicKey.length !== ML_KEM_PUBLIC_KEY_BYTES) return undefined;
  try {
    return crypto.createPublicKey({ key: Buffer.from(publicKey), format: 'raw-public', asymmetricKeyType: ALGORITHM });
  } catch {
    // OpenSSL's modulus check refused bytes that came from outside: the caller gets "no key".
    return undefined;
  }
}

/** Pure JavaScript; blocks the event loop for about a millisecond a call. */
export const nobleMlKem: MlKem = {
  name: 'noble',
  keyPair(seed) {
    checkSeed(seed);
    const { publicKey, secretKey } = ml_kem768.keygen(seed);
    return {
      publicKey,
      decapsulate: async (ciphertext) =>
        ciphertext.length === ML_KEM_CIPHERTEXT_BYTES ? ml_kem768.decapsulate(ciphertext, secretKey) : undefined,
    };
  },
  encapsulate: async (publicKey) => nobleEncapsulate(publicKey),
};

/**
 * Encapsulation with given coins (m of FIPS 203, algorithm 17, 32 bytes), for test vectors; random coins otherwise.
 * Undefined when the key is refused.
 */
export function nobleEncapsulate(publicKey: Uint8Array, coins?: Uint8Array): Encapsulation | undefined {
  if (publicKey.length !== ML_KEM_PUBLIC_KEY_BYTES) return undefined;
  try {
    const { cipherText, sharedSecret } = ml_kem768.encapsulate(publicKey, coins);
    return { ciphertext: cipherText, secret: sharedSecret };
  } catch {
    // noble throws when the key's coefficients exceed the modulus; the key came from outside.
    return undefined;
  }
}

function nativeWorks(): boolean {
  if (typeof crypto.encapsulate !== 'function') return false;
  try {
    return importPublic(nativeMlKem.keyPair(new Uint8Array(ML_KEM_SEED_BYTES)).publicKey) !== undefined;
  } catch {
    // Node before 26 refuses the key format; the answer is the point of asking.
    return false;
  }
}

/** The best back end of this runtime. */
export const mlKem: MlKem = nativeWorks() ? nativeMlKem : nobleMlKem;
