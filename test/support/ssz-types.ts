/** The containers of the protocol, declared a second time in @chainsafe/ssz: the oracle of our encodings. */
import {
  BitArray,
  BitListType,
  ByteListType,
  ByteVectorType,
  ContainerType,
  ListBasicType,
  ListCompositeType,
  UintNumberType,
} from '@chainsafe/ssz';
import type { ProposalProof } from '../../src/core/proof.ts';
import {
  type Bitlist,
  type Block,
  type Certificate,
  type Commit,
  DECISION,
  type Header,
  type Proposal,
  REASON,
  type Ref,
  type Vote,
} from '../../src/core/types.ts';
import type { Upgrade } from '../../src/core/upgrade.ts';

const u8 = new UintNumberType(1);
const u16 = new UintNumberType(2);
const u32 = new UintNumberType(4);
const u64 = new UintNumberType(8);
const bytes32 = new ByteVectorType(32);
const signature = new ByteVectorType(3309);
const bitlist = new BitListType(512);

export const RefSsz = new ContainerType({ round: u32, author: u16, digest: bytes32 });
const VoteSsz = new ContainerType({ target: RefSsz, confidence: u16, rejects: bitlist, abstains: bitlist });
const CommitVoteSsz = new ContainerType({ index: u64, digest: bytes32 });

const fields = {
  version: u8,
  chainId: bytes32,
  epoch: u32,
  round: u32,
  author: u16,
  timestampMs: u64,
  payloadRoot: bytes32,
  payloadBytes: u32,
  proposals: u32,
  confidence: u16,
  modelId: bytes32,
};
export const FieldsSsz = new ContainerType(fields);
export const ParentsSsz = new ListCompositeType(RefSsz, 128);
export const VotesSsz = new ListCompositeType(VoteSsz, 256);
export const CommitVotesSsz = new ListCompositeType(CommitVoteSsz, 100);
const HeaderSsz = new ContainerType({ ...fields, parents: ParentsSsz, votes: VotesSsz, commitVotes: CommitVotesSsz });

export const ProposalSsz = new ContainerType({
  version: u8,
  kind: u16,
  expiryMs: u64,
  sender: new ByteListType(64),
  body: new ByteListType(8 * 1024),
  signature: new ByteListType(5 * 1024),
});
const PayloadSsz = new ContainerType({ proposals: new ListCompositeType(ProposalSsz, 512) });
export const BlockSsz = new ContainerType({ header: HeaderSsz, signature, payload: PayloadSsz });

export const CommitSsz = new ContainerType({
  index: u64,
  previous: bytes32,
  leader: RefSsz,
  timestampMs: u64,
  blocksRoot: bytes32,
  decisionsRoot: bytes32,
  stateRoot: bytes32,
  modelRoot: bytes32,
  epoch: u32,
  committeeHash: bytes32,
  nextCommitteeHash: bytes32,
  chainId: bytes32,
});
export const DecisionLeafSsz = new ContainerType({
  id: bytes32,
  decision: u8,
  reason: u8,
  confidence: u16,
  receipt: u32,
});

const EntrySsz = new ContainerType({
  fields: FieldsSsz,
  parentsHash: bytes32,
  votesHash: bytes32,
  commitVotes: CommitVotesSsz,
  signature,
});
export const CertificateSsz = new ContainerType({
  commits: new ListCompositeType(CommitSsz, 100),
  entries: new ListCompositeType(EntrySsz, 128),
});

export const ProofSsz = new ContainerType({
  certificate: CertificateSsz,
  leaf: DecisionLeafSsz,
  position: u32,
  count: u32,
  siblings: new ListCompositeType(bytes32, 33),
});

const keys = { publicKey: new ByteVectorType(1952), ed25519Key: bytes32, gateKey: bytes32 };
const validator = { name: new ByteListType(64), stake: u64, ...keys };
const ParametersSsz = new ContainerType({
  leadersPerRound: u16,
  requiredVotesPerMille: u16,
  openMs: u64,
  maxExpiryMs: u64,
});
export const CommitteeSsz = new ContainerType({
  validators: new ListCompositeType(new ContainerType(validator), 128),
  parameters: ParametersSsz,
});

export const UpgradeSsz = new ContainerType({
  chainId: bytes32,
  epoch: u32,
  joins: new ListCompositeType(new ContainerType({ ...validator, consent: signature }), 1),
  leaves: new ListBasicType(u16, 128),
  stakes: new ListCompositeType(new ContainerType({ author: u16, stake: u64 }), 128),
  rotations: new ListCompositeType(new ContainerType({ author: u16, ...keys, consent: signature }), 1),
  parameters: new ListCompositeType(ParametersSsz, 1),
});

export const StatusSsz = new ContainerType({
  epoch: u32,
  index: u64,
  digest: bytes32,
  highestRound: u32,
  last: RefSsz,
});
export const FetchBlocksSsz = new ListCompositeType(RefSsz, 64);
export const FetchRoundsSsz = new ContainerType({ epoch: u32, fromRound: u32 });
export const FetchClosingSsz = new ContainerType({ epoch: u32 });
export const FetchCommitsSsz = new ContainerType({ from: u64, count: u32 });
export const PrunedSsz = new ContainerType({ first: u64 });
export const CommitsReplySsz = new ContainerType({
  commits: new ListCompositeType(
    new ContainerType({ commit: CommitSsz, refs: new ListCompositeType(RefSsz, 16_384) }),
    32,
  ),
  certificate: CertificateSsz,
});

const bits = (list: Bitlist) => new BitArray(list.bytes, list.length);
const vote = (value: Vote) => ({ ...value, rejects: bits(value.rejects), abstains: bits(value.abstains) });

/** Our values in the oracle's terms: it spells bitlists as a class, and wants mutable arrays. */
export const votesValue = (votes: readonly Vote[]) => votes.map(vote);
const headerValue = (header: Header) => ({
  ...header,
  parents: [...header.parents],
  votes: votesValue(header.votes),
  commitVotes: [...header.commitVotes],
});
export const blockValue = (block: Block) => ({
  header: headerValue(block.header),
  signature: block.signature,
  payload: { proposals: block.proposals.map(({ proposal }): Proposal => proposal) },
});
export const certificateValue = (certificate: Certificate) => ({
  commits: [...certificate.commits] as Commit[],
  entries: certificate.entries.map((entry) => ({ ...entry, commitVotes: [...entry.commitVotes] })),
});
export const proofValue = ({ certificate, decided, path }: ProposalProof) => ({
  certificate: certificateValue(certificate),
  leaf: { ...decided, decision: DECISION[decided.decision], reason: REASON[decided.reason] },
  position: path.position,
  count: path.count,
  siblings: [...path.siblings],
});
export const upgradeValue = ({ joins, leaves, stakes, rotations, parameters, ...place }: Upgrade) => ({
  ...place,
  joins: joins.map((join) => ({ ...join, name: new TextEncoder().encode(join.name) })),
  leaves: [...leaves],
  stakes: [...stakes],
  rotations: [...rotations],
  parameters: parameters === null ? [] : [parameters],
});
export const refsValue = (refs: readonly Ref[]) => [...refs];
