/** What a client submits: its canonical encoding and its id. */
import type { Kernels } from '../wasm/kernels.ts';
import { utf8 } from './bytes.ts';
import { MAX_BODY_BYTES, MAX_PROPOSAL_SIGNATURE_BYTES, MAX_SENDER_BYTES } from './limits.ts';
import { refuseAbove, SszReader, SszWriter } from './ssz.ts';
import type { IdentifiedProposal, Proposal, ProposalId } from './types.ts';

/** version u8, kind u16, expiryMs u64, and the offsets of sender, body and signature. */
const FIXED_BYTES = 23;
const ID_PREFIX = utf8('pq/proposal/1');

/** SSZ of a proposal. Throws `SSZ_NUMBER`, `SSZ_LIMIT`. */
export function encodeProposal(proposal: Proposal): Uint8Array {
  refuseAbove(proposal.sender.length, MAX_SENDER_BYTES);
  refuseAbove(proposal.body.length, MAX_BODY_BYTES);
  refuseAbove(proposal.signature.length, MAX_PROPOSAL_SIGNATURE_BYTES);
  return new SszWriter(FIXED_BYTES)
    .u8(proposal.version)
    .u16(proposal.kind)
    .u64(proposal.expiryMs)
    .variable(proposal.sender)
    .variable(proposal.body)
    .variable(proposal.signature)
    .finish();
}

/**
 * The proposal that `bytes` is the encoding of; its byte strings are views of `bytes`. Says nothing about what it means:
 * any version and kind is accepted here, the application judges them. Throws the codes of {@link SszReader}.
 */
export function decodeProposal(bytes: Uint8Array): Proposal {
  const reader = new SszReader(bytes);
  return readProposal(reader, 0, reader.length);
}

/** As {@link decodeProposal}, for one that fills [start, end) of a larger encoding. */
export function readProposal(reader: SszReader, start: number, end: number): Proposal {
  reader.enter(start, end, FIXED_BYTES);
  const version = reader.u8();
  const kind = reader.u16();
  const expiryMs = reader.u64();
  const senderAt = reader.offset();
  const bodyAt = reader.offset();
  const signatureAt = reader.offset();
  return {
    version,
    kind,
    expiryMs,
    sender: reader.byteList(senderAt, bodyAt, MAX_SENDER_BYTES),
    body: reader.byteList(bodyAt, signatureAt, MAX_BODY_BYTES),
    signature: reader.byteList(signatureAt, end, MAX_PROPOSAL_SIGNATURE_BYTES),
  };
}

/** Decodes `bytes` and hashes them to the id. Throws as {@link decodeProposal}. */
export function identifyProposal(kernels: Kernels, bytes: Uint8Array): IdentifiedProposal {
  const proposal = decodeProposal(bytes);
  return { id: kernels.sha3_256(ID_PREFIX, bytes) as ProposalId, bytes, proposal };
}

/** As {@link identifyProposal} for many: decodes all first, then hashes them in one call. */
export function identifyProposals(kernels: Kernels, list: readonly Uint8Array[]): IdentifiedProposal[] {
  const proposals = list.map(decodeProposal);
  return attachIds(kernels, list, proposals);
}

/** Pairs decoded proposals with their bytes and ids, hashed in one call. */
export function attachIds(
  kernels: Kernels,
  list: readonly Uint8Array[],
  proposals: readonly Proposal[],
): IdentifiedProposal[] {
  const ids = kernels.sha3_256Each(ID_PREFIX, list);
  return proposals.map((proposal, i) => ({ id: ids[i]! as ProposalId, bytes: list[i]!, proposal }));
}
