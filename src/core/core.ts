/**
 * The core: one consensus node as a state machine. `step(nowMs, input)` returns what the driver must do; the driver owns
 * time, disk, network, keys and models. Nothing here waits, and nothing here is asked twice.
 */
import { refKey, signBlock } from './block.ts';
import { Chain, keysOfDecisions } from './chain.ts';
import { commitDigest } from './commit.ts';
import { type Committee, leaderSchedule } from './committee.ts';
import type { Admission, Vertex } from './dag.ts';
import { Fetcher } from './fetch.ts';
import { Intake } from './intake.ts';
import type { Input, Output, SignedRecord, Submission } from './io.ts';
import { MAX_EXECUTION_LAG, ROUND_WINDOW } from './limits.ts';
import { Mempool } from './mempool.ts';
import { type CoreOptions, type CoreStatus, DEFAULT_LOCAL_PARAMETERS, type LocalParameters } from './options.ts';
import { Outbox } from './outbox.ts';
import { Pacemaker } from './pacemaker.ts';
import { PeerTable } from './peers.ts';
import { Photon } from './photon.ts';
import { PeerService } from './service.ts';
import { CommitSync } from './sync.ts';
import type { AuthorIndex, Block, Decision, Ref, SignedBlock, VerifiedBlock } from './types.ts';
import { Wave } from './wave.ts';

export interface Core {
  /** Feeds one input; returns what to do, in order. `nowMs` never goes back; milliseconds since 1970. */
  step(nowMs: number, input: Input): Output[];
  status(): CoreStatus;
}

export function createCore(options: CoreOptions): Core {
  return new ConsensusCore(options);
}

class ConsensusCore implements Core {
  readonly #committee: Committee;
  readonly #self: AuthorIndex | null;
  readonly #out = new Outbox();
  readonly #peers: PeerTable;
  readonly #chain: Chain;
  readonly #wave = new Wave();
  readonly #mempool = new Mempool();
  readonly #photon: Photon | null;
  readonly #pacemaker: Pacemaker;
  readonly #fetcher: Fetcher;
  readonly #service: PeerService;
  readonly #intake: Intake;
  readonly #local: LocalParameters;
  #nowMs = 0;
  #started = false;
  /** Null until a record allows to sign. */
  #maySign = false;
  #sealing: Block | null = null;
  /** The own newest block with its signature: sent again when messages were lost. */
  #lastOwn: SignedBlock | null = null;
  /** The own newest block that this node ever held, for parents. */
  #newestOwn: Ref | null = null;
  /** The one exception to own rounds: once per start or commit sync. */
  #mayJump = true;
  #startedMs = 0;
  /** When something of the own was last sent: beyond the leader timeout with need, messages may have been lost. */
  #lastSentMs = Number.NEGATIVE_INFINITY;
  #settledIndex = 0;
  #armedMs = Number.POSITIVE_INFINITY;

  constructor(options: CoreOptions) {
    const { kernels, committee, self, keysOf, modelId } = options;
    this.#committee = committee;
    this.#self = self;
    this.#local = { ...DEFAULT_LOCAL_PARAMETERS, ...options.local };
    const schedule = leaderSchedule(kernels, committee);
    this.#peers = new PeerTable(committee);
    this.#chain = new Chain(kernels, committee, schedule, keysOf, this.#out, {
      admitted: (admission) => this.#admitted(admission),
      dropped: (vertices) => this.#dropped(vertices),
      decided: (decisions) => this.#decided(decisions),
    });
    const { dag, horizon } = this.#chain;
    this.#pacemaker = new Pacemaker(dag, committee, schedule, this.#local);
    this.#fetcher = new Fetcher(dag);
    const sync = new CommitSync(kernels, committee);
    this.#intake = new Intake(kernels, committee, dag, sync, this.#out);
    this.#service = new PeerService({
      committee,
      chain: this.#chain,
      peers: this.#peers,
      sync,
      intake: this.#intake,
      out: this.#out,
      timeoutMs: () => Math.max(1000, 4 * this.#pacemaker.timeoutMs),
      ownLast: () => this.#ownLast(),
      synced: () => {
        this.#mayJump = true;
      },
    });
    this.#photon =
      self === null
        ? null
        : new Photon({ kernels, committee, self, modelId, dag, wave: this.#wave, horizon, mempool: this.#mempool });
    this.#kernels = kernels;
  }
  readonly #kernels;

  step(nowMs: number, input: Input): Output[] {
    this.#nowMs = nowMs;
    this.#take(input);
    if (this.#started) this.#settle();
    return this.#out.drain();
  }

  status(): CoreStatus {
    const { dag, prism, focus, horizon } = this.#chain;
    return {
      round: this.#photon?.record.round ?? 0,
      highestRound: dag.highestRound,
      commitIndex: prism.index,
      executedIndex: horizon.executedIndex,
      certifiedIndex: horizon.certifiedIndex,
      gcRound: dag.gcRound,
      dagBlocks: dag.size,
      suspended: dag.suspendedCount,
      mempool: this.#mempool.size,
      openProposals: focus.openCount,
      syncing: this.#service.syncing,
      halted: this.#chain.halted,
    };
  }

  #take(input: Input): void {
    switch (input.type) {
      case 'replay': {
        const { commit, blocks } = input.record;
        const digest = commitDigest(this.#kernels, commit);
        for (const block of blocks as readonly Block[] as readonly VerifiedBlock[]) this.#chain.observe(block);
        return this.#chain.adopt(commit, digest, blocks as readonly Block[] as readonly VerifiedBlock[], true);
      }
      case 'reload':
        return this.#reload(input.blocks);
      case 'start':
        return this.#start(input.record, input.unsigned, input.pending);
      case 'message':
        return this.#service.message(this.#nowMs, input.peer, input.bytes);
      case 'peerUp':
        return this.#service.peerUp(input.peer);
      case 'peerDown':
        return this.#service.peerDown(input.peer);
      case 'verified':
        return this.#verified(input.token, input.valid);
      case 'sealed':
        return this.#sealed(input.digest, input.signature);
      case 'opinion':
        return this.#wave.formed(input.digest, input.opinion);
      case 'executed':
        return this.#chain.executed(input);
      case 'submit':
        for (const submission of input.submissions) this.#mempool.add(submission);
        return;
      case 'timer':
        this.#armedMs = Number.POSITIVE_INFINITY;
    }
  }

  // Recovery -----------------------------------------------------------------------------------------------------

  #reload(blocks: readonly SignedBlock[]): void {
    for (const block of blocks as readonly Block[] as readonly VerifiedBlock[]) {
      this.#chain.observe(block);
      this.#admitted(this.#chain.dag.admit(block));
    }
  }

  /** An own block from before the restart: its votes are cast, its proposals are out. */
  #wasEmitted(block: Block): void {
    for (const vote of block.header.votes) this.#wave.wasCast(vote);
    this.#mempool.markEmitted(block.proposals.map((proposal) => ({ proposal })));
  }

  #start(record: SignedRecord | null, unsigned: Block | null, pending: readonly Submission[]): void {
    this.#started = true;
    this.#startedMs = this.#nowMs;
    for (const submission of pending) this.#mempool.add(submission);
    if (unsigned) this.#wasEmitted(unsigned);
    for (const vertex of this.#chain.dag.all()) this.#consider(vertex);
    if (!this.#photon || !record) return;
    this.#maySign = true;
    this.#photon.resume(record, this.#newestOwn ?? this.#photon.last);
    this.#pacemaker.ownRoundIs(this.#photon.last.round);
    this.#chain.checkListed(record);
    if (unsigned && !this.#chain.halted) this.#seal(unsigned);
  }

  // Blocks -------------------------------------------------------------------------------------------------------

  #verified(token: number, valid: boolean): void {
    const proven = this.#intake.verified(token, valid);
    if (proven?.kind === 'entry') this.#service.certificateEntry(this.#nowMs, proven.valid);
    if (proven?.kind === 'block') this.#arrived(proven.block, proven.peer);
  }

  /** A block whose signature is good, from a peer. */
  #arrived(block: VerifiedBlock, peer: AuthorIndex): void {
    const { round, author } = block.ref;
    const key = refKey(block.ref);
    this.#peers.sawRound(author, round);
    for (const { index } of block.header.commitVotes) this.#peers.sawIndex(author, index);
    this.#chain.observe(block);
    this.#chain.certify();
    if (author === this.#self && !this.#isOwnPast(block)) return;
    if (this.#service.deliver(this.#nowMs, block)) return;
    const { dag } = this.#chain;
    if (round > dag.highestRound + ROUND_WINDOW && !dag.isMissing(key)) return;
    const admission = dag.admit(block);
    if (admission.suspended && !this.#service.syncing)
      this.#fetcher.want(dag.missingParentsOf(block), peer, this.#nowMs);
    this.#admitted(admission);
  }

  /** An own block above the record, or another one in its round: the key is used elsewhere, or the disk is an old copy. */
  #isOwnPast(block: VerifiedBlock): boolean {
    const record = this.#photon?.record;
    if (!this.#maySign || !record || block.ref.round < record.round) return true;
    const isRecorded =
      block.ref.round === record.round && block.ref.digest.every((byte, i) => byte === record.digest[i]);
    if (isRecorded) return true;
    this.#maySign = false;
    this.#chain.halt(
      'OWN_BLOCK_UNKNOWN',
      'a block signed by this validator is not in its record: stop, the key is in use elsewhere or the disk is an old copy',
      {
        round: block.ref.round,
      },
    );
    return false;
  }

  #admitted({ accepted, equivocations }: Admission): void {
    for (const vertex of accepted) {
      const { block } = vertex;
      if (block.ref.author === this.#self && block.ref.round > (this.#newestOwn?.round ?? 0))
        this.#newestOwn = block.ref;
      this.#peers.sawRound(block.ref.author, block.ref.round);
      if (!this.#started) {
        if (block.ref.author === this.#self) this.#wasEmitted(block);
        continue;
      }
      this.#out.push({ type: 'store', block });
      this.#out.event({ type: 'accepted', block });
      this.#consider(vertex);
    }
    for (const [first, second] of equivocations) {
      this.#out.event({ type: 'equivocation', first: first.block, second: second.block });
    }
  }

  /** Asks the own models about a block, the own ones too, while votes on it can count. */
  #consider(vertex: Vertex): void {
    if (this.#self === null || vertex.block.proposals.length === 0) return;
    if (this.#chain.focus.isUndecided(vertex.block) && this.#wave.consider(vertex)) {
      this.#out.push({ type: 'score', block: vertex.block });
    }
  }

  #dropped(vertices: readonly Vertex[]): void {
    this.#wave.forget(vertices);
    for (const { block } of vertices) if (block.ref.author === this.#self) this.#mempool.giveBack(block.proposals);
  }

  #decided(decisions: readonly Decision[]): void {
    for (const key of keysOfDecisions(decisions)) this.#mempool.settle(key);
  }

  // Own blocks ---------------------------------------------------------------------------------------------------

  #ownLast(): Ref {
    return this.#photon?.last ?? (this.#committee.genesisRefs[0] as Ref);
  }

  #seal(block: Block): void {
    if (!this.#photon) return;
    this.#sealing = block;
    this.#out.push({ type: 'seal', block, record: this.#photon.record });
  }

  #sealed(digest: Uint8Array, signature: Uint8Array): void {
    const block = this.#sealing;
    if (!block || !this.#photon || !block.ref.digest.every((byte, i) => byte === digest[i])) return;
    this.#sealing = null;
    const signed = signBlock(block, signature);
    const own = signed as Block as VerifiedBlock;
    this.#lastOwn = signed;
    this.#photon.sealed(block);
    this.#pacemaker.ownRoundIs(block.ref.round);
    this.#chain.observe(own);
    this.#admitted(this.#chain.dag.admit(own));
    this.#chain.certify();
    const vertex = this.#chain.dag.get(refKey(block.ref));
    if (vertex) this.#out.event({ type: 'emitted', block: vertex.block });
    this.#out.send('all', { kind: 'block', bytes: signed.bytes });
    this.#lastSentMs = this.#nowMs;
  }

  /** After every input: order what can be ordered, emit what is due, ask for what is missing, sleep until the next of these. */
  #settle(): void {
    this.#chain.advance();
    if (this.#chain.prism.index !== this.#settledIndex) this.#afterCommit();
    this.#service.follow(this.#nowMs);
    const wakes = [this.#emit(), this.#repeat(), this.#fetch(), this.#service.deadlineMs];
    const atMs = Math.min(...wakes);
    if (atMs !== this.#armedMs) {
      this.#armedMs = atMs;
      this.#out.push({ type: 'arm', atMs });
    }
  }

  #afterCommit(): void {
    const { dag, focus, prism } = this.#chain;
    this.#settledIndex = prism.index;
    this.#pacemaker.committed();
    this.#wave.prune((vertex) => focus.isUndecided(vertex.block), dag.gcRound);
    this.#lapse(prism.timestampMs);
  }

  #lapse(commitTimeMs: number): void {
    const { focus } = this.#chain;
    for (const id of this.#mempool.lapse(this.#nowMs, commitTimeMs, (key) => focus.isOpen(key))) {
      this.#out.event({ type: 'lapsed', id });
    }
  }

  #need(): boolean {
    const { dag, focus, horizon } = this.#chain;
    if (this.#mempool.size > 0 || focus.openCount > 0 || horizon.owesCertificate) return true;
    for (const { block } of dag.uncommittedPayloads) if (focus.isUndecided(block)) return true;
    return false;
  }

  #onlyOpinionsMissing(): boolean {
    const { dag, focus, horizon } = this.#chain;
    const moving = dag.uncommittedPayloads.size > 0 || dag.uncommittedVotes.size > 0 || focus.hasDeferred;
    return (
      !moving && this.#mempool.size === 0 && !horizon.owesCertificate && horizon.lag === 0 && !this.#wave.hasUncast
    );
  }

  /** Builds the own next block if there is a reason and it is time; returns when to look again. */
  #emit(): number {
    const photon = this.#photon;
    if (!photon || !this.#maySign || this.#sealing || this.#chain.halted || this.#service.syncing) {
      return Number.POSITIVE_INFINITY;
    }
    const { round, jumping, waitUntilMs } = this.#nextRound(photon);
    if (waitUntilMs > this.#nowMs) return waitUntilMs;
    const need = this.#need();
    const advice = this.#pacemaker.advise(this.#nowMs, {
      round,
      need,
      jumping,
      onlyOpinionsMissing: need && this.#onlyOpinionsMissing(),
      forming: this.#wave.isForming(round),
    });
    if (!advice.create) return advice.wakeAtMs;
    if (jumping) this.#mayJump = false;
    if (jumping && this.#newestOwn) photon.resume(photon.record, this.#newestOwn);
    this.#pacemaker.created(this.#nowMs);
    const { block } = photon.build(round, this.#nowMs, this.#chain.horizon.lag < MAX_EXECUTION_LAG);
    this.#seal(block);
    return Number.POSITIVE_INFINITY;
  }

  /** The round of the own next block: the one after the last, or once after a start or a sync, where the others are. */
  #nextRound(photon: Photon): { round: number; jumping: boolean; waitUntilMs: number } {
    const { dag } = this.#chain;
    const next = photon.record.round + 1;
    if (!this.#mayJump) return { round: next, jumping: false, waitUntilMs: 0 };
    const there = dag.highestQuorumRound() + 1;
    // The others are further than the DAG shows: what is missing is on its way, and the jump is only one.
    const behind = this.#peers.supportedRound() > dag.highestRound + 1;
    const waitUntilMs = behind ? this.#startedMs + 4 * this.#local.leaderTimeoutMs : 0;
    const jumping = there > next || (there === next && photon.last.round < next - 1);
    return { round: jumping ? there : next, jumping, waitUntilMs };
  }

  /** Messages may have been lost: say the last word again and ask for what the others have. Returns when to look again. */
  #repeat(): number {
    const { dag } = this.#chain;
    const behind = this.#peers.supportedRound() > dag.highestRound && !this.#service.syncing;
    if (!behind && !this.#need()) return Number.POSITIVE_INFINITY;
    if (this.#lastSentMs === Number.NEGATIVE_INFINITY) this.#lastSentMs = this.#nowMs;
    const dueMs = this.#lastSentMs + this.#pacemaker.timeoutMs;
    if (this.#nowMs < dueMs) return dueMs;
    this.#lastSentMs = this.#nowMs;
    this.#pacemaker.backOff();
    this.#lapse(this.#chain.prism.timestampMs);
    if (this.#lastOwn) this.#out.send('all', { kind: 'block', bytes: this.#lastOwn.bytes });
    this.#service.askRounds('all', this.#photon?.record.round ?? 0);
    return this.#lastSentMs + this.#pacemaker.timeoutMs;
  }

  #fetch(): number {
    if (this.#service.syncing) return Number.POSITIVE_INFINITY;
    const { requests, nextAtMs } = this.#fetcher.due(this.#nowMs, this.#peers.up(), this.#local.leaderTimeoutMs);
    for (const { peer, refs } of requests) this.#out.send(peer, { kind: 'fetchBlocks', refs });
    return nextAtMs;
  }
}
