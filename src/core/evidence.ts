/**
 * Evidence of an equivocation: two headers that one validator signed for one round. Anybody who knows the committee can check
 * it; a header's lists do not matter for that, so it is as small as two entries of a certificate.
 */
import { PqError } from '../errors.ts';
import type { Kernels } from '../wasm/kernels.ts';
import { HEADER_CONTEXT } from './block.ts';
import { compareBytes, equalBytes } from './bytes.ts';
import { encodeEntry, entryDigest, entryOf, readEntry, type VerifySignature } from './certificate.ts';
import type { Committee } from './committee.ts';
import { OFFSET_BYTES, SszReader, SszWriter } from './ssz.ts';
import type { AuthorIndex, Block, CertificateEntry, Round } from './types.ts';

/** The one with the smaller digest first: two headers make one piece of evidence. */
export interface Evidence {
  readonly first: CertificateEntry;
  readonly second: CertificateEntry;
}

/** What evidence shows. */
export interface Equivocation {
  readonly epoch: number;
  readonly round: Round;
  readonly author: AuthorIndex;
}

/** Offsets of the two. */
const EVIDENCE_FIXED_BYTES = 2 * OFFSET_BYTES;

/** Of two blocks whose signatures were checked. */
export function evidenceOf(kernels: Kernels, one: Block, other: Block): Evidence {
  const [first, second] = [one, other].sort((a, b) => compareBytes(a.ref.digest, b.ref.digest)) as [Block, Block];
  return { first: entryOf(kernels, first), second: entryOf(kernels, second) };
}

/**
 * Checks everything, signatures too. Throws `EVIDENCE_CHAIN`, `EVIDENCE_EPOCH`, `EVIDENCE_AUTHOR` (not in the committee, or not
 * one), `EVIDENCE_ROUND`, `EVIDENCE_SAME` (one header, or the two the wrong way round), `EVIDENCE_SIGNATURE`.
 */
export async function verifyEvidence(
  kernels: Kernels,
  committee: Committee,
  { first, second }: Evidence,
  verifySignature: VerifySignature,
): Promise<Equivocation> {
  const { epoch, round, author } = first.fields;
  const validator = committee.validators[author];
  for (const { fields } of [first, second]) {
    if (!equalBytes(fields.chainId, committee.chainId)) refuse('EVIDENCE_CHAIN', 'of another chain', first);
    if (fields.epoch !== committee.epoch) refuse('EVIDENCE_EPOCH', 'of another epoch than the committee', first);
    if (validator === undefined || fields.author !== author) refuse('EVIDENCE_AUTHOR', 'not of one validator', first);
    if (fields.round !== round) refuse('EVIDENCE_ROUND', 'of two rounds: anybody signs one block in each', first);
  }
  const digests = [entryDigest(kernels, first), entryDigest(kernels, second)] as const;
  if (compareBytes(...digests) >= 0) refuse('EVIDENCE_SAME', 'not two in order', first);
  for (const [i, { signature }] of [first, second].entries()) {
    const valid = await verifySignature(validator!.publicKey, digests[i]!, HEADER_CONTEXT, signature);
    if (valid !== true) refuse('EVIDENCE_SIGNATURE', 'not both signed', first);
  }
  return { epoch, round, author };
}

function refuse(code: string, what: string, { fields }: CertificateEntry): never {
  const { epoch, round, author } = fields;
  throw new PqError(code, `The headers are ${what}: they show nothing.`, { epoch, round, author });
}

/** SSZ: container { first, second } of certificate entries. Throws `SSZ_LIMIT`, `SSZ_LENGTH`, `SSZ_NUMBER`. */
export function encodeEvidence({ first, second }: Evidence): Uint8Array {
  return new SszWriter(EVIDENCE_FIXED_BYTES).variable(encodeEntry(first)).variable(encodeEntry(second)).finish();
}

/** Everything in it is a view of `bytes`. Throws the codes of {@link SszReader}. Says nothing about whether it shows anything. */
export function decodeEvidence(bytes: Uint8Array): Evidence {
  const reader = new SszReader(bytes);
  reader.enter(0, reader.length, EVIDENCE_FIXED_BYTES);
  const firstAt = reader.offset();
  const secondAt = reader.offset();
  return { first: readEntry(reader, firstAt, secondAt), second: readEntry(reader, secondAt, reader.length) };
}
