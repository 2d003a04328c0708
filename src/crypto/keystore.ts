/** The keystore file: one 32-byte master seed under a password, shaped like EIP-2335 (scrypt, AES-256-GCM). */
import { createCipheriv, createDecipheriv, createHash, randomBytes, randomUUID, scrypt } from 'node:crypto';
import { link, open, rename, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { isPqError, PqError } from '../errors.ts';
import { equalBytes } from './bytes.ts';
import { identityFromSeed, MASTER_SEED_BYTES } from './identity.ts';
import { type Keystore, parseKeystore } from './keystore-format.ts';

/** OWASP's recommendation for scrypt: N = 2^17, r = 8, p = 1 (128 MiB). */
const SCRYPT_N = 2 ** 17;
const SCRYPT_R = 8;
const SCRYPT_P = 1;
/** 32 bytes for the cipher, 32 for the checksum, so that neither tells about the other. */
const DERIVED_BYTES = 64;
const IV_BYTES = 12;
const TAG_BYTES = 16;
const FILE_BYTES_MAX = 16 * 1024;

export interface WriteKeystoreOptions {
  /** Cost N of scrypt, a power of two ≥ 2^14. */
  readonly scryptN?: number;
  /** Replace an existing file. Without it an existing file is `KEYSTORE_EXISTS`. */
  readonly overwrite?: boolean;
  readonly description?: string;
}

/** EIP-2335 "Password requirements": NFKD, control codes stripped. */
function passwordBytes(password: string): Buffer {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is stripped
  return Buffer.from(password.normalize('NFKD').replace(/[\u0000-\u001f\u007f-\u009f]/g, ''), 'utf8');
}

function deriveKey(password: string, salt: Uint8Array, n: number, r: number, p: number): Promise<Buffer> {
  // scrypt needs 128·N·r bytes; Node's default limit is 32 MiB.
  const options = { N: n, r, p, maxmem: 128 * n * r + 1024 * 1024 };
  return new Promise((resolve, reject) => {
    scrypt(passwordBytes(password), salt, DERIVED_BYTES, options, (error, key) => {
      if (error === null) resolve(key);
      else reject(error);
    });
  });
}

function checksumOf(derived: Buffer, message: Uint8Array): Buffer {
  return createHash('sha256').update(derived.subarray(32)).update(message).digest();
}

async function encrypt(seed: Uint8Array, password: string, options: WriteKeystoreOptions): Promise<Keystore> {
  const salt = randomBytes(32);
  const iv = randomBytes(IV_BYTES);
  const n = options.scryptN ?? SCRYPT_N;
  const derived = await deriveKey(password, salt, n, SCRYPT_R, SCRYPT_P);
  const cipher = createCipheriv('aes-256-gcm', derived.subarray(0, 32), iv, { authTagLength: TAG_BYTES });
  const message = Buffer.concat([cipher.update(seed), cipher.final(), cipher.getAuthTag()]);
  return {
    crypto: {
      kdf: {
        function: 'scrypt',
        params: { dklen: DERIVED_BYTES, n, r: SCRYPT_R, p: SCRYPT_P, salt: salt.toString('hex') },
        message: '',
      },
      checksum: { function: 'sha256', params: {}, message: checksumOf(derived, message).toString('hex') },
      cipher: { function: 'aes-256-gcm', params: { iv: iv.toString('hex') }, message: message.toString('hex') },
    },
    description: options.description ?? 'photon-quasar validator seed',
    pubkey: Buffer.from(identityFromSeed(seed).nodeId).toString('hex'),
    path: '',
    uuid: randomUUID(),
    version: 4,
  };
}

async function decrypt(keystore: Keystore, password: string, path: string): Promise<Uint8Array> {
  const { kdf, checksum, cipher } = keystore.crypto;
  const { n, r, p, salt } = kdf.params;
  const derived = await deriveKey(password, Buffer.from(salt, 'hex'), n, r, p);
  const message = Buffer.from(cipher.message, 'hex');
  if (!equalBytes(checksumOf(derived, message), Buffer.from(checksum.message, 'hex'))) {
    throw new PqError('KEYSTORE_PASSWORD', `wrong password for ${path} (or the file is damaged); try again`, { path });
  }
  const iv = Buffer.from(cipher.params.iv, 'hex');
  const decipher = createDecipheriv('aes-256-gcm', derived.subarray(0, 32), iv, { authTagLength: TAG_BYTES });
  decipher.setAuthTag(message.subarray(message.length - TAG_BYTES));
  const seed = new Uint8Array(decipher.update(message.subarray(0, message.length - TAG_BYTES)));
  try {
    decipher.final();
  } catch (cause) {
    throw damaged(path, cause);
  }
  if (seed.length !== MASTER_SEED_BYTES || nodeIdHex(seed) !== keystore.pubkey) throw damaged(path);
  return seed;
}

function nodeIdHex(seed: Uint8Array): string {
  return Buffer.from(identityFromSeed(seed).nodeId).toString('hex');
}

function damaged(path: string, cause?: unknown): PqError {
  return new PqError(
    'KEYSTORE_DAMAGED',
    `${path} does not hold what it says; restore it from a backup`,
    { path },
    cause,
  );
}

/**
 * Writes the seed to `path`, mode 0600, all or nothing: a temporary file is synced, then takes the name. Throws
 * `CRYPTO_SEED_SIZE`, `KEYSTORE_EXISTS`, or `KEYSTORE_WRITE`.
 */
export async function writeKeystore(
  path: string,
  seed: Uint8Array,
  password: string,
  options: WriteKeystoreOptions = {},
): Promise<void> {
  const text = `${JSON.stringify(await encrypt(seed, password, options), null, 2)}\n`;
  const temporary = join(dirname(path), `.keystore-${randomUUID()}.tmp`);
  try {
    const file = await open(temporary, 'wx', 0o600);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    if (options.overwrite === true) await rename(temporary, path);
    else await linkNew(temporary, path);
    await syncDirectory(dirname(path));
  } catch (cause) {
    await unlink(temporary).catch(ignoreMissing);
    if (isPqError(cause)) throw cause;
    throw new PqError('KEYSTORE_WRITE', `cannot write ${path}; check the folder and its permissions`, { path }, cause);
  }
}

/** `rename` would silently replace a key; `link` refuses to. */
async function linkNew(temporary: string, path: string): Promise<void> {
  try {
    await link(temporary, path);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'EEXIST') throw cause;
    throw new PqError('KEYSTORE_EXISTS', `${path} exists already; move it away first`, { path }, cause);
  }
  await unlink(temporary);
}

function ignoreMissing(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT') throw error;
}

async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

/**
 * The master seed in the file. Throws `KEYSTORE_MISSING`, `KEYSTORE_PERMISSIONS` (readable or writable by group or
 * others), `KEYSTORE_FORMAT`, `KEYSTORE_PASSWORD`, or `KEYSTORE_DAMAGED`.
 */
export async function readKeystore(path: string, password: string): Promise<Uint8Array> {
  return decrypt(parseKeystore(await readPrivateFile(path), path), password, path);
}

/** Permissions are read from the opened file, so that nobody can swap it in between. */
async function readPrivateFile(path: string): Promise<string> {
  const file = await open(path, 'r').catch((cause: unknown) => {
    throw new PqError('KEYSTORE_MISSING', `cannot open ${path}; create one with \`pq keys new\``, { path }, cause);
  });
  try {
    const { mode, size } = await file.stat();
    if ((mode & 0o077) !== 0) {
      const found = (mode & 0o777).toString(8);
      throw new PqError('KEYSTORE_PERMISSIONS', `${path} has mode ${found}; run \`chmod 600\` on it`, {
        path,
        mode: found,
      });
    }
    if (size > FILE_BYTES_MAX)
      throw new PqError('KEYSTORE_FORMAT', `${path} is too large for a keystore`, { path, size });
    return await file.readFile('utf8');
  } finally {
    await file.close();
  }
}
