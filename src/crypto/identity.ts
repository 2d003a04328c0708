/** Who a validator is: three keys from one 32-byte master seed, and the nodeId that names them. */
import { PqError } from '../errors.ts';
import { hkdfSha384, sha3_256, utf8 } from './bytes.ts';
import { CURVE_KEY_BYTES, type Ed25519KeyPair, ed25519KeyPair, type X25519KeyPair, x25519KeyPair } from './curves.ts';
import { ML_DSA_PUBLIC_KEY_BYTES, ML_DSA_SEED_BYTES, mlDsa, type SigningContext } from './mldsa.ts';

export const MASTER_SEED_BYTES = 32;
/** SHA3-256. */
export const NODE_ID_BYTES = 32;

/** Whatever signs for a validator: a local key, a process behind a socket, a hardware token. */
export interface Signer {
  /** ML-DSA-65, 1952 bytes. */
  readonly publicKey: Uint8Array;
  /** ML-DSA-65 signature with the context, 3309 bytes. Never blocks the event loop with the native back end. */
  sign(message: Uint8Array, context: SigningContext): Promise<Uint8Array>;
}

/** The public half of an identity, as the genesis document lists it. */
export interface PublicIdentity {
  /** SHA3-256(publicKey ‖ ed25519Key ‖ gateKey). */
  readonly nodeId: Uint8Array;
  /** ML-DSA-65. */
  readonly publicKey: Uint8Array;
  readonly ed25519Key: Uint8Array;
  /** X25519: filters who may start a handshake. */
  readonly gateKey: Uint8Array;
}

export interface Identity {
  readonly nodeId: Uint8Array;
  readonly signing: Signer;
  readonly ed25519: Ed25519KeyPair;
  readonly gate: X25519KeyPair;
}

/** SHA3-256 over the three public keys. Throws `CRYPTO_KEY_SIZE` when one has a wrong length. */
export function nodeIdOf(publicKey: Uint8Array, ed25519Key: Uint8Array, gateKey: Uint8Array): Uint8Array {
  const sizesHold =
    publicKey.length === ML_DSA_PUBLIC_KEY_BYTES &&
    ed25519Key.length === CURVE_KEY_BYTES &&
    gateKey.length === CURVE_KEY_BYTES;
  if (!sizesHold) {
    throw new PqError('CRYPTO_KEY_SIZE', 'pass public keys of 1952, 32 and 32 bytes', {
      lengths: [publicKey.length, ed25519Key.length, gateKey.length],
    });
  }
  return sha3_256(publicKey, ed25519Key, gateKey);
}

const SALT = utf8('photon-quasar/identity/1');

/**
 * The seed of one key. HKDF with a label per key, so that none of the three tells anything about another.
 */
function derive(masterSeed: Uint8Array, label: string, length: number): Uint8Array {
  return hkdfSha384(masterSeed, SALT, utf8(label), length);
}

/** All keys of a validator. Throws `CRYPTO_SEED_SIZE` unless the master seed has 32 bytes. */
export function identityFromSeed(masterSeed: Uint8Array): Identity {
  if (masterSeed.length !== MASTER_SEED_BYTES) {
    throw new PqError('CRYPTO_SEED_SIZE', 'pass a master seed of 32 bytes', { length: masterSeed.length });
  }
  const signing = mlDsa.keyPair(derive(masterSeed, 'ml-dsa-65', ML_DSA_SEED_BYTES));
  const ed25519 = ed25519KeyPair(derive(masterSeed, 'ed25519', CURVE_KEY_BYTES));
  const gate = x25519KeyPair(derive(masterSeed, 'gate x25519', CURVE_KEY_BYTES));
  return { nodeId: nodeIdOf(signing.publicKey, ed25519.publicKey, gate.publicKey), signing, ed25519, gate };
}

/** What others may know of an identity. */
export function publicIdentity(identity: Identity): PublicIdentity {
  return {
    nodeId: identity.nodeId,
    publicKey: identity.signing.publicKey,
    ed25519Key: identity.ed25519.publicKey,
    gateKey: identity.gate.publicKey,
  };
}
