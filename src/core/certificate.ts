/**
 * The quantum certificate: that commit k is final, shown by headers that a quorum signed anyway. The verifier brings committee,
 * threshold and chain id; the certificate brings none of them.
 */
import { PqError } from '../errors.ts';
import type { Kernels } from '../wasm/kernels.ts';
import { HEADER_CONTEXT, headerDigest } from './block.ts';
import { equalBytes } from './bytes.ts';
import { COMMIT_BYTES, commitDigest, readCommit, writeCommit } from './commit.ts';
import { type Committee, StakeSet } from './committee.ts';
import {
  DIGEST_BYTES,
  encodeCommitVotes,
  encodeParents,
  encodeVotes,
  FIELDS_BYTES,
  readCommitVotes,
  readFields,
  writeFields,
} from './header.ts';
import { MAX_CERTIFICATE_COMMITS, MAX_VALIDATORS, SIGNATURE_BYTES } from './limits.ts';
import { OFFSET_BYTES, refuseAbove, requireAscending, SszReader, SszWriter } from './ssz.ts';
import type {
  AuthorIndex,
  Block,
  BlockDigest,
  Certificate,
  CertificateEntry,
  Commit,
  CommitDigest,
  CommitIndex,
} from './types.ts';
import { HEADER_VERSION } from './validity.ts';

/** Fields, two hashes, offset of the commit votes, signature. */
const ENTRY_FIXED_BYTES = FIELDS_BYTES + 2 * DIGEST_BYTES + OFFSET_BYTES + SIGNATURE_BYTES;
/** Offsets of commits and entries. */
const CERTIFICATE_FIXED_BYTES = 2 * OFFSET_BYTES;

/** What a certificate shows: that commit `index` has `digest` and is final. */
export interface Certified {
  readonly index: CommitIndex;
  readonly digest: CommitDigest;
  /** In ascending order. */
  readonly signers: readonly AuthorIndex[];
  /** Of the signers together. */
  readonly stake: number;
}

/** The check of one ML-DSA-65 signature, passed in by whoever has one. */
export type VerifySignature = (
  publicKey: Uint8Array,
  digest: Uint8Array,
  context: Uint8Array,
  signature: Uint8Array,
) => boolean | Promise<boolean>;

/** What `block` contributes to a certificate: its header with hashes in place of parents and votes. */
export function entryOf(kernels: Kernels, block: Block): CertificateEntry {
  const { parents, votes, commitVotes, ...fields } = block.header;
  return {
    fields,
    parentsHash: kernels.sha3_256(encodeParents(parents)),
    votesHash: kernels.sha3_256(encodeVotes(votes)),
    commitVotes,
    signature: block.signature,
  };
}

/** The digest of the block that the entry was made of: what its signature is over. */
export function entryDigest(kernels: Kernels, entry: CertificateEntry): BlockDigest {
  const commitVotesHash = kernels.sha3_256(encodeCommitVotes(entry.commitVotes));
  return headerDigest(kernels, entry.fields, entry.parentsHash, entry.votesHash, commitVotesHash);
}

/**
 * Checks everything, signatures too. Throws as {@link checkCertificate}, and `CERTIFICATE_SIGNATURE` (data: author); what
 * `verifySignature` throws passes through.
 */
export async function verifyCertificate(
  kernels: Kernels,
  committee: Committee,
  certificate: Certificate,
  verifySignature: VerifySignature,
): Promise<Certified> {
  const certified = checkCertificate(kernels, committee, certificate);
  const checks = certificate.entries.map(async (entry) => {
    const { publicKey } = committee.validators[entry.fields.author]!;
    const valid = await verifySignature(publicKey, entryDigest(kernels, entry), HEADER_CONTEXT, entry.signature);
    if (valid !== true) {
      throw new PqError('CERTIFICATE_SIGNATURE', 'A signature does not verify: the certificate proves nothing.', {
        author: entry.fields.author,
      });
    }
  });
  await Promise.all(checks);
  return certified;
}

/**
 * Everything but the signatures. Throws `CERTIFICATE_EMPTY`, `CERTIFICATE_CHAIN`, `CERTIFICATE_EPOCH`, `CERTIFICATE_COMMITTEE`,
 * `CERTIFICATE_LINK`, `CERTIFICATE_VERSION`, `CERTIFICATE_SIGNER_UNKNOWN`, `CERTIFICATE_SIGNER_DUPLICATE`,
 * `CERTIFICATE_SIGNER_UNSORTED`, `CERTIFICATE_VOTE_ORDER`, `CERTIFICATE_VOTE_MISSING`, `CERTIFICATE_VOTE_OTHER`,
 * `CERTIFICATE_STAKE`, and `SSZ_LIMIT` for lists over their limits.
 */
export function checkCertificate(kernels: Kernels, committee: Committee, certificate: Certificate): Certified {
  const { commits, entries } = certificate;
  refuseAbove(commits.length, MAX_CERTIFICATE_COMMITS);
  refuseAbove(entries.length, MAX_VALIDATORS);
  const digests = checkCommits(kernels, committee, commits);
  const voted = { index: commits[commits.length - 1]!.index, digest: digests[digests.length - 1]! };
  checkSignerOrder(entries);
  const signers = new StakeSet(committee);
  for (const entry of entries) {
    checkEntry(committee, entry);
    checkVote(entry, voted);
    signers.add(entry.fields.author);
  }
  if (signers.stake < committee.quorum) {
    throw new PqError('CERTIFICATE_STAKE', 'The signers have less stake than a quorum.', {
      stake: signers.stake,
      quorum: committee.quorum,
    });
  }
  return {
    index: commits[0]!.index,
    digest: digests[0]!,
    signers: entries.map((entry) => entry.fields.author),
    stake: signers.stake,
  };
}

/** Commits of this chain, epoch and committee, each naming the digest of the one before it. Returns their digests. */
function checkCommits(kernels: Kernels, committee: Committee, commits: readonly Commit[]): CommitDigest[] {
  if (commits.length === 0)
    throw new PqError('CERTIFICATE_EMPTY', 'A certificate begins with the commit that it certifies.');
  const digests: CommitDigest[] = [];
  commits.forEach((commit, i) => {
    const data = { commit: commit.index };
    checkPlace(committee, commit, data);
    if (!equalBytes(commit.committeeHash, committee.hash)) {
      throw new PqError(
        'CERTIFICATE_COMMITTEE',
        'The commit names another committee than the one to verify with.',
        data,
      );
    }
    const linked =
      i === 0 || (commit.index === commits[i - 1]!.index + 1 && equalBytes(commit.previous, digests[i - 1]!));
    if (!linked) throw new PqError('CERTIFICATE_LINK', 'The commit does not follow on the one before it.', data);
    digests.push(commitDigest(kernels, commit));
  });
  return digests;
}

function checkEntry(committee: Committee, entry: CertificateEntry): void {
  const { fields } = entry;
  const data = { author: fields.author };
  if (fields.author >= committee.size) {
    throw new PqError('CERTIFICATE_SIGNER_UNKNOWN', 'A signer is not in the committee.', data);
  }
  if (fields.version !== HEADER_VERSION) {
    throw new PqError('CERTIFICATE_VERSION', 'A header is of a version that is not known here.', data);
  }
  checkPlace(committee, fields, data);
}

function checkPlace(
  committee: Committee,
  place: { readonly chainId: Uint8Array; readonly epoch: number },
  data: Readonly<Record<string, unknown>>,
): void {
  if (!equalBytes(place.chainId, committee.chainId)) {
    throw new PqError('CERTIFICATE_CHAIN', 'The certificate is of another chain than the one to verify with.', data);
  }
  if (place.epoch !== committee.epoch) {
    throw new PqError(
      'CERTIFICATE_EPOCH',
      'The certificate is of another epoch than the committee to verify with.',
      data,
    );
  }
}

/** The entry's header votes for exactly the digest that was computed. */
function checkVote(
  entry: CertificateEntry,
  voted: { readonly index: CommitIndex; readonly digest: CommitDigest },
): void {
  const data = { author: entry.fields.author, index: voted.index };
  requireAscending(entry.commitVotes, (a, b) => a.index - b.index, 'CERTIFICATE_VOTE_ORDER', 'Commit votes, by index,');
  const vote = entry.commitVotes.find(({ index }) => index === voted.index);
  if (vote === undefined) {
    throw new PqError(
      'CERTIFICATE_VOTE_MISSING',
      'A header does not vote for the last commit of the certificate.',
      data,
    );
  }
  if (!equalBytes(vote.digest, voted.digest)) {
    throw new PqError('CERTIFICATE_VOTE_OTHER', 'A header votes for another commit of the same index.', data);
  }
}

function checkSignerOrder(entries: readonly CertificateEntry[]): void {
  for (let i = 1; i < entries.length; i++) {
    const author = entries[i]!.fields.author;
    const before = entries[i - 1]!.fields.author;
    if (author === before) {
      throw new PqError('CERTIFICATE_SIGNER_DUPLICATE', 'A signer is counted once only.', { author });
    }
    if (author < before) {
      throw new PqError('CERTIFICATE_SIGNER_UNSORTED', 'Entries are sorted by author.', { author });
    }
  }
}

/** SSZ of a certificate. Throws `SSZ_LIMIT`, `SSZ_LENGTH`, `SSZ_NUMBER`. */
export function encodeCertificate(certificate: Certificate): Uint8Array {
  refuseAbove(certificate.commits.length, MAX_CERTIFICATE_COMMITS);
  refuseAbove(certificate.entries.length, MAX_VALIDATORS);
  const commits = new SszWriter(certificate.commits.length * COMMIT_BYTES);
  for (const commit of certificate.commits) writeCommit(commits, commit);
  const entries = new SszWriter(certificate.entries.length * OFFSET_BYTES);
  for (const entry of certificate.entries) entries.variable(encodeEntry(entry));
  return new SszWriter(CERTIFICATE_FIXED_BYTES).variable(commits.finish()).variable(entries.finish()).finish();
}

/** SSZ of one entry. Throws `SSZ_LIMIT`, `SSZ_LENGTH`, `SSZ_NUMBER`. */
export function encodeEntry(entry: CertificateEntry): Uint8Array {
  const writer = new SszWriter(ENTRY_FIXED_BYTES);
  writeFields(writer, entry.fields);
  return writer
    .vector(entry.parentsHash, DIGEST_BYTES)
    .vector(entry.votesHash, DIGEST_BYTES)
    .variable(encodeCommitVotes(entry.commitVotes))
    .vector(entry.signature, SIGNATURE_BYTES)
    .finish();
}

/**
 * Everything in the certificate is a view of `bytes`. Throws the codes of {@link SszReader}, and for entries out of order
 * `CERTIFICATE_SIGNER_DUPLICATE`, `CERTIFICATE_SIGNER_UNSORTED`. Says nothing about whether it proves anything.
 */
export function decodeCertificate(bytes: Uint8Array): Certificate {
  const reader = new SszReader(bytes);
  return readCertificate(reader, 0, reader.length);
}

/** As {@link decodeCertificate}, for one that fills [start, end) of a larger encoding. */
export function readCertificate(reader: SszReader, start: number, end: number): Certificate {
  reader.enter(start, end, CERTIFICATE_FIXED_BYTES);
  const commitsAt = reader.offset();
  const entriesAt = reader.offset();
  const commits: Commit[] = [];
  const count = reader.enterList(commitsAt, entriesAt, COMMIT_BYTES, MAX_CERTIFICATE_COMMITS);
  for (let i = 0; i < count; i++) commits.push(readCommit(reader));
  const entries: CertificateEntry[] = [];
  const bounds = reader.enterElements(entriesAt, end, MAX_VALIDATORS);
  for (let i = 0; i + 1 < bounds.length; i++) entries.push(readEntry(reader, bounds[i]!, bounds[i + 1]!));
  checkSignerOrder(entries);
  return { commits, entries };
}

/** The entry that fills [start, end) of a larger encoding. */
export function readEntry(reader: SszReader, start: number, end: number): CertificateEntry {
  reader.enter(start, end, ENTRY_FIXED_BYTES);
  const fields = readFields(reader);
  const parentsHash = reader.vector(DIGEST_BYTES);
  const votesHash = reader.vector(DIGEST_BYTES);
  const commitVotesAt = reader.offset();
  const signature = reader.vector(SIGNATURE_BYTES);
  return { fields, parentsHash, votesHash, commitVotes: readCommitVotes(reader, commitVotesAt, end), signature };
}
