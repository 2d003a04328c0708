/**
 * `src/crypto` holds what touches secrets: key pairs, signers, the keystore. Signing, decapsulation and AEAD are done by
 * OpenSSL (node:crypto) or @noble/post-quantum; nothing here implements a primitive. It imports `src/errors.ts` only.
 */
import { createHash, hkdfSync, timingSafeEqual } from 'node:crypto';

/** SHA3-256 (FIPS 202) of the concatenation of the parts. */
export function sha3_256(...parts: readonly Uint8Array[]): Uint8Array {
  const hash = createHash('sha3-256');
  for (const part of parts) hash.update(part);
  return new Uint8Array(hash.digest());
}

/** True when both have the same bytes. Time depends on the lengths only. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}

/** HKDF-SHA-384 (RFC 5869), `length` ≤ 255 × 48 bytes. */
export function hkdfSha384(secret: Uint8Array, salt: Uint8Array, info: Uint8Array, length: number): Uint8Array {
  return new Uint8Array(hkdfSync('sha384', secret, salt, info, length));
}

const encoder = new TextEncoder();

/** UTF-8 bytes of a label. */
export function utf8(text: string): Uint8Array {
  return encoder.encode(text);
}
