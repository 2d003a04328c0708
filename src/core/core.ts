/**
 * The core: one consensus node as a state machine. `step(nowMs, input)` returns what the driver must do; the driver owns
 * time, disk, network, keys and models. Nothing here waits, and nothing here is asked twice.
 *
 * What decides is the engine of the epoch. This file puts the next one in its place when the epoch's last commit is certified,
 * and is the only one that knows of more than one epoch.
 */
import { isPqError, PqError } from '../errors.ts';
import { equalBytes } from './bytes.ts';
import type { Closing } from './chain.ts';
import { commitDigest } from './commit.ts';
import { type Committee, committeeAfter, committeeHash } from './committee.ts';
import { Engine } from './engine.ts';
import type { EpochLink } from './epoch-chain.ts';
import type { Input, Output, SignedRecord, Submission } from './io.ts';
import { Memory } from './memory.ts';
import { Mempool } from './mempool.ts';
import { decodeMessage, encodeMessage, type Message } from './messages.ts';
import { type CoreOptions, type CoreStatus, DEFAULT_LOCAL_PARAMETERS } from './options.ts';
import { Outbox } from './outbox.ts';
import { emptyRecord } from './photon.ts';
import { authorsByNumber, Roster, type RosterEntry } from './roster.ts';
import type { AuthorIndex, Block, BlockDigest, Certificate, CommitDigest, PeerNumber, ProposalId } from './types.ts';

export interface Core {
  /** Feeds one input; returns what to do, in order. `nowMs` never goes back; milliseconds since 1970. */
  step(nowMs: number, input: Input): Output[];
  status(): CoreStatus;
  /** True while a decision on this id is remembered: from the commit that holds it until the proposal's expiry. */
  isDecided(id: ProposalId): boolean;
  /** Of the epoch that the node is in. */
  readonly committee: Committee;
  /** The own place in it; null for who only follows. */
  readonly self: AuthorIndex | null;
  /** Those of the peers that are members of that committee. */
  authorsOf(peers: readonly number[]): AuthorIndex[];
  /** Whom to have sessions with: the members of the previous, the current and, as soon as it is known, the next committee. */
  roster(): RosterEntry[];
}

export function createCore(options: CoreOptions): Core {
  return new EpochCore(options);
}

type Seal = Extract<Output, { type: 'seal' }>;

class EpochCore implements Core {
  readonly #options: CoreOptions;
  readonly #roster: Roster;
  readonly #memory: Memory;
  readonly #mempool = new Mempool();
  readonly #up = new Set<PeerNumber>();
  #engine: Engine;
  #out: Outbox;
  /** Authors of the current committee by number. */
  #authors: ReadonlyMap<PeerNumber, AuthorIndex>;
  #previous: Committee | null = null;
  /** Known from the execution of the epoch's last commit on. */
  #next: Committee | null = null;
  /** What was signed last, in this epoch or, after the loss of a store, a later one. Null: nothing may be signed. */
  #record: SignedRecord | null = null;
  #started = false;
  /** What the engine before had given out to be signed; until the answer nothing else is. */
  #unanswered: BlockDigest | null = null;
  #heldBack: Seal | null = null;

  constructor(options: CoreOptions) {
    const { kernels, committee, tableSeed } = options;
    this.#options = options;
    this.#roster = new Roster(kernels);
    this.#memory = new Memory(kernels, tableSeed ?? committee.hash.subarray(0, 16));
    const numbers = this.#roster.learn(committee);
    this.#authors = authorsByNumber(numbers);
    this.#out = new Outbox(numbers);
    this.#engine = this.#newEngine(committee, 0);
  }

  #newEngine(committee: Committee, firstToken: number): Engine {
    const { kernels, keysOf, modelId, key, local, readBlock } = this.#options;
    const own = committee.validators.find(({ publicKey }) => key !== null && equalBytes(publicKey, key));
    return new Engine({
      kernels,
      committee,
      self: own?.index ?? null,
      keysOf,
      modelId,
      readBlock,
      local: { ...DEFAULT_LOCAL_PARAMETERS, ...local },
      out: this.#out,
      memory: this.#memory,
      mempool: this.#mempool,
      mayJump: !this.#started,
      firstToken,
    });
  }

  get self(): AuthorIndex | null {
    return this.#engine.self;
  }

  get committee(): Committee {
    return this.#engine.committee;
  }

  isDecided(id: ProposalId): boolean {
    return this.#engine.isDecided(id);
  }

  authorsOf(peers: readonly number[]): AuthorIndex[] {
    return peers.flatMap((peer) => this.#authors.get(peer as PeerNumber) ?? []);
  }

  roster(): RosterEntry[] {
    const entries = new Map<PeerNumber, RosterEntry>();
    for (const committee of [this.#previous, this.committee, this.#next]) {
      if (!committee) continue;
      const numbers = this.#roster.learn(committee);
      for (const { index, publicKey, ed25519Key, gateKey } of committee.validators) {
        const number = numbers[index]!;
        entries.set(number, { number, publicKey, ed25519Key, gateKey });
      }
    }
    return [...entries.values()];
  }

  status(): CoreStatus {
    return { ...this.#engine.status(), epoch: this.committee.epoch, self: this.self };
  }

  step(nowMs: number, input: Input): Output[] {
    const outputs: Output[] = [];
    this.#take(nowMs, input);
    this.#drain(outputs);
    for (let { closed } = this.#engine; closed; closed = this.#engine.closed) {
      this.#change(nowMs, closed, closed.certificate);
      this.#drain(outputs);
    }
    return outputs;
  }

  #take(nowMs: number, input: Input): void {
    switch (input.type) {
      case 'enter':
        return this.#enter(input.link);
      case 'replay':
        this.#changeBefore(nowMs, input.record.commit.epoch);
        return this.#engine.step(nowMs, input);
      case 'start':
        this.#started = true;
        this.#record = input.record;
        return this.#start(nowMs, input.unsigned, input.pending);
      case 'peerUp':
        this.#up.add(input.peer);
        return this.#peer(nowMs, input);
      case 'peerDown':
        this.#up.delete(input.peer);
        return this.#peer(nowMs, input);
      case 'message':
        return this.#peer(nowMs, input);
      case 'sealed':
        if (this.#unanswered && equalBytes(this.#unanswered, input.digest)) return this.#release();
        return this.#engine.step(nowMs, input);
      default:
        return this.#engine.step(nowMs, input);
    }
  }

  #drain(outputs: Output[]): void {
    this.#announce();
    for (const output of this.#out.drain()) {
      if (output.type === 'seal' && this.#unanswered) this.#heldBack = output;
      else outputs.push(output);
    }
  }

  /** A block of the epoch before was signed, for nobody: what waited for its turn may be signed now. */
  #release(): void {
    this.#unanswered = null;
    if (this.#heldBack) this.#out.push(this.#heldBack);
    this.#heldBack = null;
  }

  #start(nowMs: number, unsigned: Block | null, pending: readonly Submission[]): void {
    const { committee, self } = this.#engine;
    const isCurrent = unsigned?.header.epoch === committee.epoch;
    const record = self === null ? null : this.#recordFor(committee, self);
    this.#engine.step(nowMs, { type: 'start', record, unsigned: isCurrent ? unsigned : null, pending });
  }

  /** In a new epoch nothing is signed yet; in one before that of the record nothing must be. */
  #recordFor(committee: Committee, self: AuthorIndex): SignedRecord | null {
    const record = this.#record;
    if (!record || record.epoch > committee.epoch) return null;
    if (record.epoch === committee.epoch) return record;
    return emptyRecord(committee, self, { index: record.votedIndex, digest: record.votedDigest });
  }

  // Peers --------------------------------------------------------------------------------------------------------

  #peer(nowMs: number, input: Extract<Input, { readonly peer: PeerNumber }>): void {
    const author = this.#authors.get(input.peer);
    if (author !== undefined) return this.#engine.step(nowMs, { ...input, peer: author });
    if (input.type === 'peerUp') this.#send(input.peer, this.#engine.introduction);
    if (input.type === 'message') this.#stranger(input.peer, input.bytes);
  }

  /** Who is in a neighbouring committee may follow, and ask: the store answers. Nothing it says can matter in this epoch. */
  #stranger(peer: PeerNumber, bytes: Uint8Array): void {
    const message = this.#decoded(bytes);
    const { epoch } = this.committee;
    switch (message?.kind) {
      case 'status':
        if (message.epoch >= epoch) return;
        this.#send(peer, this.#engine.introduction);
        return this.#serve(peer, { kind: 'fetchClosing', epoch: message.epoch });
      case 'fetchBlocks':
      case 'fetchRounds':
      case 'fetchCommits':
      case 'fetchClosing':
        return this.#serve(peer, message);
    }
  }

  #decoded(bytes: Uint8Array): Message | undefined {
    try {
      return decodeMessage(bytes);
    } catch (error) {
      if (!isPqError(error)) throw error;
      this.#out.event({ type: 'refused', peer: null, code: error.code, message: error.message });
      return undefined;
    }
  }

  #send(to: PeerNumber, message: Message): void {
    this.#out.push({ type: 'send', to, bytes: encodeMessage(message) });
  }
  #serve(peer: PeerNumber, request: Message): void {
    this.#out.push({ type: 'serve', peer, request });
  }

  // Epochs -------------------------------------------------------------------------------------------------------

  /** Says who decides next as soon as that is sure, so that they can be met. */
  #announce(): void {
    const closing = this.#engine.closing;
    if (this.#next || !closing?.digest) return;
    this.#next = this.#nextOf(closing, closing.digest);
    this.#out.event({ type: 'closing', committee: this.#next });
  }

  #nextOf({ index, timestampMs, members }: Closing, digest: CommitDigest): Committee {
    return committeeAfter(this.#options.kernels, this.committee, members, { index, digest, timestampMs });
  }

  /** A commit of the next epoch in the own store shows that this one was closed. Throws `REPLAY_EPOCH` when it was not. */
  #changeBefore(nowMs: number, epoch: number): void {
    if (epoch === this.committee.epoch) return;
    const { closing } = this.#engine;
    if (epoch !== this.committee.epoch + 1 || !closing?.digest) {
      throw new PqError('REPLAY_EPOCH', 'a stored commit is of an epoch that the commits before it do not lead to', {
        epoch,
        current: this.committee.epoch,
      });
    }
    this.#change(nowMs, closing, null);
  }

  /** Puts the engine of the next epoch in the place of this one. What is owed to clients goes over with the mempool. */
  #change(nowMs: number, closing: Closing, certificate: Certificate | null): void {
    const before = this.#engine;
    this.#record = before.record ?? this.#record;
    this.#unanswered ??= before.sealing;
    this.#previous = before.committee;
    this.#mempool.giveBackAll();
    this.#install(this.#next ?? this.#nextOf(closing, closing.digest!), before.nextToken, certificate);
    if (!this.#started) return;
    this.#start(nowMs, null, []);
    for (const peer of this.#up) this.#peer(nowMs, { type: 'peerUp', peer });
  }

  /** Takes up an epoch that this node was in before a restart, without what led to it. */
  #enter({ certificate, members }: EpochLink): void {
    const { kernels } = this.#options;
    const commit = certificate.commits[0];
    const { epoch, chainId } = this.committee;
    const isOwn = commit && commit.epoch >= epoch && equalBytes(commit.chainId, chainId);
    if (!isOwn || !equalBytes(commit.nextCommitteeHash, committeeHash(kernels, members))) {
      throw new PqError('ENTER_LINK', 'What closed an epoch does not lead to the next one.', { epoch: commit?.epoch });
    }
    this.#previous = commit.epoch === epoch ? this.committee : null;
    const { index, timestampMs } = commit;
    const origin = { index, digest: commitDigest(kernels, commit), timestampMs };
    this.#install(committeeAfter(kernels, commit, members, origin), this.#engine.nextToken, null);
  }

  #install(committee: Committee, firstToken: number, certificate: Certificate | null): void {
    const numbers = this.#roster.learn(committee);
    this.#next = null;
    this.#authors = authorsByNumber(numbers);
    this.#out = new Outbox(numbers);
    this.#engine = this.#newEngine(committee, firstToken);
    this.#out.event({ type: 'epoch', committee, certificate });
  }
}
