/** The JSON of a keystore file and its checks. Values outside the stated ranges are refused before any work is done. */
import { PqError } from '../errors.ts';

export interface Keystore {
  readonly crypto: {
    readonly kdf: {
      readonly function: 'scrypt';
      readonly params: {
        readonly dklen: number;
        readonly n: number;
        readonly r: number;
        readonly p: number;
        readonly salt: string;
      };
      readonly message: '';
    };
    readonly checksum: { readonly function: 'sha256'; readonly params: object; readonly message: string };
    /** `message` is ciphertext ‖ 16-byte tag, hex. */
    readonly cipher: {
      readonly function: 'aes-256-gcm';
      readonly params: { readonly iv: string };
      readonly message: string;
    };
  };
  readonly description: string;
  /** nodeId, hex: what the decrypted seed must lead to. */
  readonly pubkey: string;
  readonly path: string;
  readonly uuid: string;
  readonly version: 4;
}

const HEX = /^(?:[0-9a-f]{2})*$/;

/** A cost outside this range is a mistake or an attack on the reader's memory (2^20 · 8 · 128 bytes = 1 GiB). */
const SCRYPT_N_MIN = 2 ** 14;
const SCRYPT_N_MAX = 2 ** 20;

class Shape {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  fail(field: string): never {
    throw new PqError('KEYSTORE_FORMAT', `${this.#path}: field ${field} is not what a version 4 keystore holds`, {
      path: this.#path,
      field,
    });
  }

  object(value: unknown, field: string): Record<string, unknown> {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return this.fail(field);
    return value as Record<string, unknown>;
  }

  hex(value: unknown, field: string, bytes: number): string {
    if (typeof value !== 'string' || value.length !== 2 * bytes || !HEX.test(value)) return this.fail(field);
    return value;
  }

  text(value: unknown, field: string): string {
    return typeof value === 'string' ? value : this.fail(field);
  }

  exactly<T>(value: unknown, expected: T, field: string): T {
    return value === expected ? expected : this.fail(field);
  }
}

/** Reads and checks the text of a keystore file. Throws `KEYSTORE_FORMAT`. */
export function parseKeystore(text: string, path: string): Keystore {
  const shape = new Shape(path);
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new PqError('KEYSTORE_FORMAT', `${path} is not JSON`, { path }, cause);
  }
  const root = shape.object(json, '(root)');
  const crypto = shape.object(root.crypto, 'crypto');
  return {
    crypto: { kdf: parseKdf(shape, crypto.kdf), ...parseCipher(shape, crypto) },
    description: shape.text(root.description, 'description'),
    pubkey: shape.hex(root.pubkey, 'pubkey', 32),
    path: shape.text(root.path, 'path'),
    uuid: shape.text(root.uuid, 'uuid'),
    version: shape.exactly(root.version, 4, 'version'),
  };
}

function parseKdf(shape: Shape, value: unknown): Keystore['crypto']['kdf'] {
  const kdf = shape.object(value, 'crypto.kdf');
  const params = shape.object(kdf.params, 'crypto.kdf.params');
  const n = params.n;
  const isPowerOfTwo = typeof n === 'number' && Number.isInteger(n) && (n & (n - 1)) === 0;
  if (!isPowerOfTwo || n < SCRYPT_N_MIN || n > SCRYPT_N_MAX) return shape.fail('crypto.kdf.params.n');
  return {
    function: shape.exactly(kdf.function, 'scrypt', 'crypto.kdf.function'),
    params: {
      dklen: shape.exactly(params.dklen, 64, 'crypto.kdf.params.dklen'),
      n,
      r: shape.exactly(params.r, 8, 'crypto.kdf.params.r'),
      p: shape.exactly(params.p, 1, 'crypto.kdf.params.p'),
      salt: shape.hex(params.salt, 'crypto.kdf.params.salt', 32),
    },
    message: shape.exactly(kdf.message, '', 'crypto.kdf.message'),
  };
}

function parseCipher(shape: Shape, crypto: Record<string, unknown>): Pick<Keystore['crypto'], 'checksum' | 'cipher'> {
  const checksum = shape.object(crypto.checksum, 'crypto.checksum');
  const cipher = shape.object(crypto.cipher, 'crypto.cipher');
  const params = shape.object(cipher.params, 'crypto.cipher.params');
  return {
    checksum: {
      function: shape.exactly(checksum.function, 'sha256', 'crypto.checksum.function'),
      params: shape.object(checksum.params, 'crypto.checksum.params'),
      message: shape.hex(checksum.message, 'crypto.checksum.message', 32),
    },
    cipher: {
      function: shape.exactly(cipher.function, 'aes-256-gcm', 'crypto.cipher.function'),
      params: { iv: shape.hex(params.iv, 'crypto.cipher.params.iv', 12) },
      message: shape.hex(cipher.message, 'crypto.cipher.message', 32 + 16),
    },
  };
}
