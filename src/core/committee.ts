/** Who decides: the validators of an epoch, their thresholds, the sets of them that are counted, and who leads when. */
import { PqError } from '../errors.ts';
import type { Kernels } from '../wasm/kernels.ts';
import { fromHex, utf8 } from './bytes.ts';
import { chainIdOf, type Genesis, type Parameters } from './genesis.ts';
import { MAX_MEMOISED_LEADER_ROUNDS, MAX_VALIDATORS } from './limits.ts';
import { encodeCommittee, type Members, type Validator } from './members.ts';
import { SszWriter } from './ssz.ts';
import type { AuthorIndex, BlockDigest, CommitDigest, CommitIndex, Ref, Round, Stake } from './types.ts';

const GENESIS_PREFIX = utf8('pq/genesis/1');
const LEADER_PREFIX = utf8('pq/leader/1');
/** The validators of one epoch and everything that follows from them. All thresholds are stakes. */
export interface Committee {
  readonly epoch: number;
  readonly chainId: Uint8Array;
  readonly size: number;
  readonly validators: readonly Validator[];
  readonly stakes: readonly number[];
  /** N. */
  readonly total: number;
  /** f = ⌊(N − 1) / 3⌋: what may be faulty. */
  readonly faulty: number;
  /** Q = N − f. Not 2f + 1: N = 5 gives f = 1 and Q = 4. */
  readonly quorum: number;
  /** V = f + 1: at least one honest validator. */
  readonly validity: number;
  /** max(Q, ⌈genesis fraction × N⌉): what must approve a proposal. */
  readonly requiredVotes: number;
  readonly parameters: Parameters;
  /** committeeHash: SHA3-256 of the SSZ of validators and parameters. */
  readonly hash: Uint8Array;
  readonly origin: Origin;
  /** Time of round 0: that of the origin. */
  readonly genesisTimeMs: number;
  /** The known refs of round 0, by author. */
  readonly genesisRefs: readonly Ref[];
}

/** What an epoch stands on: the closing commit of the one before it; in epoch 0 the genesis document. */
export interface Origin {
  /** k; 0 in epoch 0. */
  readonly index: CommitIndex;
  /** D_k; the chain id in epoch 0. */
  readonly digest: CommitDigest;
  /** T_k; the time of genesis in epoch 0. */
  readonly timestampMs: number;
}

/** The committee of epoch 0. `genesis` comes from `parseGenesis`, which holds everything that is relied on here. */
export function committeeOf(kernels: Kernels, genesis: Genesis): Committee {
  const validators = genesis.validators.map(
    (validator, index): Validator => ({
      index: index as AuthorIndex,
      name: validator.name,
      stake: validator.stake as Stake,
      publicKey: fromHex(validator.publicKey),
      ed25519Key: fromHex(validator.ed25519Key),
      gateKey: fromHex(validator.gateKey),
    }),
  );
  const chainId = chainIdOf(kernels, genesis);
  const origin = { index: 0 as CommitIndex, digest: chainId as CommitDigest, timestampMs: genesis.timeMs };
  return assemble(kernels, { epoch: 0, chainId }, { validators, parameters: genesis.parameters }, origin);
}

/** The committee of the epoch after `before`, which the commit of `origin` closed: `members` are those that it names. */
export function committeeAfter(
  kernels: Kernels,
  before: Pick<Committee, 'epoch' | 'chainId'>,
  members: Members,
  origin: Origin,
): Committee {
  return assemble(kernels, { epoch: before.epoch + 1, chainId: before.chainId }, members, origin);
}

function assemble(
  kernels: Kernels,
  { epoch, chainId }: Pick<Committee, 'epoch' | 'chainId'>,
  { validators, parameters }: Members,
  origin: Origin,
): Committee {
  const stakes = validators.map((validator) => validator.stake);
  const total = stakes.reduce((sum, stake) => sum + stake, 0);
  const faulty = divide(total - 1, 3);
  const quorum = total - faulty;
  return {
    epoch,
    chainId,
    size: validators.length,
    validators,
    stakes,
    total,
    faulty,
    quorum,
    validity: faulty + 1,
    requiredVotes: Math.max(quorum, perMilleOf(total, parameters.requiredVotesPerMille)),
    parameters,
    hash: committeeHash(kernels, { validators, parameters }),
    origin,
    genesisTimeMs: origin.timestampMs,
    genesisRefs: validators.map(({ index }) => genesisRef(kernels, origin.digest, index)),
  };
}

/** What a commit names a committee by: SHA3-256 of its SSZ. */
export function committeeHash(kernels: Kernels, { validators, parameters }: Members): Uint8Array {
  return kernels.sha3_256(encodeCommittee(validators, parameters));
}

/** ⌊a / b⌋ of safe integers, by integers alone. */
function divide(a: number, b: number): number {
  return (a - (a % b)) / b;
}

/** ⌈total × perMille / 1000⌉ without leaving the safe integers. */
function perMilleOf(total: number, perMille: number): number {
  return divide(total, 1000) * perMille + divide((total % 1000) * perMille + 999, 1000);
}

/**
 * The ref that stands for "before the first block" of an author: (0, author, H("pq/genesis/1" ‖ origin ‖ author u16 LE)),
 * with the digest of the epoch's origin. A committee holds all of its own in `genesisRefs`.
 */
export function genesisRef(kernels: Kernels, origin: Uint8Array, author: AuthorIndex): Ref {
  const index = new SszWriter(2).u16(author).finish();
  const digest = kernels.sha3_256(GENESIS_PREFIX, origin, index) as BlockDigest;
  return { round: 0 as Round, author, digest };
}

/** A set of authors and the stake of it. Authors are counted, never blocks. A bitset: adding allocates nothing. */
export class StakeSet {
  readonly #stakes: readonly number[];
  readonly #words = new Uint32Array(MAX_VALIDATORS / 32);
  #stake = 0;
  #size = 0;

  constructor(committee: Pick<Committee, 'stakes'>) {
    this.#stakes = committee.stakes;
  }

  /** Sum of the stakes of the authors in the set. */
  get stake(): number {
    return this.#stake;
  }

  /** How many authors are in the set. */
  get size(): number {
    return this.#size;
  }

  /** True when the author was not in the set before. Throws `COMMITTEE_AUTHOR` for an index outside the committee. */
  add(author: number): boolean {
    const stake = this.#stakes[author];
    if (stake === undefined) {
      throw new PqError('COMMITTEE_AUTHOR', 'No validator has this index; check the author before counting it.', {
        author,
      });
    }
    if (this.has(author)) return false;
    this.#words[author >> 5]! |= 1 << (author & 31);
    this.#stake += stake;
    this.#size++;
    return true;
  }

  has(author: number): boolean {
    return ((this.#words[author >> 5]! >>> (author & 31)) & 1) === 1;
  }

  clear(): void {
    this.#words.fill(0);
    this.#stake = 0;
    this.#size = 0;
  }
}

export interface LeaderSchedule {
  /** Author of the leader slot (round, offset), 0 ≤ offset < leadersPerRound. Throws `COMMITTEE_OFFSET`. */
  leader(round: number, offset: number): AuthorIndex;
  /** The leaders of a round, all different, by offset. */
  leaders(round: number): readonly AuthorIndex[];
}

/** Who leads when: the same on every machine, drawn by stake. Remembers the rounds asked for last. */
export function leaderSchedule(kernels: Kernels, committee: Committee): LeaderSchedule {
  const drawn = new Map<number, readonly AuthorIndex[]>();

  function leaders(round: number): readonly AuthorIndex[] {
    const known = drawn.get(round);
    if (known !== undefined) return known;
    const fresh = drawLeaders(kernels, committee, round);
    if (drawn.size >= MAX_MEMOISED_LEADER_ROUNDS) {
      for (const oldest of drawn.keys()) {
        drawn.delete(oldest);
        break;
      }
    }
    drawn.set(round, fresh);
    return fresh;
  }

  function leader(round: number, offset: number): AuthorIndex {
    const author = leaders(round)[offset];
    if (author === undefined) {
      throw new PqError('COMMITTEE_OFFSET', 'A round has leadersPerRound leader slots and no more.', { round, offset });
    }
    return author;
  }

  return { leader, leaders };
}

/** Draws without replacement: each draw is over the stake that this round has not drawn yet. */
function drawLeaders(kernels: Kernels, committee: Committee, round: number): AuthorIndex[] {
  const leaders: AuthorIndex[] = [];
  const left = [...committee.stakes];
  let stakeLeft = committee.total;
  for (let offset = 0; offset < committee.parameters.leadersPerRound; offset++) {
    const place = new SszWriter(10).u32(committee.epoch).u32(round).u16(offset).finish();
    const hash = kernels.sha3_256(LEADER_PREFIX, committee.chainId, place);
    const draw = new DataView(hash.buffer, hash.byteOffset).getBigUint64(0, true);
    // Stakes may take 53 bits, so the remainder of a u64 needs more than a number; the result fits one again.
    let point = Number(draw % BigInt(stakeLeft));
    let author = 0;
    while (point >= left[author]!) point -= left[author++]!;
    leaders.push(author as AuthorIndex);
    stakeLeft -= left[author]!;
    left[author] = 0;
  }
  return leaders;
}
