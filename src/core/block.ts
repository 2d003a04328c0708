/**
 * A vertex of the DAG: how it is named, built, signed and decoded. The digest leaves the signature out: ML-DSA signing may
 * be hedged, and two signatures of one block must not become two blocks.
 */
import { PqError } from '../errors.ts';
import type { Kernels } from '../wasm/kernels.ts';
import { compareBytes, equalBytes, toHex, utf8 } from './bytes.ts';
import {
  DIGEST_BYTES,
  EPOCH_AT,
  emptyBitlist,
  encodeCommitVotes,
  encodeFields,
  encodeParents,
  encodeVotes,
  FIELDS_BYTES,
  HEADER_FIXED_BYTES,
  REF_BYTES,
  readCommitVotes,
  readFields,
  readParents,
  readRef,
  readVotes,
  writeFields,
  writeRef,
} from './header.ts';
import { MAX_BLOCK_BYTES, MAX_PROPOSALS, SIGNATURE_BYTES } from './limits.ts';
import { attachIds, readProposal } from './proposal.ts';
import { OFFSET_BYTES, refuseAbove, requireAscending, SszReader, SszWriter } from './ssz.ts';
import type {
  Bitlist,
  Block,
  BlockDigest,
  CommitVote,
  Header,
  HeaderFields,
  IdentifiedProposal,
  Proposal,
  Ref,
  SignedBlock,
  Vote,
} from './types.ts';

export { emptyBitlist } from './header.ts';

/** Context string of the ML-DSA-65 signature over a header's digest. */
export const HEADER_CONTEXT = utf8('photon-quasar/header/1');

const DIGEST_PREFIX = utf8('pq/header/1');
/** Offset of the header, signature, offset of the payload. */
const BLOCK_FIXED_BYTES = OFFSET_BYTES + SIGNATURE_BYTES + OFFSET_BYTES;
const UNSIGNED = new Uint8Array(SIGNATURE_BYTES);

/** Slots of the tables below: the digests of a few seconds. */
const KEY_SLOTS = 65_536;

/**
 * The texts of digests used lately, in slots by their first bytes: a digest is looked up many times, as many objects.
 * Whoever makes digests collide gains nothing: then the text is made again.
 */
class KeyTable {
  readonly #digests = new Uint8Array(KEY_SLOTS * DIGEST_BYTES);
  readonly #places = new Float64Array(KEY_SLOTS);
  readonly #keys: string[] = new Array<string>(KEY_SLOTS).fill('');

  /** The text kept for `digest`, 32 bytes, with this place; empty when there is none. */
  find(digest: Uint8Array, place: number): string {
    const slot = slotOf(digest);
    if (this.#places[slot] !== place) return '';
    const from = slot * DIGEST_BYTES;
    for (let i = 0; i < DIGEST_BYTES; i++) if (this.#digests[from + i] !== digest[i]) return '';
    return this.#keys[slot]!;
  }

  keep(digest: Uint8Array, place: number, key: string): string {
    const slot = slotOf(digest);
    this.#digests.set(digest, slot * DIGEST_BYTES);
    this.#places[slot] = place;
    this.#keys[slot] = key;
    return key;
  }
}

function slotOf(digest: Uint8Array): number {
  return digest[0]! | (digest[1]! << 8);
}

const refKeys = new KeyTable();
const digestKeys = new KeyTable();

/** Unique map key of a ref, by all three of its parts: a hostile ref may pair a known digest with another slot. */
export function refKey({ round, author, digest }: Ref): string {
  const place = round * 2 ** 16 + author;
  return refKeys.find(digest, place) || refKeys.keep(digest, place, `${round}.${author}.${digestKey(digest)}`);
}

/** Map key of a digest. */
export function digestKey(digest: Uint8Array): string {
  if (digest.length !== DIGEST_BYTES) return toHex(digest);
  return digestKeys.find(digest, 0) || digestKeys.keep(digest, 0, toHex(digest));
}

/** The total order of refs: (round, author, digest). */
export function compareRefs(a: Ref, b: Ref): number {
  return a.round - b.round || a.author - b.author || compareBytes(a.digest, b.digest);
}

/** SSZ of a ref, 38 bytes. */
export function encodeRef(ref: Ref): Uint8Array {
  const writer = new SszWriter(REF_BYTES);
  writeRef(writer, ref);
  return writer.finish();
}

/** Reads 38 bytes; the digest is a view of them. Throws `SSZ_TRUNCATED`, `SSZ_TRAILING`. */
export function decodeRef(bytes: Uint8Array): Ref {
  const reader = new SszReader(bytes);
  reader.enterFixed(0, reader.length, REF_BYTES);
  return readRef(reader);
}

/** The canonical bitlist of `flags`, one bit each; empty when none is set. */
export function bitlistOf(flags: readonly boolean[] | Uint8Array): Bitlist {
  const bytes = new Uint8Array((flags.length + 7) >> 3);
  let any = false;
  for (let i = 0; i < flags.length; i++) {
    if (!flags[i]) continue;
    bytes[i >> 3]! |= 1 << (i & 7);
    any = true;
  }
  return any ? { length: flags.length, bytes } : emptyBitlist;
}

/** Bit i; false beyond the end, so that an empty list reads as "none set". */
export function bitAt(list: Bitlist, i: number): boolean {
  return i < list.length && ((list.bytes[i >> 3]! >> (i & 7)) & 1) === 1;
}

/**
 * What is signed, and what names the block: H("pq/header/1" ‖ fixed fields ‖ H(parents) ‖ H(votes) ‖ H(commitVotes)).
 * Two-level, so that a certificate entry can carry hashes in place of the lists.
 */
export function headerDigest(
  kernels: Kernels,
  fields: HeaderFields,
  parentsHash: Uint8Array,
  votesHash: Uint8Array,
  commitVotesHash: Uint8Array,
): BlockDigest {
  const fixed = encodeFields(fields);
  return kernels.sha3_256(DIGEST_PREFIX, fixed, parentsHash, votesHash, commitVotesHash) as BlockDigest;
}

/**
 * An unsigned block. Payload root, size and count follow from `proposals`. Throws `BLOCK_BYTES` above MAX_BLOCK_BYTES
 * (`voteBytes` says what a vote takes), `SSZ_LIMIT`, `SSZ_NUMBER`, `SSZ_BITLIST`, and for lists out of order
 * `BLOCK_VOTE_ORDER`, `BLOCK_COMMIT_VOTE_ORDER`. Whether the block is valid is for `checkBlock` to say.
 */
export function buildBlock(
  kernels: Kernels,
  draft: Omit<Header, 'payloadRoot' | 'payloadBytes' | 'proposals'>,
  proposals: readonly IdentifiedProposal[],
): Block {
  requireOrder(draft);
  const leaves = proposals.map((proposal) => proposal.bytes);
  const payload = encodePayload(leaves);
  const header: Header = {
    ...draft,
    payloadRoot: kernels.merkleRoot(leaves),
    payloadBytes: payload.length,
    proposals: proposals.length,
  };
  const parents = encodeParents(header.parents);
  const votes = encodeVotes(header.votes);
  const commitVotes = encodeCommitVotes(header.commitVotes);
  const writer = new SszWriter(HEADER_FIXED_BYTES);
  writeFields(writer, header);
  const headerBytes = writer.variable(parents).variable(votes).variable(commitVotes).finish();
  const bytes = new SszWriter(BLOCK_FIXED_BYTES)
    .variable(headerBytes)
    .vector(UNSIGNED, SIGNATURE_BYTES)
    .variable(payload)
    .finish();
  requireBlockBytes(bytes.length);
  const digest = headerDigest(
    kernels,
    header,
    kernels.sha3_256(parents),
    kernels.sha3_256(votes),
    kernels.sha3_256(commitVotes),
  );
  return { header, ref: refOf(header, digest), signature: UNSIGNED, proposals: [...proposals], bytes };
}

/** The same block with its signature, also in its bytes; the digest does not change. Throws `SSZ_LENGTH`. */
export function signBlock(block: Block, signature: Uint8Array): SignedBlock {
  if (signature.length !== SIGNATURE_BYTES) {
    throw new PqError('SSZ_LENGTH', `An ML-DSA-65 signature has ${SIGNATURE_BYTES} bytes.`, {
      given: signature.length,
    });
  }
  const bytes = block.bytes.slice();
  bytes.set(signature, OFFSET_BYTES);
  return { ...block, signature: bytes.subarray(OFFSET_BYTES, OFFSET_BYTES + SIGNATURE_BYTES), bytes } as SignedBlock;
}

/**
 * The block that `bytes` is the one encoding of, with what follows from the bytes alone: digest, proposal ids, and that the
 * payload is the one that the header names. Everything in it is a view of `bytes`, which must not change any more.
 *
 * Throws `BLOCK_BYTES`, the codes of {@link SszReader}, `BLOCK_VOTE_ORDER`, `BLOCK_COMMIT_VOTE_ORDER`, and
 * `BLOCK_PAYLOAD_BYTES`, `BLOCK_PAYLOAD_COUNT`, `BLOCK_PAYLOAD_ROOT` (hashing comes last).
 */
export function decodeBlock(kernels: Kernels, bytes: Uint8Array): SignedBlock {
  requireBlockBytes(bytes.length);
  const reader = new SszReader(bytes);
  reader.enter(0, reader.length, BLOCK_FIXED_BYTES);
  const headerAt = reader.offset();
  const signature = reader.vector(SIGNATURE_BYTES);
  const payloadAt = reader.offset();

  const { header, parentsAt, votesAt, commitVotesAt } = readHeader(reader, headerAt, payloadAt);
  requireOrder(header);
  if (header.payloadBytes !== reader.length - payloadAt) {
    throw new PqError('BLOCK_PAYLOAD_BYTES', 'The header names another payload size than the block has.', {
      named: header.payloadBytes,
      given: reader.length - payloadAt,
    });
  }
  const { leaves, decoded } = readPayload(reader, payloadAt, reader.length);
  if (header.proposals !== leaves.length) {
    throw new PqError('BLOCK_PAYLOAD_COUNT', 'The header names another number of proposals than the payload has.', {
      named: header.proposals,
      given: leaves.length,
    });
  }
  if (!equalBytes(header.payloadRoot, kernels.merkleRoot(leaves))) {
    throw new PqError('BLOCK_PAYLOAD_ROOT', 'The payload is not the one that the header names.', {
      round: header.round,
      author: header.author,
    });
  }
  const digest = kernels.sha3_256(
    DIGEST_PREFIX,
    reader.raw(headerAt, headerAt + FIELDS_BYTES),
    kernels.sha3_256(reader.raw(parentsAt, votesAt)),
    kernels.sha3_256(reader.raw(votesAt, commitVotesAt)),
    kernels.sha3_256(reader.raw(commitVotesAt, payloadAt)),
  ) as BlockDigest;
  const proposals = attachIds(kernels, leaves, decoded);
  return {
    header,
    ref: refOf(header, digest),
    signature,
    proposals,
    bytes: reader.raw(0, reader.length),
  } as Block as SignedBlock;
}

/** The epoch in the header of an encoded block, without a look at the rest; undefined where no block can be. */
export function epochOfBlock(bytes: Uint8Array): number | undefined {
  const at = BLOCK_FIXED_BYTES + EPOCH_AT;
  if (bytes.length < at + 4) return undefined;
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(at, true);
}

/** Refuses votes not strictly ascending by target, and commit votes not strictly ascending by index. */
function requireOrder(lists: { readonly votes: readonly Vote[]; readonly commitVotes: readonly CommitVote[] }): void {
  const byTarget = (a: Vote, b: Vote) => compareRefs(a.target, b.target);
  requireAscending(lists.votes, byTarget, 'BLOCK_VOTE_ORDER', 'Votes, by target,');
  const byIndex = (a: CommitVote, b: CommitVote) => a.index - b.index;
  requireAscending(lists.commitVotes, byIndex, 'BLOCK_COMMIT_VOTE_ORDER', 'Commit votes, by index,');
}

function requireBlockBytes(size: number): void {
  if (size > MAX_BLOCK_BYTES) {
    throw new PqError('BLOCK_BYTES', `A block has at most ${MAX_BLOCK_BYTES} bytes; put less into it.`, { size });
  }
}

function refOf(header: Header, digest: BlockDigest): Ref {
  return { round: header.round, author: header.author, digest };
}

function readHeader(reader: SszReader, start: number, end: number) {
  reader.enter(start, end, HEADER_FIXED_BYTES);
  const fields = readFields(reader);
  const parentsAt = reader.offset();
  const votesAt = reader.offset();
  const commitVotesAt = reader.offset();
  const header: Header = {
    ...fields,
    parents: readParents(reader, parentsAt, votesAt),
    votes: readVotes(reader, votesAt, commitVotesAt),
    commitVotes: readCommitVotes(reader, commitVotesAt, end),
  };
  return { header, parentsAt, votesAt, commitVotesAt };
}

/** Container { proposals: List[Proposal, MAX_PROPOSALS] }. */
function encodePayload(leaves: readonly Uint8Array[]): Uint8Array {
  refuseAbove(leaves.length, MAX_PROPOSALS);
  const list = new SszWriter(leaves.length * OFFSET_BYTES);
  for (const leaf of leaves) list.variable(leaf);
  return new SszWriter(OFFSET_BYTES).variable(list.finish()).finish();
}

function readPayload(reader: SszReader, start: number, end: number) {
  reader.enter(start, end, OFFSET_BYTES);
  const bounds = reader.enterElements(reader.offset(), end, MAX_PROPOSALS);
  const leaves: Uint8Array[] = [];
  const decoded: Proposal[] = [];
  for (let i = 0; i + 1 < bounds.length; i++) {
    const at = bounds[i]!;
    const next = bounds[i + 1]!;
    decoded.push(readProposal(reader, at, next));
    leaves.push(reader.raw(at, next));
  }
  return { leaves, decoded };
}
