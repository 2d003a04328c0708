/**
 * The chain of epochs: of every epoch that is over, the certificate of its last commit and the committee that this commit
 * names. Whoever knows genesis can follow it to the committee of any later epoch and needs to trust nobody for it.
 */
import { PqError } from '../errors.ts';
import type { Kernels } from '../wasm/kernels.ts';
import { equalBytes } from './bytes.ts';
import { encodeCertificate, readCertificate, type VerifySignature, verifyCertificate } from './certificate.ts';
import { type Committee, committeeAfter, committeeHash } from './committee.ts';
import { checkClosing } from './epoch-door.ts';
import { MAX_COMMITTEE_BYTES, MAX_EPOCH_LINKS } from './limits.ts';
import { decodeCommittee, encodeCommittee, type Members } from './members.ts';
import { OFFSET_BYTES, refuseAbove, SszReader, SszWriter } from './ssz.ts';
import type { Certificate } from './types.ts';

/** How one epoch leads to the next. */
export interface EpochLink {
  /** Of the last commit of the epoch, alone. */
  readonly certificate: Certificate;
  /** Of the next epoch. */
  readonly members: Members;
}

/** Offsets of certificate and members. */
const LINK_FIXED_BYTES = 2 * OFFSET_BYTES;
/** Offset of the links: the first bytes of an encoding, by which a chain is told from a certificate and from a proof. */
export const EPOCH_CHAIN_FIXED_BYTES = OFFSET_BYTES;

/**
 * The committee that follows on `committee`. Throws `CLOSING_COMMITTEE` when the members are not those that the commit names,
 * and the codes of {@link checkClosing} and {@link verifyCertificate}.
 */
export async function verifyEpochLink(
  kernels: Kernels,
  committee: Committee,
  { certificate, members }: EpochLink,
  verifySignature: VerifySignature,
): Promise<Committee> {
  checkClosing(kernels, committee, certificate);
  const commit = certificate.commits[0]!;
  if (!equalBytes(commit.nextCommitteeHash, committeeHash(kernels, members))) {
    throw new PqError('CLOSING_COMMITTEE', "The members are not those that the epoch's last commit names.", {
      epoch: commit.epoch,
    });
  }
  const { index, digest } = await verifyCertificate(kernels, committee, certificate, verifySignature);
  return committeeAfter(kernels, committee, members, { index, digest, timestampMs: commit.timestampMs });
}

/** SSZ of one link. Throws `SSZ_LIMIT`, `SSZ_LENGTH`, `SSZ_NUMBER`. */
export function encodeEpochLink({ certificate, members }: EpochLink): Uint8Array {
  return new SszWriter(LINK_FIXED_BYTES)
    .variable(encodeCertificate(certificate))
    .variable(encodeCommittee(members.validators, members.parameters))
    .finish();
}

/** Container { links: List[EpochLink, MAX_EPOCH_LINKS] } of encoded links. Throws `SSZ_LIMIT`. */
export function encodeEpochChain(links: readonly Uint8Array[]): Uint8Array {
  refuseAbove(links.length, MAX_EPOCH_LINKS);
  const list = new SszWriter(links.length * OFFSET_BYTES);
  for (const link of links) list.variable(link);
  return new SszWriter(EPOCH_CHAIN_FIXED_BYTES).variable(list.finish()).finish();
}

/** Throws as {@link decodeEpochChain}. */
export function decodeEpochLink(bytes: Uint8Array): EpochLink {
  const reader = new SszReader(bytes);
  return readEpochLink(reader, 0, reader.length);
}

/**
 * Everything in the links is a view of `bytes`. Throws the codes of {@link SszReader}, {@link readCertificate} and
 * {@link decodeCommittee}. Says nothing about whether they prove anything.
 */
export function decodeEpochChain(bytes: Uint8Array): EpochLink[] {
  const reader = new SszReader(bytes);
  reader.enter(0, reader.length, EPOCH_CHAIN_FIXED_BYTES);
  const bounds = reader.enterElements(reader.offset(), reader.length, MAX_EPOCH_LINKS);
  const links: EpochLink[] = [];
  for (let i = 0; i + 1 < bounds.length; i++) links.push(readEpochLink(reader, bounds[i]!, bounds[i + 1]!));
  return links;
}

function readEpochLink(reader: SszReader, start: number, end: number): EpochLink {
  reader.enter(start, end, LINK_FIXED_BYTES);
  const certificateAt = reader.offset();
  const membersAt = reader.offset();
  const members = decodeCommittee(reader.byteList(membersAt, end, MAX_COMMITTEE_BYTES));
  return { certificate: readCertificate(reader, certificateAt, membersAt), members };
}
