/** Imported public keys by their raw bytes: importing one costs more than using it, and the set of keys is small. */
import { createPublicKey, type KeyObject } from 'node:crypto';

type RawKeyType = 'ml-dsa-65' | 'ed25519' | 'x25519';

/** Holds at most `capacity` keys; the one inserted first goes first. */
export class KeyCache {
  readonly #keys = new Map<string, KeyObject>();
  readonly #capacity: number;
  readonly #type: RawKeyType;

  constructor(capacity: number, type: RawKeyType) {
    this.#capacity = capacity;
    this.#type = type;
  }

  /** The key object, or undefined when the bytes are no key of this type. */
  get(raw: Uint8Array): KeyObject | undefined {
    const name = Buffer.from(raw.buffer, raw.byteOffset, raw.length).toString('latin1');
    const known = this.#keys.get(name);
    if (known !== undefined) return known;
    const key = importRaw(raw, this.#type);
    if (key === undefined) return undefined;
    if (this.#keys.size >= this.#capacity) {
      for (const oldest of this.#keys.keys()) {
        this.#keys.delete(oldest);
        break;
      }
    }
    this.#keys.set(name, key);
    return key;
  }
}

/** SubjectPublicKeyInfo prefixes of RFC 8410 §4: older Node imports these two curves as DER only. */
const SPKI_PREFIX = {
  ed25519: Buffer.from('302a300506032b6570032100', 'hex'),
  x25519: Buffer.from('302a300506032b656e032100', 'hex'),
} as const;

/** The key object, or undefined when the bytes are no key of this type. */
export function importRaw(raw: Uint8Array, type: RawKeyType): KeyObject | undefined {
  try {
    if (type === 'ml-dsa-65') {
      return createPublicKey({ key: Buffer.from(raw), format: 'raw-public', asymmetricKeyType: type });
    }
    if (raw.length !== 32) return undefined;
    return createPublicKey({ key: Buffer.concat([SPKI_PREFIX[type], raw]), format: 'der', type: 'spki' });
  } catch {
    // The bytes came from outside and are no key: that is the answer, not an error.
    return undefined;
  }
}
