/**
 * Byzantine validators: a whole node whose words are twisted on their way out, and whose key signs what the node never
 * would. Whatever they do, honest validators must agree, decide and fall silent.
 */
import { bitlistOf, buildBlock, decodeBlock, digestKey, HEADER_CONTEXT, signBlock } from '../core/block.ts';
import type { CoreEvent } from '../core/events.ts';
import { decodeMessage, encodeMessage, type Message } from '../core/messages.ts';
import type {
  AuthorIndex,
  Block,
  CommitDigest,
  CommitIndex,
  Header,
  IdentifiedProposal,
  Ref,
  Round,
  SignedBlock,
} from '../core/types.ts';
import { isPqError } from '../errors.ts';
import { Junk } from './junk.ts';
import { cheapSignature } from './signatures.ts';
import type { SimWorld } from './world.ts';

/**
 * equivocate: another block of each round for some. split: two chains of blocks, one for each half of the network.
 * withhold: own blocks reach few. lead: the same in rounds that it leads, and only then. votes: its models say the opposite of what they
 * find. sync: answers that prove nothing, or none. flood: blocks with refs to nothing, claims of huge rounds and commits, and noise.
 * replay: what was said long ago, again. forge: blocks of others under signatures of nobody, before theirs arrive.
 */
export const BEHAVIOURS = [
  'equivocate',
  'split',
  'withhold',
  'lead',
  'votes',
  'sync',
  'flood',
  'replay',
  'forge',
] as const;
export type Behaviour = (typeof BEHAVIOURS)[number];

/** One Byzantine validator's way with messages. */
export class Adversary {
  readonly #world: SimWorld;
  readonly #self: AuthorIndex;
  readonly #behaviours: readonly Behaviour[];
  readonly #leadersOf: (round: number) => readonly number[];
  readonly #junk: Junk;
  readonly #twins = new Map<number, SignedBlock>();
  readonly #ownDigests = new Set<string>();
  /** Recent messages of others, for replays and forgeries. */
  readonly #heard: Uint8Array[] = [];
  #emittedRound = 0;

  constructor(
    world: SimWorld,
    self: AuthorIndex,
    behaviours: readonly Behaviour[],
    leadersOf: (round: number) => readonly number[],
  ) {
    this.#world = world;
    this.#self = self;
    this.#behaviours = behaviours;
    this.#leadersOf = leadersOf;
    this.#junk = new Junk(world, self, (header) => this.#sign(header, []));
  }

  /** What goes out in place of `bytes`. */
  twist(to: number, bytes: Uint8Array): Uint8Array[] {
    const said = this.#twisted(to, bytes);
    if (said.length !== 1 || said[0] !== bytes) this.#world.counters.twisted += 1;
    return said;
  }

  /** What its own node says. */
  observed(event: CoreEvent): void {
    if (event.type === 'emitted') this.#emittedRound = event.block.ref.round;
  }

  /**
   * Hears what others say. True for blocks that carry its signature behind the back of its own node, until the node has
   * signed a later round: it would take them for the work of a stolen key, and stop.
   */
  hears(bytes: Uint8Array): boolean {
    if (this.#heard.push(bytes) > MAX_HEARD) this.#heard.shift();
    const ref = this.#refOf(bytes);
    return ref?.author === this.#self && ref.round >= this.#emittedRound && this.#ownDigests.has(digestKey(ref.digest));
  }

  /** Junk for everybody; null when this validator has none at this moment. */
  junk(): Uint8Array | null {
    const { random } = this;
    const old = this.#heard.length > 0 ? random.pick(this.#heard) : null;
    if (old && this.#does('replay', 0.5)) return old;
    if (old && this.#does('forge', 0.5)) return this.#forged(old);
    return this.#does('flood', 1) ? this.#junk.piece() : null;
  }

  get random() {
    return this.#world.streams.byzantine;
  }

  #does(behaviour: Behaviour, probability: number): boolean {
    return this.#behaviours.includes(behaviour) && this.random.chance(probability);
  }

  #twisted(to: number, bytes: Uint8Array): Uint8Array[] {
    const message = decoded(bytes);
    switch (message?.kind) {
      case 'block':
        return this.#ownBlock(to, bytes, decodeBlock(this.#world.kernels, message.bytes));
      case 'blockReply':
        if (this.#does('forge', 0.5)) return [spoiled(bytes)];
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

  #ownBlock(to: number, bytes: Uint8Array, block: SignedBlock): Uint8Array[] {
    this.#junk.madeFrom(block);
    if (this.#does('withhold', 0.7)) return [];
    if (this.#leadersOf(block.ref.round).includes(this.#self) && this.#does('lead', 0.8)) return [];
    if (this.#behaviours.includes('split')) return [to % 2 === 0 ? this.#twinOf(block, true) : bytes];
    if (!this.#does('equivocate', 0.6)) return [bytes];
    const twin = this.#twinOf(block, false);
    return this.random.chance(0.3) ? [twin, bytes] : to % 2 === 0 ? [twin] : [bytes];
  }

  /** `isChained`: on the twin of the round before, so that the two chains have nothing of their author in common. */
  #twinOf(block: Block, isChained: boolean): Uint8Array {
    const { round } = block.ref;
    const twin =
      this.#twins.get(round) ?? this.#makeTwin(block, isChained ? this.#twins.get(round - 1)?.ref : undefined);
    this.#twins.set(round, twin);
    return encodeMessage({ kind: 'block', bytes: twin.bytes });
  }

  #makeTwin({ header, proposals }: Block, standsOn: Ref | undefined): SignedBlock {
    const { random } = this;
    const votes = header.votes.map((vote) => {
      const size = Math.max(1, vote.rejects.length, vote.abstains.length, 1 + random.below(3));
      return { ...vote, rejects: bitlistOf(new Array(size).fill(true)), abstains: bitlistOf([]) };
    });
    const commitVotes = header.commitVotes.map(({ index }) => {
      return { index, digest: this.#junk.digest(index) as CommitDigest };
    });
    const parents = standsOn ? [standsOn, ...header.parents.slice(1)] : header.parents;
    const timestampMs = header.timestampMs + 10_000;
    return this.#sign({ ...header, timestampMs, parents, votes, commitVotes }, [...proposals, ...proposals]);
  }

  #sign(header: Header, proposals: readonly IdentifiedProposal[]): SignedBlock {
    const { kernels, committee } = this.#world;
    const block = buildBlock(kernels, header, proposals);
    const { publicKey } = committee.validators[this.#self]!;
    this.#ownDigests.add(digestKey(block.ref.digest));
    return signBlock(block, cheapSignature(kernels, publicKey, block.ref.digest, HEADER_CONTEXT));
  }

  #refOf(bytes: Uint8Array): Ref | undefined {
    const message = decoded(bytes);
    if (message?.kind !== 'block' && message?.kind !== 'blockReply') return undefined;
    try {
      return decodeBlock(this.#world.kernels, message.bytes).ref;
    } catch (error) {
      if (!isPqError(error)) throw error;
      return undefined;
    }
  }

  #forged(old: Uint8Array): Uint8Array {
    const kind = decoded(old)?.kind;
    return kind === 'block' || kind === 'blockReply' ? spoiled(old) : old;
  }

  /** A range of commits that is cut, changed, or under signatures of nobody. */
  #badReply(message: Extract<Message, { kind: 'commitsReply' }>): Uint8Array[] {
    const { commits, certificate } = message;
    const half = commits.slice(0, Math.ceil(commits.length / 2));
    const entries = certificate.entries.map((entry) => ({ ...entry, signature: entry.signature.map((b) => b ^ 1) }));
    const last = commits.at(-1);
    switch (this.random.below(5)) {
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
}

/** Messages of others that are remembered. */
const MAX_HEARD = 256;
/** Kind of the message and offset of the header: then comes the signature of a block. */
const SIGNATURE_AT = 5;

/** Undefined for what is no whole message: a part of one, or junk. */
function decoded(bytes: Uint8Array): Message | undefined {
  try {
    return decodeMessage(bytes);
  } catch (error) {
    if (!isPqError(error)) throw error;
    return undefined;
  }
}

/** The same block, so the same digest, under a signature that does not verify. */
function spoiled(bytes: Uint8Array): Uint8Array {
  const copy = Uint8Array.from(bytes);
  copy[SIGNATURE_AT]! ^= 1;
  return copy;
}
