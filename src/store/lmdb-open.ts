import { open, type RootDatabase } from 'lmdb';

export type LmdbRoot = RootDatabase<Uint8Array, Uint8Array>;

/** Address space reserved at once (not disk, not memory); LMDB grows beyond it, but growing under readers costs a remap. */
const MAP_BYTES = 16 * 1024 ** 3;

/** The one way in which both threads open the environment: bytes to bytes, and every commit synced before it returns. */
export function openLmdb(path: string, readOnly = false): LmdbRoot {
  return open<Uint8Array, Uint8Array>({
    path,
    noSubdir: false,
    keyEncoding: 'binary',
    encoding: 'binary',
    overlappingSync: false,
    mapSize: MAP_BYTES,
    readOnly,
  });
}
