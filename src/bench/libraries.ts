/**
 * SHA3-256 by the libraries that a user would pick. They are no dependencies of the package: `null` where one is not
 * installed. Their names are no literals of an import: what the package needs is what its imports say.
 */

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

export const nobleSha3: Hash | null = (await optional<NobleSha3>('@noble/hashes/sha3.js'))?.sha3_256 ?? null;
const hasher = (await (await optional<HashWasm>('hash-wasm'))?.createSHA3(256)) ?? null;
export const hashWasmSha3: Hash | null =
  hasher === null ? null : (message) => hasher.init().update(message).digest('binary');
