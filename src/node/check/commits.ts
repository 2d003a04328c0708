import { decodeRef } from '../../core/block.ts';
import { equalBytes } from '../../core/bytes.ts';
import { blocksRootOf, commitDigest, decisionsRootOf, decodeCommit, decodeDecisionLeaf } from '../../core/commit.ts';
import { REF_BYTES } from '../../core/header.ts';
import type { Commit } from '../../core/types.ts';
import * as keys from '../../store/keys.ts';
import { decodeLeaves, LEAVES_PER_CHUNK, type StoredDecision } from '../../store/leaves.ts';
import { type CheckedStore, entriesOf } from './checked-store.ts';

/** leaderRound u64 ‖ decisions u64 ‖ length of the commit u64. */
const COUNTS_BYTES = 24;

export interface CommitCounts {
  /** 0 without any. */
  readonly first: number;
  readonly last: number;
  readonly decisions: number;
  /** Of the last commit; 0 without any. */
  readonly epoch: number;
  readonly lastDigest: Uint8Array | null;
}

/** Every commit: its place in the chain, the roots of its blocks and decisions, and that all of them are there. */
export async function checkCommits(checked: CheckedStore): Promise<CommitCounts> {
  const { disk, findings } = checked;
  const walk = new CommitWalk(checked);
  for (const [key, value] of entriesOf(disk, keys.COMMIT)) {
    await findings.pause();
    const index = keys.readU64(key, 1);
    findings.attempt(
      'COMMIT_DAMAGED',
      () => `Commit ${index}`,
      () => walk.commit(index, Buffer.from(value)),
    );
  }
  await walk.leaves();
  await walk.decisions();
  const { first, last, decided, epoch, previous } = walk;
  return { first, last, decisions: decided, epoch, lastDigest: previous };
}

class CommitWalk {
  readonly #checked: CheckedStore;
  first = 0;
  last = 0;
  decided = 0;
  epoch = 0;
  /** Digest of the commit before; null when that could not be read. */
  previous: Uint8Array | null = null;
  #timestampMs = 0;
  /** Decisions that are found by their ids. */
  #found = 0;

  constructor(checked: CheckedStore) {
    this.#checked = checked;
  }

  commit(index: number, value: Buffer): void {
    const { kernels, findings } = this.#checked;
    const [first, before] = [this.first === 0, this.previous];
    if (first) this.first = index;
    else findings.require(index === this.last + 1, 'COMMIT_MISSING', () => `Commit ${this.last + 1} is missing`);
    const follows = index === this.last + 1;
    this.last = index;
    this.previous = null;
    const [leaderRound, decisions, bytes] = [0, 8, 16].map((at) => keys.readU64(value, at)) as [number, number, number];
    const commit = decodeCommit(value.subarray(COUNTS_BYTES, COUNTS_BYTES + bytes));
    this.previous = commitDigest(kernels, commit);
    const isNamed = commit.index === index && commit.leader.round === leaderRound;
    findings.require(isNamed, 'COMMIT_PLACE', () => `Commit ${index} is stored as another one`);
    if (index === 1) this.#requireChain(commit, commit.chainId);
    else if (!first && follows && before !== null) this.#requireChain(commit, before);
    this.#checkContext(commit);
    this.#checkBlocks(commit, value.subarray(COUNTS_BYTES + bytes));
    this.#checkDecisions(commit, decisions);
  }

  #requireChain({ index, previous }: Commit, expected: Uint8Array): void {
    const message = () => `Commit ${index} does not name the digest of the one before it`;
    this.#checked.findings.require(equalBytes(previous, expected), 'COMMIT_CHAIN', message);
  }

  #checkContext(commit: Commit): void {
    const { committees, findings } = this.#checked;
    const committee = committees[commit.epoch];
    const isKnown = committee !== undefined && equalBytes(committee.hash, commit.committeeHash);
    findings.require(
      isKnown,
      'COMMIT_COMMITTEE',
      () => `Commit ${commit.index} names a committee that the store does not lead to`,
    );
    const isOwn = equalBytes(commit.chainId, committees[0]!.chainId);
    findings.require(isOwn, 'COMMIT_FOREIGN', () => `Commit ${commit.index} is of another chain`);
    const inOrder = commit.epoch >= this.epoch && commit.timestampMs >= this.#timestampMs;
    findings.require(
      inOrder,
      'COMMIT_TIME',
      () => `Commit ${commit.index} is of an earlier epoch or time than the one before it`,
    );
    this.epoch = commit.epoch;
    this.#timestampMs = commit.timestampMs;
  }

  #checkBlocks({ index, blocksRoot }: Commit, bytes: Buffer): void {
    const { kernels, disk, findings } = this.#checked;
    const refs = Array.from({ length: Math.ceil(bytes.length / REF_BYTES) }, (_, i) =>
      decodeRef(bytes.subarray(i * REF_BYTES, (i + 1) * REF_BYTES)),
    );
    const isSame = equalBytes(blocksRootOf(kernels, refs), blocksRoot);
    findings.require(isSame, 'COMMIT_BLOCKS', () => `The blocks of commit ${index} are not those that it names`);
    for (const { digest } of refs) {
      const isHeld = disk.bytes.get(keys.slotKey(digest)) !== undefined;
      findings.require(
        isHeld,
        'BLOCK_MISSING',
        () => `Block ${Buffer.from(digest).toString('hex')} of commit ${index} is missing`,
      );
    }
  }

  #checkDecisions({ index, decisionsRoot }: Commit, count: number): void {
    const { kernels, disk, findings } = this.#checked;
    const stored: StoredDecision[] = [];
    for (let chunk = 0; stored.length < count; chunk++) {
      const leaves = disk.bytes.get(keys.leavesKey(index, chunk));
      if (leaves === undefined) return findings.add('DECISION_MISSING', `Decisions of commit ${index} are missing`);
      stored.push(...decodeLeaves(leaves));
    }
    const root = decisionsRootOf(
      kernels,
      stored.map(({ leaf }) => leaf),
    );
    const isSame = stored.length === count && equalBytes(root, decisionsRoot);
    findings.require(isSame, 'COMMIT_DECISIONS', () => `The decisions of commit ${index} are not those that it names`);
    this.decided += stored.length;
    for (const [position, decision] of stored.entries()) this.#checkDecision(index, position, decision);
  }

  #checkDecision(index: number, position: number, { id, leaf }: StoredDecision): void {
    const { disk, findings } = this.#checked;
    const found = disk.bytes.get(keys.decisionKey(id));
    const [commit, at] = found === undefined ? [0, 0] : [keys.readU64(found), keys.readU64(found, 8)];
    // An id that came back after its expiry has a later decision.
    const isFound = commit > index || (commit === index && at === position);
    const isNamed = equalBytes(decodeDecisionLeaf(leaf).id, id);
    const what = () => `The decision on ${Buffer.from(id).toString('hex')} in commit ${index} is not found by its id`;
    findings.require(isFound && isNamed, 'DECISION_INDEX', what);
    if (commit === index) this.#found += 1;
  }

  /** What a crash left of a commit that it cut off lies behind the last one, and is written again with it. */
  async leaves(): Promise<void> {
    const { disk, findings } = this.#checked;
    for (const [key] of entriesOf(disk, keys.LEAVES)) {
      await findings.pause();
      const [index, chunk] = [keys.readU64(key, 1), keys.readU64(key, 9)];
      if (index > this.last) continue;
      const value = disk.bytes.get(keys.commitKey(index));
      const isOwned = value !== undefined && chunk * LEAVES_PER_CHUNK < keys.readU64(value, 8);
      findings.require(isOwned, 'DECISION_STRAY', () => `There are decisions of commit ${index} that it does not have`);
    }
  }

  async decisions(): Promise<void> {
    const { disk, findings } = this.#checked;
    let count = 0;
    for (const [key, value] of entriesOf(disk, keys.DECISION)) {
      await findings.pause();
      const index = keys.readU64(value);
      if (index <= this.last) count += 1;
      const isKept = index > this.last ? this.#isCutOff(key, value) : index >= this.first;
      const id = key.toString('hex', 1);
      findings.require(
        isKept,
        'DECISION_STRAY',
        () => `The decision on ${id} is in commit ${index}, which is not kept`,
      );
    }
    const stray = count - this.#found;
    findings.require(stray === 0, 'DECISION_STRAY', () => `${stray} decisions are in the index and in no commit`);
  }

  /** True for a decision of a commit that a crash cut off. */
  #isCutOff(key: Buffer, value: Uint8Array): boolean {
    const [index, position] = [keys.readU64(value), keys.readU64(value, 8)];
    const leaves = this.#checked.disk.bytes.get(keys.leavesKey(index, Math.floor(position / LEAVES_PER_CHUNK)));
    const decision = leaves && decodeLeaves(leaves)[position % LEAVES_PER_CHUNK];
    return decision !== undefined && equalBytes(decision.id, key.subarray(1));
  }
}
