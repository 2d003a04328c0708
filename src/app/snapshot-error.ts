import { PqError } from '../errors.ts';

/** Throws `APP_SNAPSHOT_INVALID`. */
export function refuseSnapshot(what: string): never {
  throw new PqError('APP_SNAPSHOT_INVALID', `This is not a snapshot of this application (${what}): take another one`, {
    what,
  });
}
