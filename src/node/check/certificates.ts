import { equalBytes } from '../../core/bytes.ts';
import { decodeCertificate, verifyCertificate } from '../../core/certificate.ts';
import { commitDigest, decodeCommit } from '../../core/commit.ts';
import { type Committee, committeeOf } from '../../core/committee.ts';
import { verifyEpochLink } from '../../core/epoch-chain.ts';
import type { Genesis } from '../../core/genesis.ts';
import { PqError } from '../../errors.ts';
import * as keys from '../../store/keys.ts';
import { Epochs } from '../epochs.ts';
import { type CheckedStore, entriesOf } from './checked-store.ts';

type Parts = Omit<CheckedStore, 'committees'>;

export interface CertificateCounts {
  readonly count: number;
  /** The newest commit that a stored certificate begins with; 0 without any. */
  readonly last: number;
}

/** Who decided in each epoch: from genesis along what closed them, as far as the store has it. */
export async function committeesOf(parts: Parts, genesis: Genesis): Promise<Committee[]> {
  const { kernels, disk, findings } = parts;
  const committees = [committeeOf(kernels, genesis)];
  const epochs = new Epochs(disk.store);
  for (let epoch = 0; ; epoch++) {
    const what = () => `What closed epoch ${epoch}`;
    const next = await findings.attemptLater('EPOCH_LINK', what, async () => {
      const link = epochs.link(epoch);
      return link && verifyEpochLink(kernels, committees[epoch]!, link, signatureOf(parts));
    });
    if (next === undefined) return committees;
    committees.push(next);
  }
}

/** Every stored certificate proves the commit that it is stored for. */
export async function checkCertificates(checked: CheckedStore): Promise<CertificateCounts> {
  const { disk, findings } = checked;
  const counts = { count: 0, last: 0 };
  for (const [key, bytes] of entriesOf(disk, keys.CERTIFICATE)) {
    await findings.pause();
    const index = keys.readU64(key, 1);
    counts.count += 1;
    counts.last = index;
    const what = () => `The certificate of commit ${index}`;
    await findings.attemptLater('CERTIFICATE_DAMAGED', what, () => checkOne(checked, index, bytes));
  }
  return counts;
}

async function checkOne(checked: CheckedStore, index: number, bytes: Uint8Array): Promise<void> {
  const { kernels, disk, committees } = checked;
  const certificate = decodeCertificate(bytes);
  const committee = committees[certificate.commits[0]?.epoch ?? 0];
  if (committee === undefined) throw new PqError('CERTIFICATE_EPOCH', 'who decided then is not in the store');
  const certified = await verifyCertificate(kernels, committee, certificate, signatureOf(checked));
  const value = disk.bytes.get(keys.commitKey(index));
  const commit = value && decodeCommit(value.subarray(24, 24 + keys.readU64(value, 16)));
  // A commit that is kept no more is as good as its certificate.
  const isSame = commit === undefined || equalBytes(commitDigest(kernels, commit), certified.digest);
  if (certified.index !== index || !isSame) throw new PqError('CERTIFICATE_OTHER', 'it is of another commit');
}

function signatureOf({ signature }: Parts) {
  return (publicKey: Uint8Array, digest: Uint8Array, _: Uint8Array, bytes: Uint8Array) =>
    signature(publicKey, digest, bytes);
}
