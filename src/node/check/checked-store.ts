/** What the parts of a check have in their hands. */
import { HEADER_CONTEXT } from '../../core/block.ts';
import type { Committee } from '../../core/committee.ts';
import { MAX_VALIDATORS } from '../../core/limits.ts';
import { kernelCheck, verify } from '../../crypto/verify.ts';
import { PqError } from '../../errors.ts';
import { type Table, tableEnd, tableStart } from '../../store/keys.ts';
import type { StoreOnDisk } from '../../store/read-only.ts';
import type { Kernels } from '../../wasm/kernels.ts';
import type { Findings } from './findings.ts';

/** True for a signature of a block by this key. */
export type CheckSignature = (
  publicKey: Uint8Array,
  digest: Uint8Array,
  signature: Uint8Array,
) => boolean | Promise<boolean>;

export interface CheckedStore {
  readonly kernels: Kernels;
  readonly disk: StoreOnDisk;
  /** By epoch, as far as the store shows who followed on whom. */
  readonly committees: readonly Committee[];
  readonly signature: CheckSignature;
  readonly findings: Findings;
}

/** By the kernels at once; where OpenSSL is faster, on the thread pool. */
export function signatureCheck(kernels: Kernels): CheckSignature {
  const check = kernelCheck(kernels, MAX_VALIDATORS) ?? verify;
  return (publicKey, digest, signature) => check(publicKey, digest, HEADER_CONTEXT, signature);
}

/** The entries of a table. Throws `STORE_CORRUPT` for keys that do not ascend: a damaged index may lead round in circles. */
export function* entriesOf({ bytes }: StoreOnDisk, table: Table): Generator<readonly [Buffer, Uint8Array]> {
  let previous: Buffer = Buffer.alloc(0);
  for (const entry of bytes.range(tableStart(table), tableEnd(table))) {
    if (Buffer.compare(entry[0], previous) <= 0 || entry[0][0] !== table) {
      const message = 'The keys of the index are out of order: restore the disk from a backup or resync the node';
      throw new PqError('STORE_CORRUPT', message, { table });
    }
    previous = entry[0];
    yield entry;
  }
}
