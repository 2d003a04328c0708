/**
 * The kernels as the rest of the project sees them: one interface, two implementations (the WebAssembly core and its
 * plain TypeScript twin in `twin/`), held equal by property tests. `src/wasm` loads the core and wraps it; it imports
 * nothing but `src/errors.ts`. Only public data enters WebAssembly memory.
 */

import type { AggregatorKernel, AggregatorOptions, NetworkKernel, NetworkOptions } from './learn.ts';

/** What the commit rule made of a leader slot. */
export type SlotStatus = 'commit' | 'skip';

/** A leader slot that is decided, in the answer of {@link DagKernel.decide}. */
export interface DecidedSlot {
  readonly round: number;
  readonly offset: number;
  readonly author: number;
  readonly status: SlotStatus;
  /** True when the direct rule decided it, false for the indirect one. */
  readonly direct: boolean;
  /** Handle of the committed block, −1 otherwise. */
  readonly block: number;
}

/** No leader in this slot: {@link DagKernel.decide} passes over it and does not report it. */
export const NO_LEADER = 0xffff;

/**
 * The block arena: who links whom, and what follows from it. A handle is a small non-negative integer, valid until
 * {@link collect} frees its round; handles are reused afterwards.
 */
export interface DagKernel {
  /**
   * Adds an accepted block. `parents`: handles of those parents that are in the arena (genesis refs and parents at or
   * below gcRound are left out by the caller). At most one parent per author. Two blocks of one (round, author) may
   * both be inserted. Returns the handle. Throws `DAG_FULL` when the arena is at its bound.
   */
  insert(round: number, author: number, digest: Uint8Array, parents: readonly number[]): number;
  /**
   * The commit rule (wave of 3, see `docs/wasm.md`) for every slot from (fromRound, fromOffset) to the highest
   * round. Returns the longest prefix, in (round, offset) order, that is decided.
   * `leaders[(round − fromRound) * leadersPerRound + offset]` is the author of the slot, or {@link NO_LEADER}; rounds
   * above what `leaders` covers have no slots. Pure: does not change the arena. Throws `DAG_TWO_COMMITS` when two blocks of
   * one slot, decided or not, would commit (more than f stake is faulty).
   */
  decide(fromRound: number, fromOffset: number, leaders: readonly number[], leadersPerRound: number): DecidedSlot[];
  /**
   * Blocks reachable from `leader` (itself included), of rounds > gcRound, not yet committed; sorted by
   * (round, author, digest); marks them committed. Does not look behind a block that is committed already: its own
   * history is committed too, or at or below gcRound.
   */
  linearize(leader: number, gcRound: number): number[];
  markCommitted(block: number): void;
  isCommitted(block: number): boolean;
  /** True when `to` is in the causal history of `from` (a block reaches itself). */
  reaches(from: number, to: number): boolean;
  /** Frees every block of a round ≤ gcRound. */
  collect(gcRound: number): void;
  /** Blocks held. */
  readonly size: number;
}

export interface DagOptions {
  /** Stake of each author, safe integers; their sum too. */
  readonly stakes: readonly number[];
  /** Quorum Q as a stake. */
  readonly quorum: number;
  /** Bound on blocks held. Memory is allocated as needed up to it. */
  readonly maxBlocks: number;
}

/** One vote on the proposals of one block, by slots of the tally. */
export interface TallyVote {
  readonly author: number;
  /** 0 … 10000. */
  readonly confidence: number;
  /** Slot of proposal i of the target, or −1 when that proposal is not open. */
  readonly slots: Int32Array;
  /** Packed bits, least significant first, bit i for proposal i; empty when no bit is set. */
  readonly rejects: Uint8Array;
  readonly abstains: Uint8Array;
}

export const OPINION = { NONE: 0, APPROVE: 1, REJECT: 2, ABSTAIN: 3 } as const;
/** The lower bits of a ballot: its confidence; the opinion stands above them. */
export const BALLOT_CONFIDENCE_BITS = 14;
/** What {@link TallyKernel.evaluate} says of a slot; the first that holds, in this order after OPEN. */
export const TALLY = { OPEN: 0, APPROVED: 1, REJECTED: 2, SPLIT: 3 } as const;

/** Opinions per (open proposal, author), and their sums by stake. The first opinion of an author on a slot is final. */
export interface TallyKernel {
  /** A free slot, all silent. Slots are small integers, reused after {@link close}. Throws `TALLY_FULL` at the bound. */
  open(): number;
  close(slot: number): void;
  /** Applies votes in order; an author that already has an opinion on a slot (an abstention is one) keeps the first. */
  apply(votes: readonly TallyVote[]): void;
  /**
   * For each slot: approve ≥ requiredVotes → APPROVED; reject ≥ validity → REJECTED; approve + silent < requiredVotes
   * and reject + silent < validity → SPLIT (silent: stake without an opinion); else OPEN.
   */
  evaluate(slots: Int32Array): Uint8Array;
  /**
   * Stake-weighted lower median of the confidences on one side: the smallest c such that the stake of the voters of that
   * side with confidence ≤ c is at least half of that side's stake (2 × sum ≥ total). 0 when nobody is on that side.
   */
  confidence(slot: number, side: 1 | 2): number;
  /** One of OPINION. */
  opinion(slot: number, author: number): number;
  /**
   * Everything that counts on these slots: for each slot, for each author, opinion × 2^14 + confidence, 0 when silent.
   * Applied again to fresh slots, one vote each, they give the same sums, verdicts and medians.
   */
  ballots(slots: Int32Array): Uint16Array;
  /** Stake by side. */
  stakes(slot: number): { readonly approve: number; readonly reject: number; readonly abstain: number };
}

export interface TallyOptions {
  readonly stakes: readonly number[];
  readonly requiredVotes: number;
  readonly validity: number;
  readonly maxOpen: number;
}

/** The set of claimed conflict keys (32 bytes each), each with the expiry of its claimer. */
export interface ConflictKernel {
  /**
   * For proposal i in order: claims all its keys if none is claimed by an earlier one, else none. `keys` is the
   * concatenation of all keys, `counts[i]` how many belong to proposal i, `expiriesMs[i]` until when (safe integers).
   * The same key twice inside one proposal is no clash. Returns 1 (claimed) or 0 (clash) per proposal.
   * Throws `CONFLICT_FULL` at the bound.
   */
  claim(keys: Uint8Array, counts: Uint32Array, expiriesMs: Float64Array): Uint8Array;
  has(key: Uint8Array): boolean;
  /** Forgets the claims of these keys (their concatenation), whatever their expiry. Returns how many keys went. */
  release(keys: Uint8Array): number;
  /** Forgets the claims whose expiry is < nowMs (commit time, a safe integer). Returns how many keys went. */
  expire(nowMs: number): number;
  /** Keys held. */
  readonly size: number;
}

export interface ConflictOptions {
  readonly maxKeys: number;
  /** 16 bytes: seeds the table's hash so that hostile keys cannot collide on purpose. Never affects an answer. */
  readonly seed: Uint8Array;
}

/** A signature and what it is to be one of and over, as {@link SignatureVerifier.verify} takes them. */
export interface SignatureCheck {
  readonly publicKey: Uint8Array;
  readonly message: Uint8Array;
  readonly context: Uint8Array;
  readonly signature: Uint8Array;
}

/** Checks ML-DSA-65 signatures (FIPS 204, the pure version). Holds the expansion of the keys that it saw last. */
export interface SignatureVerifier {
  /**
   * True when `signature` (3309 bytes) is one of `publicKey` (1952 bytes) over `message` with `context` (0 … 255 bytes):
   * exactly what FIPS 204, algorithm 3 accepts. Never throws on public input, of whatever length. A key that is new, or
   * was forgotten, costs several times what one costs that is held.
   */
  verify(publicKey: Uint8Array, message: Uint8Array, context: Uint8Array, signature: Uint8Array): boolean;
  /**
   * Returns one boolean for each check, in their order: exactly what {@link verify} says of it. One that fails does not
   * touch the others. Never throws on public input. The core gets them together, in one call for every 256 KiB of them.
   */
  verifyEach(checks: readonly SignatureCheck[]): boolean[];
}

export interface VerifierOptions {
  /** Bound on expanded keys held, 38 KiB each; memory is allocated as needed up to it. */
  readonly maxKeys: number;
}

/** Where a leaf is in a Merkle tree, and what it takes to compute the root from it. */
export interface MerklePath {
  /** 0 … count − 1. u32. */
  readonly position: number;
  /** Leaves of the tree. u32. */
  readonly count: number;
  /** 32 bytes each, from the bottom up; a level where the node moves up alone has none. */
  readonly siblings: readonly Uint8Array[];
}

/** Everything the core computes through. Stateful kernels each own their memory. */
export interface Kernels {
  readonly name: 'wasm' | 'wasm-scalar' | 'wasm-debug' | 'twin' | 'native';
  /** False where the crypto library checks signatures faster than {@link createVerifier} does. */
  readonly verifies: boolean;
  /** SHA3-256 (FIPS 202) of the concatenation of the parts. Returns a fresh array. */
  sha3_256(...parts: readonly Uint8Array[]): Uint8Array;
  /** SHA3-256 of every item, prefixed with `prefix`, in one call. Fresh arrays. */
  sha3_256Each(prefix: Uint8Array, items: readonly Uint8Array[]): Uint8Array[];
  /** SHAKE128 (FIPS 202) of the concatenation of the parts: 0 … 2²⁸ bytes. Throws `KERNEL_ARGUMENT` for other numbers. */
  shake128(outputBytes: number, ...parts: readonly Uint8Array[]): Uint8Array;
  /** SHAKE256, likewise. */
  shake256(outputBytes: number, ...parts: readonly Uint8Array[]): Uint8Array;
  /**
   * Merkle root: leaf H(0x00 ‖ data), node H(0x01 ‖ left ‖ right), tree shape of RFC 6962 §2.1, and
   * root = H(0x02 ‖ count as u32 little-endian ‖ top), where top of the empty tree is 32 zero bytes.
   */
  merkleRoot(leaves: readonly Uint8Array[]): Uint8Array;
  /** The path of one leaf of that tree. Throws `KERNEL_ARGUMENT` when there is no such leaf. */
  merklePath(leaves: readonly Uint8Array[], position: number): MerklePath;
  /**
   * The root of the tree that has `leaf` where the path says: whoever knows the root compares. Undefined when the path has
   * not exactly the siblings that this place needs, or the tree has no such place. Never throws on public input.
   */
  rootOfMerklePath(leaf: Uint8Array, path: MerklePath): Uint8Array | undefined;
  createDag(options: DagOptions): DagKernel;
  createTally(options: TallyOptions): TallyKernel;
  createConflictSet(options: ConflictOptions): ConflictKernel;
  createVerifier(options: VerifierOptions): SignatureVerifier;
  createNetwork(options: NetworkOptions): NetworkKernel;
  createAggregator(options: AggregatorOptions): AggregatorKernel;
}
