import { decodeBlock } from '../../core/block.ts';
import { equalBytes } from '../../core/bytes.ts';
import { commitDigest, decodeCommit } from '../../core/commit.ts';
import { GC_DEPTH_ROUNDS } from '../../core/limits.ts';
import { readSignedRecord, type StoredSignedRecord } from '../../store/signed-record.ts';
import type { CheckedStore } from './checked-store.ts';

const RESTORED =
  'the store is older than the record, or was lost; leave the record as it is, start the node, and let it catch up before you rely on this store';

export interface LastSigned {
  readonly epoch: number;
  /** 0: nothing was signed in this epoch. */
  readonly round: number;
  /** The highest commit voted for; 0 before the first. */
  readonly votedIndex: number;
  /** One of the two slots cannot be read. */
  readonly damaged: boolean;
}

/** The last-signed record, and that the store has what it names. Null when there is none that can be read. */
export async function checkRecord(checked: CheckedStore, path: string): Promise<LastSigned | null> {
  const { findings } = checked;
  const file = await findings.attemptLater(
    'SIGNED_RECORD_CORRUPT',
    () => 'The last-signed record',
    () => readSignedRecord(path),
  );
  if (file === undefined) return null;
  const record = file?.read() ?? null;
  if (file === null || record === null) {
    findings.add('SIGNED_RECORD_MISSING', `There is no last-signed record at ${path}: this key must not sign any more`);
    return null;
  }
  const isOwn = equalBytes(record.chainId, checked.committees[0]!.chainId);
  findings.require(isOwn, 'SIGNED_RECORD_FOREIGN', () => 'The last-signed record is of another chain');
  if (isOwn) {
    checkBlock(checked, record);
    checkVote(checked, record);
  }
  const { epoch, round, votedIndex } = record;
  return { epoch, round, votedIndex, damaged: file.damaged };
}

/** The block that was signed last was durable before the record named it. */
function checkBlock({ kernels, disk, findings }: CheckedStore, record: StoredSignedRecord): void {
  const { epoch, round, digest } = record;
  if (round === 0) return;
  const { store } = disk;
  const oldest = store.firstCommitIndex > 1 ? store.commit(store.firstCommitIndex) : undefined;
  if (oldest !== undefined) {
    const oldestEpoch = decodeCommit(oldest.commit).epoch;
    // It may have been removed with the history that it belongs to.
    if (epoch < oldestEpoch || (epoch === oldestEpoch && round <= oldest.leaderRound - GC_DEPTH_ROUNDS)) return;
  }
  const bytes = store.block(digest);
  if (bytes === undefined) {
    const what = `The block of epoch ${epoch}, round ${round}, which the last-signed record names, is not in the store`;
    return findings.add('SIGNED_BLOCK_MISSING', `${what}: ${RESTORED}`);
  }
  const { header, ref } = decodeBlock(kernels, bytes);
  const isSame = header.epoch === epoch && ref.round === round;
  findings.require(isSame, 'SIGNED_BLOCK_OTHER', () => 'The last-signed record names a block of another round');
}

/** A commit was durable before it was voted for. */
function checkVote({ kernels, disk, findings }: CheckedStore, { votedIndex, votedDigest }: StoredSignedRecord): void {
  const { store } = disk;
  if (votedIndex > store.lastCommitIndex) {
    const what = `The last-signed record has a vote for commit ${votedIndex}; the last one in the store is ${store.lastCommitIndex}`;
    return findings.add('SIGNED_VOTE_MISSING', `${what}: ${RESTORED}`);
  }
  const entry = votedIndex === 0 ? undefined : store.commit(votedIndex);
  if (entry === undefined) return;
  const isSame = equalBytes(commitDigest(kernels, decodeCommit(entry.commit)), votedDigest);
  findings.require(
    isSame,
    'SIGNED_VOTE_OTHER',
    () => `The last-signed record has a vote for another commit ${votedIndex}`,
  );
}
