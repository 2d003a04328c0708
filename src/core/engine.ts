/**
 * One epoch's engine: the consensus of one committee, from the epoch's origin to its closing commit. It knows no other epoch;
 * `core.ts` puts the next engine in its place.
 */
import type { Kernels } from '../wasm/kernels.ts';
import { digestKey, refKey } from './block.ts';
import { Chain, type Closing } from './chain.ts';
import { commitDigest } from './commit.ts';
import { type Committee, leaderSchedule } from './committee.ts';
import type { Admission, Vertex } from './dag.ts';
import { EpochDoor } from './epoch-door.ts';
import { Fetcher } from './fetch.ts';
import { Intake } from './intake.ts';
import type { EngineInput, SignedRecord, Submission } from './io.ts';
import { Lapse } from './lapse.ts';
import { ROUND_WINDOW } from './limits.ts';
import type { Mempool } from './mempool.ts';
import type { Message } from './messages.ts';
import type { EngineOptions, EngineStatus, LocalParameters } from './options.ts';
import type { Outbox } from './outbox.ts';
import { Pacemaker } from './pacemaker.ts';
import { PeerTable } from './peers.ts';
import { Photon } from './photon.ts';
import { Proposer } from './proposer.ts';
import { isNeeded } from './reason.ts';
import { Repetition } from './repetition.ts';
import { PeerService } from './service.ts';
import { CommitSync } from './sync.ts';
import type {
  AuthorIndex,
  Block,
  BlockDigest,
  Decision,
  ProposalId,
  Ref,
  SignedBlock,
  VerifiedBlock,
} from './types.ts';
import { keysWithUpgrades } from './upgrade.ts';
import { Wave } from './wave.ts';

export class Engine {
  readonly committee: Committee;
  readonly self: AuthorIndex | null;
  readonly #kernels: Kernels;
  readonly #out: Outbox;
  readonly #peers: PeerTable;
  readonly #chain: Chain;
  readonly #wave = new Wave();
  readonly #mempool: Mempool;
  /** Null: a node that follows and never signs. */
  readonly #proposer: Proposer | null;
  readonly #pacemaker: Pacemaker;
  readonly #fetcher: Fetcher;
  readonly #service: PeerService;
  readonly #intake: Intake;
  readonly #repetition: Repetition;
  readonly #lapse: Lapse;
  readonly #local: LocalParameters;
  #nowMs = 0;
  #started = false;
  #settledIndex = 0;
  #armedMs = Number.POSITIVE_INFINITY;

  constructor(options: EngineOptions) {
    const { kernels, committee, self, out } = options;
    this.committee = committee;
    this.self = self;
    this.#kernels = kernels;
    this.#out = out;
    this.#local = options.local;
    this.#mempool = options.mempool;
    const schedule = leaderSchedule(kernels, committee);
    this.#peers = new PeerTable(committee);
    this.#chain = new Chain({
      kernels,
      committee,
      schedule,
      keysOf: keysWithUpgrades(kernels, committee, options.keysOf),
      out,
      listener: {
        admitted: (admission) => this.#admitted(admission),
        dropped: (vertices) => this.#dropped(vertices),
        decided: (decisions) => this.#decided(decisions),
      },
      memory: options.memory,
      snapshotEvery: this.#local.snapshotEvery,
    });
    const { dag } = this.#chain;
    this.#settledIndex = committee.origin.index;
    this.#pacemaker = new Pacemaker(dag, committee, schedule, this.#local);
    this.#fetcher = new Fetcher(dag, committee.size);
    const sync = new CommitSync(kernels, committee);
    this.#intake = new Intake(options, dag, sync);
    this.#service = new PeerService({
      committee,
      chain: this.#chain,
      peers: this.#peers,
      sync,
      intake: this.#intake,
      door: new EpochDoor(kernels, committee, out),
      out,
      timeoutMs: () => Math.max(1000, 4 * this.#pacemaker.timeoutMs),
      ownLast: () => this.#proposer?.last ?? (committee.genesisRefs[0] as Ref),
      synced: () => this.#synced(),
    });
    this.#repetition = new Repetition({
      chain: this.#chain,
      peers: this.#peers,
      service: this.#service,
      pacemaker: this.#pacemaker,
      epoch: committee.epoch,
    });
    this.#lapse = new Lapse(this.#chain, this.#mempool, out);
    this.#proposer = self === null ? null : this.#newProposer(options, self);
  }

  #newProposer({ kernels, committee, modelId, mayJump }: EngineOptions, self: AuthorIndex): Proposer {
    const [wave, mempool] = [this.#wave, this.#mempool];
    const { dag, horizon } = this.#chain;
    return new Proposer({
      photon: new Photon({ kernels, committee, self, modelId, dag, wave, horizon, mempool }),
      chain: this.#chain,
      wave,
      mempool,
      pacemaker: this.#pacemaker,
      peers: this.#peers,
      out: this.#out,
      local: this.#local,
      mayJump,
    });
  }

  /** Takes one input and settles what follows from it. What is to be done is in the outbox. */
  step(nowMs: number, input: EngineInput): void {
    this.#nowMs = nowMs;
    this.#take(input);
    if (this.#started && !this.closed) this.#settle();
  }

  isDecided(id: ProposalId): boolean {
    return this.#chain.focus.isDecided(digestKey(id));
  }
  /** The commit that ends the epoch, once it is known. */
  get closing(): Closing | null {
    return this.#chain.closing;
  }
  /** The same once nothing is left to do in this epoch: a quorum of its committee certified that commit. */
  get closed(): Closing | null {
    const { closing, halted } = this.#chain;
    return closing?.certificate && !halted ? closing : null;
  }
  /** What this validator has put its name under; null when it does not sign. */
  get record(): SignedRecord | null {
    return this.#proposer?.record ?? null;
  }
  /** The own block that waits for its signature. */
  get sealing(): BlockDigest | null {
    return this.#proposer?.sealing ?? null;
  }
  /** The first number that no signature check has. */
  get nextToken(): number {
    return this.#intake.nextToken;
  }
  /** How this node would introduce itself to a peer. */
  get introduction(): Message {
    return this.#service.introduction;
  }

  status(): EngineStatus {
    const { dag, prism, focus, horizon } = this.#chain;
    return {
      round: this.#proposer?.round ?? 0,
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

  #take(input: EngineInput): void {
    switch (input.type) {
      case 'restore': {
        const blocks = input.blocks as readonly Block[] as readonly VerifiedBlock[];
        return this.#chain.restore(input.snapshot, blocks, input.commits);
      }
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
        this.#fetcher.askAgain(this.#nowMs);
        return this.#service.peerUp(input.peer);
      case 'peerDown':
        return this.#service.peerDown(this.#nowMs, input.peer);
      case 'verified':
        return this.#verified(input.token, input.valid);
      case 'sealed':
        return this.#sealed(input.digest, input.signature);
      case 'opinion':
        return this.#wave.formed(input.digest, input.opinion);
      case 'executed':
        return this.#chain.executed(input);
      case 'certified':
        return this.#chain.adoptCertificate(input.certificate);
      case 'submit':
        return this.#submit(input.submissions);
      case 'timer':
        this.#armedMs = Number.POSITIVE_INFINITY;
    }
  }

  // Recovery -----------------------------------------------------------------------------------------------------

  /** What a slot had no room for may be needed by a block that comes later: tried again while that helps. */
  #reload(blocks: readonly SignedBlock[]): void {
    const { dag } = this.#chain;
    let left = blocks as readonly Block[] as readonly VerifiedBlock[];
    for (const block of left) this.#chain.observe(block);
    for (let count = Number.POSITIVE_INFINITY; left.length < count; ) {
      count = left.length;
      for (const block of left) this.#admitted(dag.admit(block));
      left = left.filter((block) => !dag.holds(refKey(block.ref)));
    }
  }

  /** An own block from before the restart: its votes are cast, its proposals are out. */
  #wasEmitted(block: Block): void {
    for (const vote of block.header.votes) this.#wave.wasCast(vote);
    const owed = block.proposals.filter((proposal) => this.#chain.focus.isUndecidedProposal(proposal));
    this.#mempool.markEmitted(owed.map((proposal) => ({ proposal })));
  }

  #start(record: SignedRecord | null, unsigned: Block | null, pending: readonly Submission[]): void {
    this.#started = true;
    if (unsigned) this.#wasEmitted(unsigned);
    this.#submit(pending);
    for (const vertex of this.#chain.dag.all()) this.#consider(vertex);
    // Of what the reloaded headers say, too: else a block would be made for a certificate that is there.
    this.#chain.certify();
    if (record) this.#proposer?.start(this.#nowMs, record, unsigned);
  }

  /** A proposal that was decided before a restart, or by another validator's block, needs no second one. */
  #submit(submissions: readonly Submission[]): void {
    for (const submission of submissions) {
      const { id } = submission.proposal;
      if (this.#chain.focus.isDecided(digestKey(id))) continue;
      // Some block brought it already: it is owed, but putting it into another one would change nothing.
      if (this.#chain.focus.isOpen(digestKey(id))) this.#mempool.markEmitted([submission]);
      else if (!this.#mempool.add(submission)) this.#out.event({ type: 'lapsed', id });
    }
  }

  /** A range of commits was taken over: what is not decided by it is judged now, and rounds may be skipped once. */
  #synced(): void {
    this.#proposer?.synced(this.#nowMs);
    for (const vertex of this.#chain.dag.all()) this.#consider(vertex);
  }

  // Blocks -------------------------------------------------------------------------------------------------------

  #verified(token: number, valid: boolean): void {
    const proven = this.#intake.verified(token, valid);
    if (proven?.kind === 'entry')
      this.#service.certificateEntry(this.#nowMs, proven.peer, proven.certificate, proven.valid);
    if (proven?.kind === 'block') this.#arrived(proven.block, proven.peer);
  }

  /** A block whose signature is good, from a peer. */
  #arrived(block: VerifiedBlock, peer: AuthorIndex): void {
    const { round, author } = block.ref;
    this.#peers.sawRound(author, round);
    for (const { index } of block.header.commitVotes) this.#peers.sawIndex(author, index);
    this.#chain.observe(block);
    this.#enter(block, peer);
    // After the block is handed to the store: whoever hears of a certificate may rely on what it was made of.
    this.#chain.certify();
  }

  #enter(block: VerifiedBlock, peer: AuthorIndex): void {
    const { round, author } = block.ref;
    const key = refKey(block.ref);
    if (author === this.self && !this.#proposer?.isRecorded(block.ref)) return;
    if (this.#service.deliver(this.#nowMs, block)) return;
    const { dag } = this.#chain;
    if (round > dag.highestRound + ROUND_WINDOW && !dag.isMissing(key)) return;
    if (dag.isFull) this.#intake.refuse(peer, 'DAG_FULL', 'no more blocks are held until a leader is committed');
    const admission = dag.admit(block);
    if (admission.suspended && !this.#service.takesRange)
      this.#fetcher.want(dag.missingParentsOf(block), author, peer, this.#nowMs, this.#pacemaker.roundMs);
    this.#admitted(admission);
  }

  #admitted({ accepted, equivocations }: Admission): void {
    for (const vertex of accepted) {
      const { block } = vertex;
      this.#peers.sawRound(block.ref.author, block.ref.round);
      const isOwn = block.ref.author === this.self;
      if (isOwn) this.#proposer?.accepted(block.ref);
      if (!this.#started) {
        if (isOwn) this.#wasEmitted(block);
        continue;
      }
      this.#out.push({ type: 'store', block });
      this.#out.event({ type: 'accepted', block });
      if (!this.#service.adopting) this.#consider(vertex);
    }
    for (const [first, second] of equivocations) {
      this.#out.event({ type: 'equivocation', first: first.block, second: second.block });
    }
  }

  /** Asks the own models about a block, the own ones too, while votes on it can count. */
  #consider(vertex: Vertex): void {
    if (this.self === null || vertex.block.proposals.length === 0) return;
    if (this.#chain.focus.isUndecided(vertex.block) && this.#wave.consider(vertex)) {
      this.#out.push({ type: 'score', block: vertex.block });
    }
  }

  #dropped(vertices: readonly Vertex[]): void {
    this.#wave.forget(vertices);
    for (const { block } of vertices) if (block.ref.author === this.self) this.#mempool.giveBack(block.proposals);
  }

  #decided(decisions: readonly Decision[]): void {
    for (const { id, reason } of decisions) this.#mempool.decided(digestKey(id), reason);
  }

  // Own blocks ---------------------------------------------------------------------------------------------------

  #sealed(digest: Uint8Array, signature: Uint8Array): void {
    const block = this.#proposer?.sealed(digest, signature);
    if (!block) return;
    const own = block as Block as VerifiedBlock;
    this.#chain.observe(own);
    this.#admitted(this.#chain.dag.admit(own));
    this.#chain.certify();
    const vertex = this.#chain.dag.get(refKey(block.ref));
    if (vertex) this.#out.event({ type: 'emitted', block: vertex.block });
    else if (block.ref.round <= this.#chain.dag.gcRound) this.#mempool.giveBack(block.proposals);
    this.#out.send('all', { kind: 'block', bytes: block.bytes });
    this.#repetition.sent(this.#nowMs);
  }

  /** After every input: order what can be ordered, emit what is due, ask for what is missing, sleep until the next of these. */
  #settle(): void {
    this.#chain.advance();
    if (this.#chain.prism.index !== this.#settledIndex) this.#afterCommit();
    this.#service.follow(this.#nowMs);
    // What is being sealed is neither in the mempool nor in the DAG.
    const need = (this.#proposer?.isSealing ?? false) || isNeeded(this.#chain, this.#mempool);
    const emit = this.#service.takesRange ? undefined : this.#proposer?.emit(this.#nowMs, need);
    const wakes = [
      emit ?? Number.POSITIVE_INFINITY,
      this.#chain.halted ? Number.POSITIVE_INFINITY : this.#repetition.look(this.#nowMs, need),
      this.#lapse.look(this.#nowMs, need, this.#proposer?.maySign ?? false),
      this.#fetch(),
      this.#service.deadlineMs,
    ];
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
  }

  #fetch(): number {
    if (this.#service.takesRange) return Number.POSITIVE_INFINITY;
    const retryMs = Math.max(this.#local.leaderTimeoutMs, 2 * this.#pacemaker.roundMs);
    const { requests, nextAtMs } = this.#fetcher.due(this.#nowMs, this.#peers.up(), retryMs);
    for (const { peer, refs } of requests) this.#out.send(peer, { kind: 'fetchBlocks', refs });
    return nextAtMs;
  }
}
