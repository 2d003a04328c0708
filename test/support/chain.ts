/** Builds what tests of the consensus are about: genesis documents, committees, proposals and blocks, all from seeds. */
import { bitlistOf, buildBlock, compareRefs, signBlock } from '../../src/core/block.ts';
import { toHex } from '../../src/core/bytes.ts';
import { type Committee, committeeOf } from '../../src/core/committee.ts';
import { DEFAULT_PARAMETERS, type Genesis, type Parameters } from '../../src/core/genesis.ts';
import { PUBLIC_KEY_BYTES, SIGNATURE_BYTES } from '../../src/core/limits.ts';
import { encodeProposal, identifyProposals } from '../../src/core/proposal.ts';
import type {
  AuthorIndex,
  Commit,
  CommitDigest,
  CommitIndex,
  Header,
  IdentifiedProposal,
  Ref,
  Round,
  SignedBlock,
  Vote,
} from '../../src/core/types.ts';
import type { Kernels } from '../../src/wasm/kernels.ts';
import { type Random, seeded } from './random.ts';

export interface GenesisOptions {
  readonly validators?: number;
  /** By index; 1 each if not given. */
  readonly stakes?: readonly number[];
  readonly parameters?: Partial<Parameters>;
  /** ML-DSA-65 keys by index; random bytes, which verify nothing, if not given. */
  readonly publicKeys?: readonly Uint8Array[];
  readonly seed?: number;
}

/** A well-formed genesis document. */
export function makeGenesis(options: GenesisOptions = {}): Genesis {
  const random = seeded(options.seed ?? 1);
  const size = options.stakes?.length ?? options.validators ?? 4;
  return {
    version: 1,
    chainName: 'test',
    timeMs: 1_700_000_000_000,
    validators: Array.from({ length: size }, (_, i) => ({
      name: `validator-${i}`,
      stake: options.stakes?.[i] ?? 1,
      publicKey: toHex(options.publicKeys?.[i] ?? random.bytes(PUBLIC_KEY_BYTES)),
      ed25519Key: toHex(random.bytes(32)),
      gateKey: toHex(random.bytes(32)),
    })),
    parameters: { ...DEFAULT_PARAMETERS, ...options.parameters },
    application: { name: 'kv', state: {} },
  };
}

export function makeCommittee(kernels: Kernels, options: GenesisOptions = {}): Committee {
  return committeeOf(kernels, makeGenesis(options));
}

/** `count` different proposals without meaning. */
export function makeProposals(
  kernels: Kernels,
  count: number,
  seed = 1,
  expiryMs = 1_700_000_060_000,
): IdentifiedProposal[] {
  const random = seeded(seed);
  const list = Array.from({ length: count }, () =>
    encodeProposal({
      version: 1,
      kind: random.below(4),
      expiryMs,
      sender: random.bytes(random.below(65)),
      body: random.bytes(16 + random.below(200)),
      signature: random.bytes(random.below(100)),
    }),
  );
  return identifyProposals(kernels, list);
}

/** A vote that approves, rejects or abstains by flags, one per proposal of the target. */
export function makeVote(target: Ref, rejects: readonly boolean[] = [], abstains: readonly boolean[] = []): Vote {
  return { target, confidence: 9000, rejects: bitlistOf(rejects), abstains: bitlistOf(abstains) };
}

export interface BlockOptions extends Partial<Omit<Header, 'payloadRoot' | 'payloadBytes' | 'proposals'>> {
  readonly payload?: readonly IdentifiedProposal[];
  readonly signature?: Uint8Array;
}

/**
 * A signed block of `author` in `round`; without `parents` it has the genesis refs, own first, which is valid in round 1
 * only. The signature is a filler unless given.
 */
export function makeBlock(
  kernels: Kernels,
  committee: Committee,
  round: number,
  author: number,
  options: BlockOptions = {},
): SignedBlock {
  const { payload = [], signature = new Uint8Array(SIGNATURE_BYTES).fill(author + 1), ...header } = options;
  const block = buildBlock(
    kernels,
    {
      version: 1,
      chainId: committee.chainId,
      epoch: committee.epoch,
      round: round as Round,
      author: author as AuthorIndex,
      timestampMs: committee.genesisTimeMs + round,
      confidence: 0,
      modelId: new Uint8Array(32),
      parents: ownFirst(committee.genesisRefs, author),
      votes: [],
      commitVotes: [],
      ...header,
    },
    payload,
  );
  return signBlock(block, signature);
}

/** The refs with the one of `author` in front, the rest in order. */
export function ownFirst(refs: readonly Ref[], author: number): Ref[] {
  const rest = refs.filter((ref) => ref.author !== author).sort(compareRefs);
  return [...refs.filter((ref) => ref.author === author), ...rest];
}

/** Rounds 1 … `rounds` in which every validator links every block of the round before. `[round - 1][author]`. */
export function makeFullRounds(kernels: Kernels, committee: Committee, rounds: number): SignedBlock[][] {
  const all: SignedBlock[][] = [];
  let previous: readonly Ref[] = committee.genesisRefs;
  for (let round = 1; round <= rounds; round++) {
    const parents = previous;
    const blocks = committee.validators.map(({ index }) =>
      makeBlock(kernels, committee, round, index, { parents: ownFirst(parents, index) }),
    );
    all.push(blocks);
    previous = blocks.map((block) => block.ref);
  }
  return all;
}

/** A block with something in every one of its lists: what encodings are tested with. Not valid. */
export function makeRichBlock(kernels: Kernels, committee: Committee, random: Random): SignedBlock {
  const refs = Array.from({ length: 1 + random.below(6) }, () => makeRef(random)).sort(compareRefs);
  const flags = Array.from({ length: 1 + random.below(40) }, () => random.chance(300));
  return makeBlock(kernels, committee, 1 + random.below(1000), random.below(committee.size), {
    parents: Array.from({ length: random.below(5) }, () => makeRef(random)),
    votes: refs.map((ref, i) => makeVote(ref, i % 2 === 0 ? flags : [], i % 3 === 0 ? flags : [])),
    commitVotes: Array.from({ length: random.below(4) }, (_, i) => ({
      index: (1 + i) as CommitIndex,
      digest: random.bytes(32) as CommitDigest,
    })),
    payload: makeProposals(kernels, random.below(5), random.below(1000)),
    signature: random.bytes(SIGNATURE_BYTES),
  });
}

/** A ref to nothing. */
export function makeRef(random: Random): Ref {
  return {
    round: random.below(1000) as Round,
    author: random.below(128) as AuthorIndex,
    digest: random.bytes(32) as Ref['digest'],
  };
}

/** A commit of `committee` that nothing but its place makes sense of. */
export function makeCommit(committee: Committee, index: number, previous: Uint8Array = committee.chainId): Commit {
  const random = seeded(index);
  return {
    index: index as CommitIndex,
    previous: previous as CommitDigest,
    leader: makeRef(random),
    timestampMs: committee.genesisTimeMs + index,
    blocksRoot: random.bytes(32),
    decisionsRoot: random.bytes(32),
    stateRoot: random.bytes(32),
    modelRoot: new Uint8Array(32),
    epoch: committee.epoch,
    committeeHash: committee.hash,
    nextCommitteeHash: committee.hash,
    chainId: committee.chainId,
  };
}
