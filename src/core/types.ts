/**
 * The objects of the protocol, as TypeScript sees them. `src/core` is the consensus itself: pure, synchronous, without
 * clock, I/O, randomness or floats. It may import `src/wasm` and `src/errors.ts`, nothing else.
 *
 * Digests are `Uint8Array(32)`; hex exists only at the edges and as map keys inside one process.
 */
declare const brand: unique symbol;
type Brand<Base, Name extends string> = Base & { readonly [brand]: Name };

/** Height in the DAG. u32; genesis is round 0, the first real blocks are of round 1. */
export type Round = Brand<number, 'Round'>;
/** Position of a validator in the committee, 0 … n − 1. u16. */
export type AuthorIndex = Brand<number, 'AuthorIndex'>;
/** Names a peer inside one node, over epochs: its place in the roster, see `roster.ts`. Never on the wire. */
export type PeerNumber = Brand<number, 'PeerNumber'>;
/** Voting weight. Integer, 1 … 2^53 − 1. */
export type Stake = Brand<number, 'Stake'>;
/** Position in the sequence of commits; the first commit is 1. Safe integer. */
export type CommitIndex = Brand<number, 'CommitIndex'>;
/** SHA3-256 of a header without its signature. */
export type BlockDigest = Brand<Uint8Array, 'BlockDigest'>;
/** SHA3-256 of a proposal's bytes with its domain tag. */
export type ProposalId = Brand<Uint8Array, 'ProposalId'>;
/** SHA3-256 of a commit with its domain tag. */
export type CommitDigest = Brand<Uint8Array, 'CommitDigest'>;

/** Names one block. Total order: (round, author, digest). 38 bytes. */
export interface Ref {
  readonly round: Round;
  readonly author: AuthorIndex;
  readonly digest: BlockDigest;
}

/** `length` bits, packed least significant first, `bytes.length` = ⌈length / 8⌉, unused bits of the last byte zero. */
export interface Bitlist {
  readonly length: number;
  readonly bytes: Uint8Array;
}

/**
 * An author's opinion on a block. Bit i speaks of proposal i of the target: neither bit set means approved. A list is
 * either empty (length 0) or has exactly one bit per proposal of the target with at least one bit set.
 */
export interface Vote {
  readonly target: Ref;
  /** 0 … 10000: how sure the author is of this opinion, whichever way it goes. */
  readonly confidence: number;
  readonly rejects: Bitlist;
  readonly abstains: Bitlist;
}

/** "I have executed commit `index` and its digest is `digest`." */
export interface CommitVote {
  readonly index: CommitIndex;
  readonly digest: CommitDigest;
}

/** The part of a header whose size does not vary; what a certificate entry carries of it, with two list hashes. */
export interface HeaderFields {
  readonly version: number;
  readonly chainId: Uint8Array;
  readonly epoch: number;
  readonly round: Round;
  readonly author: AuthorIndex;
  /** The author's clock, milliseconds since 1970. Safe integer. */
  readonly timestampMs: number;
  /** Merkle root over the proposals' bytes. */
  readonly payloadRoot: Uint8Array;
  /** Length of the encoded payload in bytes. */
  readonly payloadBytes: number;
  readonly proposals: number;
  /** What the author's own models said of this payload, 0 … 10000. Information, not a vote. */
  readonly confidence: number;
  /** Hash of the author's model set. Information. */
  readonly modelId: Uint8Array;
}

/** What is hashed and signed. */
export interface Header extends HeaderFields {
  /** The first is the author's own previous block. At most one per author. */
  readonly parents: readonly Ref[];
  /** Sorted by target, at most one per target. */
  readonly votes: readonly Vote[];
  /** Strictly ascending by index. */
  readonly commitVotes: readonly CommitVote[];
}

/** What a client submits. `expiryMs` is in commit time. */
export interface Proposal {
  readonly version: number;
  /** Meaning of `body`: see the application. u16. */
  readonly kind: number;
  readonly expiryMs: number;
  /** 0 … 64 bytes; empty for proposals of nobody. */
  readonly sender: Uint8Array;
  readonly body: Uint8Array;
  readonly signature: Uint8Array;
}

/** A proposal together with its canonical bytes and the id computed from them. */
export interface IdentifiedProposal {
  readonly id: ProposalId;
  readonly bytes: Uint8Array;
  readonly proposal: Proposal;
}

/** One vertex of the DAG, decoded, with everything that follows from its bytes. */
export interface Block {
  readonly header: Header;
  readonly ref: Ref;
  /** ML-DSA-65 over the digest, 3309 bytes. All zero while the block is unsigned. */
  readonly signature: Uint8Array;
  readonly proposals: readonly IdentifiedProposal[];
  /** The whole canonical encoding, signature included. */
  readonly bytes: Uint8Array;
}

/** Decoded and not yet trusted: rules and signature unchecked. */
export type SignedBlock = Brand<Block, 'signed'>;
/** Every rule of validity holds and the signature was checked. */
export type VerifiedBlock = Brand<Block, 'verified'>;
/** In the DAG: all parents above gcRound are in it too. */
export type AcceptedBlock = Brand<Block, 'accepted'>;

/** Outcome of a proposal. The numbers are on the wire (decision leaf). */
export const DECISION = { APPROVED: 1, REJECTED: 2, CONFLICT: 3, EXPIRED: 4 } as const;
export type DecisionName = keyof typeof DECISION;
/** Why. The numbers are on the wire. EPOCH: it was open when the epoch ended. */
export const REASON = { QUORUM: 0, MALFORMED: 1, CLAIMED: 2, TIMEOUT: 3, SPLIT: 4, EPOCH: 5 } as const;
export type ReasonName = keyof typeof REASON;

/** What consensus decided on one proposal, before execution. */
export interface Decision {
  readonly id: ProposalId;
  readonly decision: DecisionName;
  readonly reason: ReasonName;
  /** 0 … 10000. */
  readonly confidence: number;
}

/** Binds order, decisions, state root and model root. SHA3-256("pq/commit/1" ‖ SSZ) is the commit digest. */
export interface Commit {
  readonly index: CommitIndex;
  readonly previous: CommitDigest;
  readonly leader: Ref;
  readonly timestampMs: number;
  /** Merkle root over the 38-byte encodings of the refs, in linear order. */
  readonly blocksRoot: Uint8Array;
  /** Merkle root over the decision leaves, in decision order. */
  readonly decisionsRoot: Uint8Array;
  readonly stateRoot: Uint8Array;
  readonly modelRoot: Uint8Array;
  readonly epoch: number;
  readonly committeeHash: Uint8Array;
  readonly nextCommitteeHash: Uint8Array;
  readonly chainId: Uint8Array;
}

/** A header without its lists: what one signer contributes to a certificate (≈ 3.6 KB). */
export interface CertificateEntry {
  readonly fields: HeaderFields;
  readonly parentsHash: Uint8Array;
  readonly votesHash: Uint8Array;
  readonly commitVotes: readonly CommitVote[];
  readonly signature: Uint8Array;
}

/** The quantum certificate of commit k = commits[0].index: chained commits k … j and entries of ≥ Q stake for one (j, D_j). */
export interface Certificate {
  readonly commits: readonly Commit[];
  /** Sorted by author, no duplicates. */
  readonly entries: readonly CertificateEntry[];
}

/** What an application says of a proposal's bytes alone. Keys are 32 bytes each. */
export type ProposalKeys =
  | { readonly wellFormed: false }
  | { readonly wellFormed: true; readonly keys: readonly Uint8Array[] };
/** Pure function of the bytes; the application passes it in. */
export type KeysOf = (proposal: Proposal) => ProposalKeys;
