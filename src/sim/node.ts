import { digestKey, refKey } from '../core/block.ts';
import { toHex } from '../core/bytes.ts';
import type { Committee } from '../core/committee.ts';
import { type Core, createCore } from '../core/core.ts';
import type { CoreEvent } from '../core/events.ts';
import type { Execution, Input, Output, Submission } from '../core/io.ts';
import { MAX_FETCH_REFS } from '../core/limits.ts';
import { encodeMessage, type Message } from '../core/messages.ts';
import type { AuthorIndex, Block, Certificate, KeysOf, PeerNumber, SignedBlock } from '../core/types.ts';
import { type Kernels, OPINION } from '../wasm/kernels.ts';
import type { VirtualClock } from './clock.ts';
import { SimDisk } from './disk.ts';
import type { SeededRandom } from './random.ts';
import type { Scenario } from './scenario.ts';

/** What the nodes of one run share. */
export interface SimWorld {
  readonly clock: VirtualClock;
  readonly random: SeededRandom;
  readonly scenario: Scenario;
  readonly kernels: Kernels;
  readonly committee: Committee;
  readonly keysOf: KeysOf;
  send(from: number, to: number, bytes: Uint8Array): void;
  sign(author: number, digest: Uint8Array): Uint8Array;
  verify(author: number, digest: Uint8Array, signature: Uint8Array): boolean;
  observed(node: number, event: CoreEvent): void;
  /** Called before each signature: no validator may ever sign two blocks of one round. */
  signing(node: number, round: number, digest: string): void;
}

/** One validator on virtual time: a real core, with a simulated disk, network, application and models around it. */
export class SimNode {
  readonly index: AuthorIndex;
  readonly disk = new SimDisk();
  readonly #world: SimWorld;
  #core: Core;
  /** Grows with every restart: what was under way before it is void. */
  #life = 0;
  #disarm: () => void = () => undefined;
  up = false;
  readonly #certificates = new Map<number, Certificate>();

  constructor(world: SimWorld, index: AuthorIndex) {
    this.#world = world;
    this.index = index;
    this.#core = this.#newCore();
    const genesis = world.committee.genesisRefs[index];
    if (genesis) {
      const voted = world.committee.chainId as never;
      this.disk.record = {
        epoch: 0,
        round: genesis.round,
        digest: genesis.digest,
        votedIndex: 0 as never,
        votedDigest: voted,
      };
    }
  }

  /** What the others know it by. */
  get number(): PeerNumber {
    return this.index as number as PeerNumber;
  }

  get core(): Core {
    return this.#core;
  }

  /** Starts, or restarts from what is on the disk. */
  start(): void {
    this.#life += 1;
    this.up = true;
    this.#core = this.#newCore();
    for (const record of this.disk.records()) this.input({ type: 'replay', record });
    this.input({ type: 'reload', blocks: this.disk.loose() });
    const { record, unsigned } = this.disk;
    const held = unsigned && this.disk.block(refKey(unsigned.ref));
    const pending = this.disk.pending();
    this.input({
      type: 'start',
      record,
      unsigned:
        record && unsigned && !held && digestKey(unsigned.ref.digest) === digestKey(record.digest) ? unsigned : null,
      pending,
    });
  }

  crash(): void {
    this.#life += 1;
    this.#disarm();
    this.up = false;
    this.disk.crash();
  }

  submit(submission: Submission): void {
    this.disk.addSubmission(digestKey(submission.proposal.id), submission);
    if (this.up) this.input({ type: 'submit', submissions: [submission] });
  }

  input(input: Input): void {
    if (!this.up) return;
    for (const output of this.#core.step(this.#world.clock.nowMs, input)) this.#carryOut(output);
  }

  /** Later, if this node has not crashed in between. */
  #later(delayMs: number, work: () => void): void {
    const life = this.#life;
    this.#world.clock.after(delayMs, () => {
      if (life === this.#life) work();
    });
  }

  #newCore(): Core {
    const { kernels, committee, keysOf } = this.#world;
    const key = committee.validators[this.index]?.publicKey ?? null;
    return createCore({ kernels, committee, key, keysOf, modelId: new Uint8Array(32) });
  }

  #carryOut(output: Output): void {
    const { clock, committee } = this.#world;
    switch (output.type) {
      case 'verify': {
        const valid = this.#world.verify(output.author, output.digest, output.signature);
        return this.#later(0.1, () => this.input({ type: 'verified', token: output.token, valid }));
      }
      case 'score':
        return this.#score(output.block);
      case 'store':
        return this.disk.addBlock(output.block as Block as SignedBlock);
      case 'storeCommit':
        return this.disk.addCommit(output);
      case 'seal':
        return this.#seal(output);
      case 'send': {
        const targets: readonly number[] =
          output.to === 'all' ? committee.validators.map(({ index }) => index) : [output.to];
        for (const to of targets) if (to !== this.index) this.#world.send(this.index, to, output.bytes);
        return;
      }
      case 'serve':
        return this.#serve(output.peer, output.request);
      case 'execute':
        return this.#execute(output.execution);
      case 'arm':
        this.#disarm();
        if (Number.isFinite(output.atMs)) this.#disarm = clock.at(output.atMs, () => this.input({ type: 'timer' }));
        return;
      case 'event':
        if (output.event.type === 'certified') this.#certificates.set(output.event.index, output.event.certificate);
        if (output.event.type === 'committed')
          for (const { id } of output.event.decisions) this.disk.settle(digestKey(id));
        this.#world.observed(this.index, output.event);
    }
  }

  #seal({ block, record }: Extract<Output, { type: 'seal' }>): void {
    this.#later(0.3, () => {
      this.disk.unsigned = block;
      this.disk.sync();
      this.#later(0.2, () => {
        this.disk.record = record;
        this.#later(1, () => {
          this.#world.signing(this.index, block.ref.round, toHex(block.ref.digest));
          const signature = this.#world.sign(this.index, block.ref.digest);
          this.input({ type: 'sealed', digest: block.ref.digest, signature });
        });
      });
    });
  }

  #score(block: Block): void {
    const { random, scenario } = this.#world;
    const silent = random.chance(scenario.modelSilence);
    const verdicts = Uint8Array.from(block.proposals, () =>
      random.chance(scenario.rejects) ? OPINION.REJECT : OPINION.APPROVE,
    );
    const opinion = silent ? null : { confidence: 5_000 + random.below(5_000), verdicts };
    const { digest } = block.ref;
    this.#later(silent ? 500 : random.between(...scenario.modelMs), () =>
      this.input({ type: 'opinion', digest, opinion }),
    );
  }

  /** The application: the root is a hash chain over what was approved, so that any difference in order shows. */
  #stateRoot: Uint8Array = new Uint8Array(32);
  #stateAt = 0;
  readonly #roots = new Map<number, Uint8Array>();

  #execute(execution: Execution): void {
    const approved = execution.decisions.filter(({ decision }) => decision === 'APPROVED').map(({ id }) => id);
    const before =
      this.#roots.get(execution.index - 1) ?? (execution.index === 1 ? new Uint8Array(32) : this.#stateRoot);
    this.#stateRoot = this.#world.kernels.sha3_256(before, ...approved);
    this.#stateAt = Math.max(this.#stateAt, execution.index);
    this.#roots.set(execution.index, this.#stateRoot);
    const { index } = execution;
    const stateRoot = this.#stateRoot;
    const receipts = execution.decisions.map(() => 0);
    this.#later(0.1, () => this.input({ type: 'executed', index, stateRoot, modelRoot: new Uint8Array(32), receipts }));
  }

  #serve(peer: PeerNumber, request: Message): void {
    const reply = (message: Message) => this.#world.send(this.index, peer, encodeMessage(message));
    if (request.kind === 'fetchBlocks') {
      for (const ref of request.refs) {
        const block = this.disk.block(refKey(ref));
        if (block) reply({ kind: 'blockReply', bytes: block.bytes });
      }
    }
    if (request.kind === 'fetchRounds') {
      for (const { bytes } of this.disk.blocksFrom(request.fromRound, MAX_FETCH_REFS))
        reply({ kind: 'blockReply', bytes });
    }
    if (request.kind === 'fetchCommits') {
      const stored = this.disk.commits(request.from, request.count);
      const last = stored.findLast(({ commit }) => this.#certificates.has(commit.index));
      const certificate = last && this.#certificates.get(last.commit.index);
      if (!last || !certificate) return;
      const commits = stored.filter(({ commit }) => commit.index <= last.commit.index);
      reply({ kind: 'commitsReply', commits: commits.map(({ commit, refs }) => ({ commit, refs })), certificate });
    }
  }
}
