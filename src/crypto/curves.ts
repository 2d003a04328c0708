/** Ed25519 (RFC 8032) and X25519 (RFC 7748) keys from 32-byte seeds, through OpenSSL. */
import {
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  type KeyObject,
  sign,
  verify,
} from 'node:crypto';
import { PqError } from '../errors.ts';
import { importRaw, KeyCache } from './key-cache.ts';

export const CURVE_KEY_BYTES = 32;
export const ED25519_SIGNATURE_BYTES = 64;
const CACHED_KEYS_MAX = 1024;

/** PrivateKeyInfo prefixes of RFC 8410 §7. */
const PKCS8_PREFIX = {
  ed25519: Buffer.from('302e020100300506032b657004220420', 'hex'),
  x25519: Buffer.from('302e020100300506032b656e04220420', 'hex'),
} as const;

const ed25519Keys = new KeyCache(CACHED_KEYS_MAX, 'ed25519');

export interface Ed25519KeyPair {
  /** 32 bytes. */
  readonly publicKey: Uint8Array;
  /** 64 bytes. Synchronous: 60 µs. */
  sign(message: Uint8Array): Uint8Array;
}

export interface X25519KeyPair {
  /** 32 bytes. */
  readonly publicKey: Uint8Array;
  /** The 32-byte shared secret, or undefined when the peer's key is no key or the result is all zero (RFC 7748 §6.1). */
  agree(peer: Uint8Array): Promise<Uint8Array | undefined>;
}

function privateKey(seed: Uint8Array, curve: 'ed25519' | 'x25519'): KeyObject {
  if (seed.length !== CURVE_KEY_BYTES) {
    throw new PqError('CRYPTO_SEED_SIZE', 'pass a seed of 32 bytes', { length: seed.length });
  }
  return createPrivateKey({ key: Buffer.concat([PKCS8_PREFIX[curve], seed]), format: 'der', type: 'pkcs8' });
}

function rawPublic(key: KeyObject): Uint8Array {
  const spki = createPublicKey(key).export({ format: 'der', type: 'spki' });
  return new Uint8Array(spki.subarray(spki.length - CURVE_KEY_BYTES));
}

/** Throws `CRYPTO_SEED_SIZE` unless the seed has 32 bytes. */
export function ed25519KeyPair(seed: Uint8Array): Ed25519KeyPair {
  const key = privateKey(seed, 'ed25519');
  return { publicKey: rawPublic(key), sign: (message) => new Uint8Array(sign(null, message, key)) };
}

/** Never throws: a malformed key or signature is `false`. Runs on the thread pool. */
export function ed25519Verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): Promise<boolean> {
  const key = signature.length === ED25519_SIGNATURE_BYTES ? ed25519Keys.get(publicKey) : undefined;
  if (key === undefined) return Promise.resolve(false);
  return new Promise((resolve) => {
    verify(null, message, key, signature, (error, valid) => resolve(error === null && valid));
  });
}

/** Throws `CRYPTO_SEED_SIZE` unless the seed has 32 bytes. */
export function x25519KeyPair(seed: Uint8Array): X25519KeyPair {
  const key = privateKey(seed, 'x25519');
  return { publicKey: rawPublic(key), agree: (peer) => agree(key, peer) };
}

/** True when somebody can agree with this key on a secret. On the calling thread (0.1 ms). */
export function isX25519Key(publicKey: Uint8Array): boolean {
  const key = importRaw(publicKey, 'x25519');
  if (key === undefined) return false;
  try {
    return diffieHellman({ privateKey: generateKeyPairSync('x25519').privateKey, publicKey: key }).some(
      (byte) => byte !== 0,
    );
  } catch {
    // OpenSSL refuses an all-zero result itself.
    return false;
  }
}

function agree(key: KeyObject, peer: Uint8Array): Promise<Uint8Array | undefined> {
  // Not cached: most of these keys are used for one handshake only.
  const publicKey = importRaw(peer, 'x25519');
  if (publicKey === undefined) return Promise.resolve(undefined);
  return new Promise((resolve) => {
    diffieHellman({ privateKey: key, publicKey }, (error, secret) => {
      // OpenSSL itself refuses an all-zero result; the second check does not rely on that.
      if (error !== null || secret.every((byte) => byte === 0)) resolve(undefined);
      else resolve(new Uint8Array(secret));
    });
  });
}
