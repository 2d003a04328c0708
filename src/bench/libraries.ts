/**
 * SHA3-256 and SHAKE256 by what a user would pick. The libraries are no dependencies of the package: `null` where one is not
 * installed. Their names are no literals of an import: what the package needs is what its imports say.
 */
import { createHash, hash } from 'node:crypto';

export type Hash = (message: Uint8Array) => Uint8Array;

/** The module, or `null` where the package is not installed. */
async function optional<Module>(name: string): Promise<Module | null> {
  try {
    return (await import(name)) as Module;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_MODULE_NOT_FOUND') return null;
    throw error;
  }
}

type NobleSha3 = typeof import('@noble/hashes/sha3.js');
type HashWasm = typeof import('hash-wasm');

const noble = await optional<NobleSha3>('@noble/hashes/sha3.js');
const hasher = (await (await optional<HashWasm>('hash-wasm'))?.createSHA3(256)) ?? null;

/** `node:crypto` twice: as most code has it, and in the one call that newer versions have. */
export const SHA3: Readonly<Record<string, Hash | null>> = {
  'node:crypto': (message) => createHash('sha3-256').update(message).digest(),
  'crypto.hash': (message) => hash('sha3-256', message, 'buffer'),
  'hash-wasm': hasher === null ? null : (message) => hasher.init().update(message).digest('binary'),
  noble: noble?.sha3_256 ?? null,
};

/** Of so many bytes of output. hash-wasm has none. */
export const SHAKE256: Readonly<Record<string, ((message: Uint8Array, bytes: number) => Uint8Array) | null>> = {
  'node:crypto': (message, outputLength) => createHash('shake256', { outputLength }).update(message).digest(),
  noble: noble === null ? null : (message, dkLen) => noble.shake256(message, { dkLen }),
};

/** A column for each library. */
export function perLibrary<Library, Column>(
  libraries: Readonly<Record<string, Library | null>>,
  column: (library: Library) => Column,
): Record<string, Column | null> {
  const columns = Object.entries(libraries).map(([name, library]) => [name, library === null ? null : column(library)]);
  return Object.fromEntries(columns);
}
