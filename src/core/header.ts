/** SSZ of a header's parts: refs, votes, commit votes and the fixed fields. `block.ts` and `certificate.ts` put them together. */
import { PqError } from '../errors.ts';
import { MAX_COMMIT_VOTES, MAX_PROPOSALS, MAX_VALIDATORS, MAX_VOTES } from './limits.ts';
import { OFFSET_BYTES, refuseAbove, type SszReader, SszWriter } from './ssz.ts';
import type {
  AuthorIndex,
  Bitlist,
  BlockDigest,
  CommitDigest,
  CommitIndex,
  CommitVote,
  HeaderFields,
  Ref,
  Round,
  Vote,
} from './types.ts';

export const DIGEST_BYTES = 32;
/** round u32, author u16, digest. */
export const REF_BYTES = 38;
/** index u64, digest. */
const COMMIT_VOTE_BYTES = 40;
/** Everything of a header whose size does not vary, without the offsets of its lists. */
export const FIELDS_BYTES = 125;
/** Where the epoch is in the fields: behind version and chainId. */
export const EPOCH_AT = 1 + DIGEST_BYTES;
/** Fixed part of a header: the fields and the offsets of parents, votes and commit votes. */
export const HEADER_FIXED_BYTES = FIELDS_BYTES + 3 * OFFSET_BYTES;
/** target, confidence u16, and the offsets of two bitlists. */
const VOTE_FIXED_BYTES = REF_BYTES + 2 + 2 * OFFSET_BYTES;

/** No bit set. */
export const emptyBitlist: Bitlist = { length: 0, bytes: new Uint8Array(0) };

export function writeRef(writer: SszWriter, ref: Ref): void {
  writer.u32(ref.round).u16(ref.author).vector(ref.digest, DIGEST_BYTES);
}

/** Reads the 38 bytes of a ref where the reader stands; its digest is a view. */
export function readRef(reader: SszReader): Ref {
  return {
    round: reader.u32() as Round,
    author: reader.u16() as AuthorIndex,
    digest: reader.vector(DIGEST_BYTES) as BlockDigest,
  };
}

/** List[Ref, limit]. Throws `SSZ_LIMIT`. */
export function encodeRefs(refs: readonly Ref[], limit: number): Uint8Array {
  refuseAbove(refs.length, limit);
  const writer = new SszWriter(refs.length * REF_BYTES);
  for (const ref of refs) writeRef(writer, ref);
  return writer.finish();
}

export function readRefs(reader: SszReader, start: number, end: number, limit: number): Ref[] {
  const count = reader.enterList(start, end, REF_BYTES, limit);
  const refs: Ref[] = [];
  for (let i = 0; i < count; i++) refs.push(readRef(reader));
  return refs;
}

export function encodeParents(parents: readonly Ref[]): Uint8Array {
  return encodeRefs(parents, MAX_VALIDATORS);
}

export function readParents(reader: SszReader, start: number, end: number): Ref[] {
  return readRefs(reader, start, end, MAX_VALIDATORS);
}

/** List[Vote, MAX_VOTES]. Throws `SSZ_LIMIT`, `SSZ_BITLIST`. */
export function encodeVotes(votes: readonly Vote[]): Uint8Array {
  refuseAbove(votes.length, MAX_VOTES);
  const writer = new SszWriter(votes.length * OFFSET_BYTES);
  for (const vote of votes) writer.variable(encodeVote(vote));
  return writer.finish();
}

export function readVotes(reader: SszReader, start: number, end: number): Vote[] {
  const bounds = reader.enterElements(start, end, MAX_VOTES);
  const votes: Vote[] = [];
  for (let i = 0; i + 1 < bounds.length; i++) votes.push(readVote(reader, bounds[i]!, bounds[i + 1]!));
  return votes;
}

/** What a vote adds to its header: 52 bytes and twice ⌈(proposals of the target + 1) / 8⌉, less for an empty list. */
export function voteBytes(vote: Vote): number {
  return OFFSET_BYTES + VOTE_FIXED_BYTES + (vote.rejects.length >> 3) + 1 + (vote.abstains.length >> 3) + 1;
}

function encodeVote(vote: Vote): Uint8Array {
  const writer = new SszWriter(VOTE_FIXED_BYTES);
  writeRef(writer, vote.target);
  return writer
    .u16(vote.confidence)
    .variable(encodeBitlist(vote.rejects))
    .variable(encodeBitlist(vote.abstains))
    .finish();
}

function readVote(reader: SszReader, start: number, end: number): Vote {
  reader.enter(start, end, VOTE_FIXED_BYTES);
  const target = readRef(reader);
  const confidence = reader.u16();
  const rejectsAt = reader.offset();
  const abstainsAt = reader.offset();
  return {
    target,
    confidence,
    rejects: readBitlist(reader, rejectsAt, abstainsAt),
    abstains: readBitlist(reader, abstainsAt, end),
  };
}

/** The packed bits with the sentinel bit after the last. Throws `SSZ_BITLIST` for a bitlist that is not canonical. */
function encodeBitlist(list: Bitlist): Uint8Array {
  refuseAbove(list.length, MAX_PROPOSALS);
  requireCanonical(list);
  const encoded = new Uint8Array((list.length >> 3) + 1);
  encoded.set(list.bytes);
  encoded[list.length >> 3]! |= 1 << (list.length & 7);
  return encoded;
}

function readBitlist(reader: SszReader, start: number, end: number): Bitlist {
  const length = reader.bitlistLength(start, end, MAX_PROPOSALS);
  if (length === 0) return emptyBitlist;
  const bytes = reader.raw(start, start + ((length + 7) >> 3)).slice();
  // The sentinel shares the last byte of the bits unless they fill it.
  if ((length & 7) !== 0) bytes[bytes.length - 1]! ^= 1 << (length & 7);
  const list = { length, bytes };
  requireCanonical(list);
  return list;
}

/** "Nothing set" is spelled by the empty list only; a second spelling would be a second encoding of one vote. */
function requireCanonical(list: Bitlist): void {
  const { length, bytes } = list;
  const unused = (length & 7) === 0 ? 0 : (bytes[bytes.length - 1] ?? 0) >> (length & 7);
  const canonical =
    bytes.length === (length + 7) >> 3 && unused === 0 && (length === 0 || bytes.some((byte) => byte !== 0));
  if (!canonical) {
    throw new PqError('SSZ_BITLIST', 'A bitlist is either empty or has a set bit, and no bit beyond its length.', {
      length,
      bytes: bytes.length,
    });
  }
}

/** List[CommitVote, MAX_COMMIT_VOTES]. Throws `SSZ_LIMIT`. */
export function encodeCommitVotes(votes: readonly CommitVote[]): Uint8Array {
  refuseAbove(votes.length, MAX_COMMIT_VOTES);
  const writer = new SszWriter(votes.length * COMMIT_VOTE_BYTES);
  for (const vote of votes) writer.u64(vote.index).vector(vote.digest, DIGEST_BYTES);
  return writer.finish();
}

export function readCommitVotes(reader: SszReader, start: number, end: number): CommitVote[] {
  const count = reader.enterList(start, end, COMMIT_VOTE_BYTES, MAX_COMMIT_VOTES);
  const votes: CommitVote[] = [];
  for (let i = 0; i < count; i++) {
    votes.push({ index: reader.u64() as CommitIndex, digest: reader.vector(DIGEST_BYTES) as CommitDigest });
  }
  return votes;
}

export function writeFields(writer: SszWriter, fields: HeaderFields): void {
  writer
    .u8(fields.version)
    .vector(fields.chainId, DIGEST_BYTES)
    .u32(fields.epoch)
    .u32(fields.round)
    .u16(fields.author)
    .u64(fields.timestampMs)
    .vector(fields.payloadRoot, DIGEST_BYTES)
    .u32(fields.payloadBytes)
    .u32(fields.proposals)
    .u16(fields.confidence)
    .vector(fields.modelId, DIGEST_BYTES);
}

/** Reads the 125 bytes of the fixed fields where the reader stands; hashes are views. */
export function readFields(reader: SszReader): HeaderFields {
  return {
    version: reader.u8(),
    chainId: reader.vector(DIGEST_BYTES),
    epoch: reader.u32(),
    round: reader.u32() as Round,
    author: reader.u16() as AuthorIndex,
    timestampMs: reader.u64(),
    payloadRoot: reader.vector(DIGEST_BYTES),
    payloadBytes: reader.u32(),
    proposals: reader.u32(),
    confidence: reader.u16(),
    modelId: reader.vector(DIGEST_BYTES),
  };
}

/** SSZ of the fixed fields alone: what the digest of a header begins with. */
export function encodeFields(fields: HeaderFields): Uint8Array {
  const writer = new SszWriter(FIELDS_BYTES);
  writeFields(writer, fields);
  return writer.finish();
}
