/**
 * Byzantine validators: a real core whose words are twisted on their way out, and whose key signs what the core never
 * would. Whatever they do, honest validators must agree, decide and fall silent.
 */
import { bitlistOf, buildBlock, decodeBlock, digestKey, signBlock } from '../core/block.ts';
import { decodeMessage, encodeMessage, type Message } from '../core/messages.ts';
import type {
  AuthorIndex,
  Block,
  BlockDigest,
  CommitDigest,
  CommitIndex,
  Header,
  IdentifiedProposal,
  Ref,
  Round,
  SignedBlock,
} from '../core/types.ts';
import { isPqError } from '../errors.ts';
import type { SimWorld } from './node.ts';

/**
 * equivocate: another block of each round for some. withhold: own blocks reach few, most of all as a leader. sync: answers
 * that prove nothing, or none. flood: blocks with refs to nothing, claims of huge rounds and commits, and noise.
 */
export const BEHAVIOURS = ['equivocate', 'withhold', 'sync', 'flood'] as const;
export type Behaviour = (typeof BEHAVIOURS)[number];

/** One Byzantine validator's way with messages. Votes of any kind are twisted in its equivocations. */
export class Adversary {
  readonly #world: SimWorld;
  readonly #self: AuthorIndex;
  readonly #behaviours: readonly Behaviour[];
  readonly #twins = new Map<number, SignedBlock>();
  readonly #twinDigests = new Set<string>();
  /** The last block that its core made: what floods are made of. */
  #last: Block | null = null;

  constructor(world: SimWorld, self: AuthorIndex, behaviours: readonly Behaviour[]) {
    this.#world = world;
    this.#self = self;
    this.#behaviours = behaviours;
  }

  /** What goes out in place of `bytes`. */
  twist(to: number, bytes: Uint8Array): Uint8Array[] {
    const message = decodeMessage(bytes);
    switch (message.kind) {
      case 'block':
        return this.#ownBlock(to, bytes, decodeBlock(this.#world.kernels, message.bytes));
      case 'blockReply':
        return this.#does('sync', 0.6) ? [] : [bytes];
      case 'commitsReply':
        return this.#does('sync', 0.8) ? this.#badReply(message) : [bytes];
      case 'status':
        if (!this.#does('flood', 1)) return [bytes];
        return [encodeMessage({ ...message, index: 1e9 as CommitIndex, highestRound: 4e9 as Round })];
      default:
        return [bytes];
    }
  }

  /**
   * True for blocks that carry its signature behind the back of its own core, until the core has signed that round
   * itself: it would take an earlier one for a stolen key, and stop.
   */
  isEarly(bytes: Uint8Array, signedRound: number): boolean {
    const ref = this.#refOf(bytes);
    return ref?.author === this.#self && ref.round >= signedRound && this.#twinDigests.has(digestKey(ref.digest));
  }

  #refOf(bytes: Uint8Array): Ref | undefined {
    try {
      const message = decodeMessage(bytes);
      if (message.kind !== 'block' && message.kind !== 'blockReply') return undefined;
      return decodeBlock(this.#world.kernels, message.bytes).ref;
    } catch (error) {
      if (!isPqError(error)) throw error;
      return undefined;
    }
  }

  #does(behaviour: Behaviour, probability: number): boolean {
    return this.#behaviours.includes(behaviour) && this.#world.random.chance(probability);
  }

  #ownBlock(to: number, bytes: Uint8Array, block: SignedBlock): Uint8Array[] {
    this.#last = block;
    if (this.#does('withhold', 0.7)) return [];
    if (!this.#does('equivocate', 0.6)) return [bytes];
    const twin = this.#twinOf(block);
    const other = encodeMessage({ kind: 'block', bytes: twin.bytes });
    return this.#world.random.chance(0.3) ? [other, bytes] : to % 2 === 0 ? [other] : [bytes];
  }

  #twinOf(block: Block): SignedBlock {
    const { round } = block.ref;
    const known = this.#twins.get(round);
    if (known) return known;
    const { random } = this.#world;
    const { header } = block;
    const votes = header.votes.map((vote) => {
      const size = Math.max(1, vote.rejects.length, vote.abstains.length, 1 + random.below(3));
      return { ...vote, rejects: bitlistOf(new Array(size).fill(true)), abstains: bitlistOf([]) };
    });
    const commitVotes = header.commitVotes.map(({ index }) => ({ index, digest: this.#junk(index) as CommitDigest }));
    const twin = this.#sign({ ...header, timestampMs: header.timestampMs + 10_000, votes, commitVotes }, [
      ...block.proposals,
      ...block.proposals,
    ]);
    this.#twins.set(round, twin);
    this.#twinDigests.add(digestKey(twin.ref.digest));
    return twin;
  }

  #sign(header: Header, proposals: readonly IdentifiedProposal[]): SignedBlock {
    const block = buildBlock(this.#world.kernels, header, proposals);
    return signBlock(block, this.#world.sign(this.#self, block.ref.digest));
  }

  #junk(n: number): Uint8Array {
    return this.#world.kernels.sha3_256(Uint8Array.of(n & 255, (n >> 8) & 255, this.#world.random.below(256)));
  }

  /** A range of commits that is cut, changed, or under signatures of nobody. */
  #badReply(message: Extract<Message, { kind: 'commitsReply' }>): Uint8Array[] {
    const { commits, certificate } = message;
    const half = commits.slice(0, Math.ceil(commits.length / 2));
    const entries = certificate.entries.map((entry) => ({ ...entry, signature: entry.signature.map((b) => b ^ 1) }));
    const last = commits.at(-1);
    switch (this.#world.random.below(5)) {
      case 0:
        return [];
      case 1:
        return [encodeMessage({ ...message, commits: half })];
      case 2:
        return [encodeMessage({ ...message, certificate: { ...certificate, entries } })];
      case 3:
        return [
          encodeMessage({
            ...message,
            commits: commits.map((entry) => (entry === last ? { ...entry, refs: entry.refs.slice(1) } : entry)),
          }),
        ];
      default:
        return [encodeMessage({ ...message, commits: commits.slice(1) })];
    }
  }

  /** One piece of junk for everybody; null when this validator does not flood. */
  flood(): Uint8Array | null {
    if (!this.#last || !this.#does('flood', 1)) return null;
    const { random } = this.#world;
    const { header } = this.#last;
    const far = header.round + 1 + random.below(random.chance(0.1) ? 1_000_000 : 40);
    switch (random.below(6)) {
      case 0:
        return encodeMessage({ kind: 'fetchBlocks', refs: Array.from({ length: 64 }, () => this.#nowhere(far)) });
      case 1:
        return encodeMessage({ kind: 'fetchRounds', epoch: header.epoch, fromRound: random.below(far) as Round });
      case 2:
        return Uint8Array.from({ length: 1 + random.below(40) }, () => random.below(256));
      case 3:
        return this.#block({ ...header, timestampMs: random.below(1e9) });
      default: {
        const parents = header.parents.map((ref) => ({ ...this.#nowhere(far - 1), author: ref.author }));
        const commitVotes = [1, 500, 900, 2 ** 40].map((add) => ({
          index: ((header.commitVotes[0]?.index ?? 0) + add) as CommitIndex,
          digest: this.#junk(add) as CommitDigest,
        }));
        return this.#block({ ...header, round: far as Round, parents, commitVotes });
      }
    }
  }

  #block(header: Header): Uint8Array {
    const block = this.#sign(header, []);
    this.#twinDigests.add(digestKey(block.ref.digest));
    return encodeMessage({ kind: 'block', bytes: block.bytes });
  }

  /** A ref to a block that nobody has; half of them pair a known digest with another round. */
  #nowhere(round: number): Ref {
    const known = this.#world.random.chance(0.5) ? this.#last?.ref.digest : undefined;
    const digest = known ?? (this.#junk(round) as BlockDigest);
    return { round: round as Round, author: this.#self, digest };
  }
}
