/** The key schedule: TLS 1.3's (RFC 8446 §7.1) with HKDF-SHA-384 and the prefix "qzmq1 ". */
import { createCipheriv, createDecipheriv, createHash, createHmac, createSecretKey, type KeyObject } from 'node:crypto';
import { HASH_BYTES, MAC_BYTES, type Mode, SUITE, type Suite, TAG_BYTES } from './constants.ts';

const PROTOCOL = Buffer.from('QZMQ/1 X25519MLKEM768 ML-DSA-65+Ed25519 SHA384');
const ZEROS = Buffer.alloc(HASH_BYTES);
const EMPTY = Buffer.alloc(0);

/** SHA-384 of the concatenation. */
export function sha384(...parts: readonly Uint8Array[]): Buffer {
  const hash = createHash('sha384');
  for (const part of parts) hash.update(part);
  return hash.digest();
}

/** HMAC-SHA-384 of the concatenation. */
export function hmac(key: Uint8Array | KeyObject, ...parts: readonly Uint8Array[]): Buffer {
  const mac = createHmac('sha384', key);
  for (const part of parts) mac.update(part);
  return mac.digest();
}

/** The first 16 bytes of HMAC(key, label ‖ parts). */
export function shortMac(key: KeyObject, label: string, ...parts: readonly Uint8Array[]): Buffer {
  return hmac(key, Buffer.from(label), ...parts).subarray(0, MAC_BYTES);
}

/** HKDF-Expand-Label of RFC 8446 §7.1 for at most one block of output (48 bytes), which is all that is needed. */
export function expandLabel(secret: Uint8Array, label: string, context: Uint8Array, length: number): Buffer {
  const name = Buffer.from(`qzmq1 ${label}`);
  const info = Buffer.concat([
    Buffer.from([length >> 8, length & 0xff, name.length]),
    name,
    Buffer.from([context.length]),
    context,
  ]);
  return hmac(secret, info, Buffer.from([1])).subarray(0, length);
}

/** P: what both sides must agree on before the first byte. `idR` is 32 zero bytes in client mode. */
export function prologue(chainId: Uint8Array, mode: Mode, idR: Uint8Array): Buffer {
  return Buffer.concat([PROTOCOL, chainId, Buffer.from([mode]), idR]);
}

export interface HandshakeKeys {
  /** The handshake secret: input of the traffic keys. */
  readonly handshakeSecret: Buffer;
  readonly initiator: Buffer;
  readonly responder: Buffer;
}

/** From the two shared secrets (ML-KEM first) and th2 to the secrets that protect RESP and AUTH. */
export function handshakeKeys(kemSecret: Uint8Array, dhSecret: Uint8Array, th2: Uint8Array): HandshakeKeys {
  const early = hmac(ZEROS, ZEROS);
  const handshakeSecret = hmac(expandLabel(early, 'derived', sha384(), HASH_BYTES), kemSecret, dhSecret);
  return {
    handshakeSecret,
    initiator: expandLabel(handshakeSecret, 'i hs', th2, HASH_BYTES),
    responder: expandLabel(handshakeSecret, 'r hs', th2, HASH_BYTES),
  };
}

export interface TrafficKeys {
  readonly initiator: Buffer;
  readonly responder: Buffer;
  /** For binding something else to this session. */
  readonly exporter: Buffer;
}

export function trafficKeys(handshakeSecret: Uint8Array, th4: Uint8Array): TrafficKeys {
  const master = hmac(expandLabel(handshakeSecret, 'derived', sha384(), HASH_BYTES), ZEROS);
  return {
    initiator: expandLabel(master, 'i ap', th4, HASH_BYTES),
    responder: expandLabel(master, 'r ap', th4, HASH_BYTES),
    exporter: expandLabel(master, 'exp', th4, HASH_BYTES),
  };
}

/** The "finished" MAC: proves that whoever sends it has the handshake keys. */
export function finishedMac(secret: Uint8Array, transcript: Uint8Array): Buffer {
  return hmac(expandLabel(secret, 'finished', EMPTY, HASH_BYTES), transcript);
}

/** An AEAD key with its base nonce. */
export interface AeadKey {
  readonly suite: Suite;
  readonly key: KeyObject;
  /** 12 bytes. */
  readonly iv: Buffer;
}

export function aeadKey(secret: Uint8Array, suite: Suite): AeadKey {
  return {
    suite,
    key: createSecretKey(expandLabel(secret, 'key', EMPTY, 32)),
    iv: expandLabel(secret, 'iv', EMPTY, 12),
  };
}

export function cipherFor({ suite, key }: AeadKey, nonce: Uint8Array) {
  const options = { authTagLength: TAG_BYTES };
  return suite === SUITE.AES_256_GCM
    ? createCipheriv('aes-256-gcm', key, nonce, options)
    : createCipheriv('chacha20-poly1305', key, nonce, options);
}

export function decipherFor({ suite, key }: AeadKey, nonce: Uint8Array) {
  const options = { authTagLength: TAG_BYTES };
  return suite === SUITE.AES_256_GCM
    ? createDecipheriv('aes-256-gcm', key, nonce, options)
    : createDecipheriv('chacha20-poly1305', key, nonce, options);
}

/** Seals the one message of a handshake key: nonce = iv. Returns ciphertext ‖ tag. */
export function sealOnce(secret: Uint8Array, suite: Suite, plaintext: Uint8Array, aad: Uint8Array): Buffer {
  const key = aeadKey(secret, suite);
  const cipher = cipherFor(key, key.iv);
  cipher.setAAD(aad, { plaintextLength: plaintext.length });
  const ciphertext = cipher.update(plaintext);
  cipher.final();
  return Buffer.concat([ciphertext, cipher.getAuthTag()]);
}

/** Opens what {@link sealOnce} made, or undefined. */
export function openOnce(secret: Uint8Array, suite: Suite, box: Uint8Array, aad: Uint8Array): Buffer | undefined {
  if (box.length < TAG_BYTES) return undefined;
  const key = aeadKey(secret, suite);
  const decipher = decipherFor(key, key.iv);
  decipher.setAAD(aad, { plaintextLength: box.length - TAG_BYTES });
  decipher.setAuthTag(box.subarray(box.length - TAG_BYTES));
  const plaintext = decipher.update(box.subarray(0, box.length - TAG_BYTES));
  try {
    decipher.final();
  } catch {
    // A wrong tag is the expected answer to forged bytes; the caller stays silent.
    return undefined;
  }
  return plaintext;
}
