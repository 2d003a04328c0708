/**
 * Looks over the store of a validator that is down: checksums, that log and index agree, that every digest is the one of what it
 * names, and that executing everything again gives what is recorded. This folder reads a home and changes nothing in it but its lock.
 */
import * as fs from 'node:fs';
import { join } from 'node:path';
import { equalBytes, toHex } from '../../core/bytes.ts';
import { chainIdOf, type Genesis } from '../../core/genesis.ts';
import { identifyProposal } from '../../core/proposal.ts';
import { isPqError, PqError } from '../../errors.ts';
import * as keys from '../../store/keys.ts';
import { openStoreToRead, type StoreOnDisk } from '../../store/read-only.ts';
import { SnapshotFiles } from '../../store/snapshot-files.ts';
import { loadKernels } from '../../wasm/load.ts';
import { homePaths } from '../home.ts';
import { checkBlocks } from './blocks.ts';
import { checkCertificates, committeesOf } from './certificates.ts';
import { type CheckedStore, entriesOf, signatureCheck } from './checked-store.ts';
import { checkCommits } from './commits.ts';
import { Findings } from './findings.ts';
import { checkRecord } from './record.ts';
import { checkReplay } from './replay.ts';
import type { StoreReport } from './store-report.ts';

export interface CheckOptions {
  readonly home: string;
  readonly genesis: Genesis;
  /** Told what is being done, often. */
  readonly onProgress?: (what: string) => void;
}

/**
 * Checks the store in a home. What is wrong with it is in the report; thrown is what keeps from looking: `STORE_MISSING`,
 * `STORE_LOCKED`, `STORE_FORMAT`, `STORE_IO_FAILED`, `NODE_OTHER_CHAIN`, and `STORE_CORRUPT` when not even log and index can be opened.
 */
export async function checkStore(options: CheckOptions): Promise<StoreReport> {
  const disk = await openStoreToRead(homePaths(options.home).data);
  try {
    requireChain(disk, chainIdOf(loadKernels(), options.genesis));
    return await checkDisk(disk, options);
  } finally {
    await disk.close();
  }
}

/** Throws `NODE_OTHER_CHAIN`. A store that has not got so far as to name its chain is empty. */
export function requireChain({ store }: StoreOnDisk, chainId: Uint8Array): void {
  const found = store.getMeta('chainId');
  if (found === undefined || equalBytes(found, chainId)) return;
  const message = 'This store belongs to another chain: use its genesis document.';
  throw new PqError('NODE_OTHER_CHAIN', message, { found: toHex(found), expected: toHex(chainId) });
}

async function checkDisk(disk: StoreOnDisk, { home, genesis, onProgress }: CheckOptions): Promise<StoreReport> {
  const kernels = loadKernels();
  const paths = homePaths(home);
  const findings = new Findings();
  const tell = onProgress ?? (() => undefined);
  const base = { kernels, disk, signature: signatureCheck(kernels), findings };
  checkLog(disk, findings);
  const committees = await committeesOf(base, genesis);
  const checked: CheckedStore = { ...base, committees };
  tell('checking blocks');
  const blocks = await walk(findings, () => checkBlocks(checked));
  tell('checking commits');
  const commits = await walk(findings, () => checkCommits(checked));
  tell('checking certificates');
  const certificates = await walk(findings, () => checkCertificates(checked));
  await walk(findings, async () => checkProposals(checked));
  const lastSigned = await checkRecord(checked, paths.record);
  const snapshots = SnapshotFiles.openToRead(paths.snapshots);
  const onCommit = (index: number) => tell(`executing commit ${index} of ${disk.store.lastCommitIndex}`);
  // Of what is damaged anyhow it would say nothing new.
  const replayedFrom = findings.count > 0 ? [] : await checkReplay(checked, { genesis, snapshots, onCommit });
  const { log, flushedSequence, store } = disk;
  return {
    ok: findings.count === 0,
    home,
    chainId: toHex(chainIdOf(kernels, genesis)),
    chainName: genesis.chainName,
    epoch: commits?.epoch ?? 0,
    commits: {
      first: commits?.first ?? 0,
      last: commits?.last ?? 0,
      lastDigest: commits?.lastDigest ? toHex(commits.lastDigest) : null,
    },
    decisions: commits?.decisions ?? 0,
    blocks: blocks ?? { signed: 0, unsigned: 0, bytes: 0, lastRound: 0 },
    certificates: certificates ?? { count: 0, last: 0 },
    pendingProposals: store.stats().pendingProposals,
    log: {
      segments: log.segments.length,
      frames: log.frames,
      lastFrame: log.lastSequence,
      indexedFrame: flushedSequence,
      torn: log.torn,
    },
    snapshots: snapshots.indexes.map((index) => ({ index, bytes: snapshots.bytes(index) })),
    lastSigned,
    replayedFrom,
    bytes: {
      log: bytesIn(join(paths.data, 'log')),
      index: bytesIn(join(paths.data, 'lmdb')),
      snapshots: bytesIn(paths.snapshots),
    },
    findings: findings.found,
    findingCount: findings.count,
  };
}

/** A part of the check, unless the index cannot be walked over at all. */
async function walk<Counts>(findings: Findings, part: () => Promise<Counts>): Promise<Counts | undefined> {
  try {
    return await part();
  } catch (error) {
    if (!isPqError(error)) throw error;
    findings.add(error.code, error.message);
    return undefined;
  }
}

function checkLog({ log, flushedSequence, disagreements }: StoreOnDisk, findings: Findings): void {
  for (const { path, position, sequence } of log.torn) {
    // Behind what the index has, a write that was cut off is what a crash leaves.
    const message = () => `Frame ${sequence} of the log, which the index has, is damaged (${path} at ${position})`;
    findings.require(sequence > flushedSequence, 'LOG_DAMAGED', message);
  }
  for (const { key, sequence } of disagreements) {
    findings.add(
      'INDEX_OTHER',
      `Key ${key.toString('hex')} is not in the index as frame ${sequence} of the log wrote it`,
    );
  }
}

function checkProposals({ kernels, disk, findings }: CheckedStore): void {
  for (const [key, value] of entriesOf(disk, keys.PROPOSAL)) {
    const where = () => `The pending proposal ${key.toString('hex', 1)}`;
    const found = findings.attempt('PROPOSAL_DAMAGED', where, () => identifyProposal(kernels, value.subarray(8)));
    if (found === undefined) continue;
    findings.require(equalBytes(found.id, key.subarray(1)), 'PROPOSAL_ID', () => `${where()} is another one`);
  }
}

function bytesIn(directory: string): number {
  if (!fs.existsSync(directory)) return 0;
  return fs.readdirSync(directory).reduce((sum, name) => sum + fs.statSync(join(directory, name)).size, 0);
}
