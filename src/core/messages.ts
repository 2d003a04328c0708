/** What validators say to each other: one byte for the kind, then SSZ. */
import { PqError } from '../errors.ts';
import { concatBytes } from './bytes.ts';
import { encodeCertificate, readCertificate } from './certificate.ts';
import { COMMIT_BYTES, readCommit, writeCommit } from './commit.ts';
import { DIGEST_BYTES, encodeRefs, REF_BYTES, readRef, readRefs, writeRef } from './header.ts';
import { MAX_BLOCK_BYTES, MAX_COMMIT_BLOCKS, MAX_FETCH_REFS, MAX_MESSAGE_BYTES, MAX_SYNC_COMMITS } from './limits.ts';
import { OFFSET_BYTES, refuseAbove, SszReader, SszWriter } from './ssz.ts';
import type { Certificate, Commit, CommitDigest, CommitIndex, Ref, Round } from './types.ts';

/** A commit and the blocks that it orders, to be fetched and checked by digest. */
export interface SyncedCommit {
  readonly commit: Commit;
  /** In linear order. */
  readonly refs: readonly Ref[];
}

export type Message =
  /** A block that its sender pushes. Its bytes are not decoded yet. */
  | { readonly kind: 'block'; readonly bytes: Uint8Array }
  /** Where a node is: its last commit, the highest round it knows, its own last block. Both sides send it on every session. */
  | {
      readonly kind: 'status';
      readonly epoch: number;
      readonly index: CommitIndex;
      readonly digest: CommitDigest;
      readonly highestRound: Round;
      readonly last: Ref;
    }
  | { readonly kind: 'fetchBlocks'; readonly refs: readonly Ref[] }
  /** Asks for blocks of an epoch, of rounds ≥ fromRound. */
  | { readonly kind: 'fetchRounds'; readonly epoch: number; readonly fromRound: Round }
  /** A block that was asked for. */
  | { readonly kind: 'blockReply'; readonly bytes: Uint8Array }
  /** Asks for `count` (1 … MAX_SYNC_COMMITS) commits from index `from` on. */
  | { readonly kind: 'fetchCommits'; readonly from: CommitIndex; readonly count: number }
  /** A range of commits; the certificate is of the last one. */
  | { readonly kind: 'commitsReply'; readonly commits: readonly SyncedCommit[]; readonly certificate: Certificate }
  /** Asks for what closed an epoch. */
  | { readonly kind: 'fetchClosing'; readonly epoch: number }
  /** The certificate of an epoch's last commit. */
  | { readonly kind: 'closing'; readonly certificate: Certificate }
  /** Something older was asked for: commits before `first`, and their blocks, are kept no more. Others may have them. */
  | { readonly kind: 'pruned'; readonly first: CommitIndex };

const KIND = {
  block: 1,
  status: 2,
  fetchBlocks: 3,
  fetchRounds: 4,
  blockReply: 5,
  fetchCommits: 6,
  commitsReply: 7,
  fetchClosing: 8,
  closing: 9,
  pruned: 10,
} as const satisfies Record<Message['kind'], number>;

/** epoch u32, index u64, digest, highestRound u32, last. */
const STATUS_BYTES = 4 + 8 + DIGEST_BYTES + 4 + REF_BYTES;
/** Commit and offset of its refs. */
const SYNCED_COMMIT_FIXED_BYTES = COMMIT_BYTES + OFFSET_BYTES;
/** Offsets of commits and certificate. */
const COMMITS_REPLY_FIXED_BYTES = 2 * OFFSET_BYTES;

/** Throws `MESSAGE_BYTES`, `MESSAGE_COUNT`, and the codes of {@link SszWriter}. */
export function encodeMessage(message: Message): Uint8Array {
  const encoded = concatBytes(Uint8Array.of(KIND[message.kind]), encodeBody(message));
  requireMessageBytes(encoded.length);
  return encoded;
}

function encodeBody(message: Message): Uint8Array {
  switch (message.kind) {
    case 'block':
    case 'blockReply':
      refuseAbove(message.bytes.length, MAX_BLOCK_BYTES);
      return message.bytes;
    case 'status': {
      const writer = new SszWriter(STATUS_BYTES)
        .u32(message.epoch)
        .u64(message.index)
        .vector(message.digest, DIGEST_BYTES)
        .u32(message.highestRound);
      writeRef(writer, message.last);
      return writer.finish();
    }
    case 'fetchBlocks':
      return encodeRefs(message.refs, MAX_FETCH_REFS);
    case 'fetchRounds':
      return new SszWriter(8).u32(message.epoch).u32(message.fromRound).finish();
    case 'fetchCommits':
      requireCount(message.count);
      return new SszWriter(12).u64(message.from).u32(message.count).finish();
    case 'pruned':
      return new SszWriter(8).u64(message.first).finish();
    case 'commitsReply':
      return encodeCommitsReply(message.commits, message.certificate);
    case 'fetchClosing':
      return new SszWriter(4).u32(message.epoch).finish();
    case 'closing':
      return encodeCertificate(message.certificate);
  }
}

function encodeCommitsReply(commits: readonly SyncedCommit[], certificate: Certificate): Uint8Array {
  refuseAbove(commits.length, MAX_SYNC_COMMITS);
  const list = new SszWriter(commits.length * OFFSET_BYTES);
  for (const { commit, refs } of commits) {
    const writer = new SszWriter(SYNCED_COMMIT_FIXED_BYTES);
    writeCommit(writer, commit);
    list.variable(writer.variable(encodeRefs(refs, MAX_COMMIT_BLOCKS)).finish());
  }
  return new SszWriter(COMMITS_REPLY_FIXED_BYTES)
    .variable(list.finish())
    .variable(encodeCertificate(certificate))
    .finish();
}

/**
 * The one message that `bytes` encodes; byte strings in it are views of `bytes`. Blocks inside are not decoded, and nothing
 * is verified. Throws `MESSAGE_BYTES`, `MESSAGE_KIND`, `MESSAGE_COUNT`, and the codes of {@link SszReader} and of
 * `decodeCertificate`.
 */
export function decodeMessage(bytes: Uint8Array): Message {
  requireMessageBytes(bytes.length);
  const reader = new SszReader(bytes);
  const end = reader.length;
  switch (bytes[0]) {
    case KIND.block:
      return { kind: 'block', bytes: reader.byteList(1, end, MAX_BLOCK_BYTES) };
    case KIND.status:
      return readStatus(reader);
    case KIND.fetchBlocks:
      return { kind: 'fetchBlocks', refs: readRefs(reader, 1, end, MAX_FETCH_REFS) };
    case KIND.fetchRounds:
      reader.enterFixed(1, end, 8);
      return { kind: 'fetchRounds', epoch: reader.u32(), fromRound: reader.u32() as Round };
    case KIND.blockReply:
      return { kind: 'blockReply', bytes: reader.byteList(1, end, MAX_BLOCK_BYTES) };
    case KIND.fetchCommits: {
      reader.enterFixed(1, end, 12);
      const from = reader.u64() as CommitIndex;
      const count = reader.u32();
      requireCount(count);
      return { kind: 'fetchCommits', from, count };
    }
    case KIND.commitsReply:
      return readCommitsReply(reader);
    case KIND.fetchClosing:
      reader.enterFixed(1, end, 4);
      return { kind: 'fetchClosing', epoch: reader.u32() };
    case KIND.closing:
      return { kind: 'closing', certificate: readCertificate(reader, 1, end) };
    case KIND.pruned:
      reader.enterFixed(1, end, 8);
      return { kind: 'pruned', first: reader.u64() as CommitIndex };
    default:
      throw new PqError('MESSAGE_KIND', 'This kind of message is not known here.', { kind: bytes[0] });
  }
}

function readStatus(reader: SszReader): Message {
  reader.enterFixed(1, reader.length, STATUS_BYTES);
  return {
    kind: 'status',
    epoch: reader.u32(),
    index: reader.u64() as CommitIndex,
    digest: reader.vector(DIGEST_BYTES) as CommitDigest,
    highestRound: reader.u32() as Round,
    last: readRef(reader),
  };
}

function readCommitsReply(reader: SszReader): Message {
  const end = reader.length;
  reader.enter(1, end, COMMITS_REPLY_FIXED_BYTES);
  const commitsAt = reader.offset();
  const certificateAt = reader.offset();
  const bounds = reader.enterElements(commitsAt, certificateAt, MAX_SYNC_COMMITS);
  const commits: SyncedCommit[] = [];
  for (let i = 0; i + 1 < bounds.length; i++) {
    reader.enter(bounds[i]!, bounds[i + 1]!, SYNCED_COMMIT_FIXED_BYTES);
    const commit = readCommit(reader);
    commits.push({ commit, refs: readRefs(reader, reader.offset(), bounds[i + 1]!, MAX_COMMIT_BLOCKS) });
  }
  return { kind: 'commitsReply', commits, certificate: readCertificate(reader, certificateAt, end) };
}

function requireMessageBytes(size: number): void {
  if (size < 1 || size > MAX_MESSAGE_BYTES) {
    throw new PqError('MESSAGE_BYTES', `A message has 1 to ${MAX_MESSAGE_BYTES} bytes.`, { size });
  }
}

function requireCount(count: number): void {
  if (count < 1 || count > MAX_SYNC_COMMITS) {
    throw new PqError('MESSAGE_COUNT', `Ask for 1 to ${MAX_SYNC_COMMITS} commits.`, { count });
  }
}
