/** A commit as it is hashed: what binds order, decisions, state and models together. */
import { PqError } from '../errors.ts';
import type { Kernels } from '../wasm/kernels.ts';
import { encodeRef } from './block.ts';
import { utf8 } from './bytes.ts';
import { DIGEST_BYTES, REF_BYTES, readRef, writeRef } from './header.ts';
import { SszReader, SszWriter } from './ssz.ts';
import {
  type Commit,
  type CommitDigest,
  type CommitIndex,
  DECISION,
  type Decision,
  type DecisionName,
  type ProposalId,
  REASON,
  type ReasonName,
  type Ref,
} from './types.ts';

/** index u64, leader, timestampMs u64, epoch u32, and eight hashes. */
export const COMMIT_BYTES = 8 + REF_BYTES + 8 + 4 + 8 * DIGEST_BYTES;
/** id, decision u8, reason u8, confidence u16, receipt code u32. */
export const DECISION_LEAF_BYTES = DIGEST_BYTES + 8;

const DIGEST_PREFIX = utf8('pq/commit/1');
const DECISIONS = Object.keys(DECISION) as DecisionName[];
const REASONS = Object.keys(REASON) as ReasonName[];

/** A decision with what its execution gave: what a leaf says. */
export interface ExecutedDecision extends Decision {
  /** Receipt code, 0 is success. u32. */
  readonly receipt: number;
}

/** SSZ of a commit, 314 bytes. Throws `SSZ_NUMBER`, `SSZ_LENGTH`. */
export function encodeCommit(commit: Commit): Uint8Array {
  const writer = new SszWriter(COMMIT_BYTES);
  writeCommit(writer, commit);
  return writer.finish();
}

export function writeCommit(writer: SszWriter, commit: Commit): void {
  writer.u64(commit.index).vector(commit.previous, DIGEST_BYTES);
  writeRef(writer, commit.leader);
  writer
    .u64(commit.timestampMs)
    .vector(commit.blocksRoot, DIGEST_BYTES)
    .vector(commit.decisionsRoot, DIGEST_BYTES)
    .vector(commit.stateRoot, DIGEST_BYTES)
    .vector(commit.modelRoot, DIGEST_BYTES)
    .u32(commit.epoch)
    .vector(commit.committeeHash, DIGEST_BYTES)
    .vector(commit.nextCommitteeHash, DIGEST_BYTES)
    .vector(commit.chainId, DIGEST_BYTES);
}

/** Hashes are views of `bytes`. Throws the codes of {@link SszReader}. */
export function decodeCommit(bytes: Uint8Array): Commit {
  const reader = new SszReader(bytes);
  reader.enterFixed(0, reader.length, COMMIT_BYTES);
  return readCommit(reader);
}

/** Reads the 314 bytes of a commit where the reader stands. */
export function readCommit(reader: SszReader): Commit {
  return {
    index: reader.u64() as CommitIndex,
    previous: reader.vector(DIGEST_BYTES) as CommitDigest,
    leader: readRef(reader),
    timestampMs: reader.u64(),
    blocksRoot: reader.vector(DIGEST_BYTES),
    decisionsRoot: reader.vector(DIGEST_BYTES),
    stateRoot: reader.vector(DIGEST_BYTES),
    modelRoot: reader.vector(DIGEST_BYTES),
    epoch: reader.u32(),
    committeeHash: reader.vector(DIGEST_BYTES),
    nextCommitteeHash: reader.vector(DIGEST_BYTES),
    chainId: reader.vector(DIGEST_BYTES),
  };
}

/** D_k = SHA3-256("pq/commit/1" ‖ SSZ). What validators vote for. */
export function commitDigest(kernels: Kernels, commit: Commit): CommitDigest {
  return kernels.sha3_256(DIGEST_PREFIX, encodeCommit(commit)) as CommitDigest;
}

/** SSZ of (id, decision, reason, confidence, receipt code), 40 bytes: what a proof of one proposal's decision shows. */
export function decisionLeaf(decision: Decision, receipt: number): Uint8Array {
  const writer = new SszWriter(DECISION_LEAF_BYTES);
  writeDecisionLeaf(writer, decision, receipt);
  return writer.finish();
}

export function writeDecisionLeaf(writer: SszWriter, decision: Decision, receipt: number): void {
  writer
    .vector(decision.id, DIGEST_BYTES)
    .u8(DECISION[decision.decision])
    .u8(REASON[decision.reason])
    .u16(decision.confidence)
    .u32(receipt);
}

/** The decision in a leaf. The id is a view of `leaf`. Throws as {@link readDecisionLeaf}, and for other than 40 bytes. */
export function decodeDecisionLeaf(leaf: Uint8Array): ExecutedDecision {
  const reader = new SszReader(leaf);
  reader.enterFixed(0, leaf.length, DECISION_LEAF_BYTES);
  return readDecisionLeaf(reader);
}

/**
 * Reads the 40 bytes of a leaf where the reader stands. Throws `LEAF_DECISION` and `LEAF_REASON` for numbers that mean
 * nothing.
 */
export function readDecisionLeaf(reader: SszReader): ExecutedDecision {
  const id = reader.vector(DIGEST_BYTES) as ProposalId;
  const decisionCode = reader.u8();
  const decision = DECISIONS.find((name) => DECISION[name] === decisionCode);
  if (decision === undefined) {
    throw new PqError('LEAF_DECISION', 'A leaf holds a decision that is not known here.', { decision: decisionCode });
  }
  const reasonCode = reader.u8();
  const reason = REASONS.find((name) => REASON[name] === reasonCode);
  if (reason === undefined) {
    throw new PqError('LEAF_REASON', 'A leaf holds a reason that is not known here.', { reason: reasonCode });
  }
  return { id, decision, reason, confidence: reader.u16(), receipt: reader.u32() };
}

/** Merkle root over the encodings of the refs, in linear order. */
export function blocksRootOf(kernels: Kernels, refs: readonly Ref[]): Uint8Array {
  return kernels.merkleRoot(refs.map(encodeRef));
}

/** Merkle root over the decision leaves, in decision order. */
export function decisionsRootOf(kernels: Kernels, leaves: readonly Uint8Array[]): Uint8Array {
  return kernels.merkleRoot(leaves);
}
