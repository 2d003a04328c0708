/**
 * The proof of one proposal: what was decided on it, as a leaf of a commit's decisions, the Merkle path from there to the
 * commit's root, and the certificate that makes this commit final. Whoever has the genesis document needs nothing else.
 */
import { PqError } from '../errors.ts';
import type { Kernels, MerklePath } from '../wasm/kernels.ts';
import { equalBytes } from './bytes.ts';
import {
  type Certified,
  encodeCertificate,
  readCertificate,
  type VerifySignature,
  verifyCertificate,
} from './certificate.ts';
import {
  DECISION_LEAF_BYTES,
  decisionLeaf,
  type ExecutedDecision,
  readDecisionLeaf,
  writeDecisionLeaf,
} from './commit.ts';
import type { Committee } from './committee.ts';
import { DIGEST_BYTES } from './header.ts';
import { MAX_PATH_SIBLINGS } from './limits.ts';
import { rootOfPath } from './merkle-path.ts';
import { OFFSET_BYTES, refuseAbove, SszReader, SszWriter } from './ssz.ts';
import type { Certificate } from './types.ts';

/**
 * Offset of the certificate, the leaf, position u32, count u32, offset of the siblings. It is also the first offset of an
 * encoding, by which a proof is told from a certificate.
 */
export const PROOF_FIXED_BYTES = OFFSET_BYTES + DECISION_LEAF_BYTES + 4 + 4 + OFFSET_BYTES;

export interface ProposalProof {
  /** Its first commit is the one that holds the decision. */
  readonly certificate: Certificate;
  readonly decided: ExecutedDecision;
  /** Of the leaf among the decisions of the commit. */
  readonly path: MerklePath;
}

/**
 * Checks everything, signatures too. Throws the codes of {@link rootOfPath}, `PROOF_ROOT`, and those of
 * {@link verifyCertificate}.
 */
export async function verifyProof(
  kernels: Kernels,
  committee: Committee,
  proof: ProposalProof,
  verifySignature: VerifySignature,
): Promise<Certified> {
  const { certificate, decided, path } = proof;
  const root = rootOfPath(kernels, decisionLeaf(decided, decided.receipt), path);
  const commit = certificate.commits[0];
  // Without any commit the certificate is refused below.
  if (commit !== undefined && !equalBytes(root, commit.decisionsRoot)) {
    throw new PqError('PROOF_ROOT', 'The decision is not among those of the commit: the proof shows nothing.', {
      commit: commit.index,
    });
  }
  return verifyCertificate(kernels, committee, certificate, verifySignature);
}

/** SSZ of a proof. Throws `SSZ_LIMIT`, `SSZ_LENGTH`, `SSZ_NUMBER`. */
export function encodeProof(proof: ProposalProof): Uint8Array {
  const { position, count, siblings } = proof.path;
  refuseAbove(siblings.length, MAX_PATH_SIBLINGS);
  const hashes = new SszWriter(siblings.length * DIGEST_BYTES);
  for (const sibling of siblings) hashes.vector(sibling, DIGEST_BYTES);
  const writer = new SszWriter(PROOF_FIXED_BYTES).variable(encodeCertificate(proof.certificate));
  writeDecisionLeaf(writer, proof.decided, proof.decided.receipt);
  return writer.u32(position).u32(count).variable(hashes.finish()).finish();
}

/**
 * Everything in the proof is a view of `bytes`. Throws the codes of {@link readCertificate} and {@link readDecisionLeaf}. Says
 * nothing about whether it proves anything.
 */
export function decodeProof(bytes: Uint8Array): ProposalProof {
  const reader = new SszReader(bytes);
  reader.enter(0, reader.length, PROOF_FIXED_BYTES);
  const certificateAt = reader.offset();
  const decided = readDecisionLeaf(reader);
  const position = reader.u32();
  const count = reader.u32();
  const siblingsAt = reader.offset();
  const certificate = readCertificate(reader, certificateAt, siblingsAt);
  const siblings: Uint8Array[] = [];
  const length = reader.enterList(siblingsAt, reader.length, DIGEST_BYTES, MAX_PATH_SIBLINGS);
  for (let i = 0; i < length; i++) siblings.push(reader.vector(DIGEST_BYTES));
  return { certificate, decided, path: { position, count, siblings } };
}
