/** One validator of a simulation: a whole running node on a simulated disk, clock, network and models. */
import { HEADER_CONTEXT } from '../core/block.ts';
import type { CoreEvent } from '../core/events.ts';
import { createApplication } from '../node/applications.ts';
import type { LogLine } from '../node/log.ts';
import type { Node } from '../node/node.ts';
import { RunningNode } from '../node/running-node.ts';
import { SimDisk } from './disk.ts';
import { Life, ProcessClock } from './life.ts';
import { simulatedAgent } from './models.ts';
import type { SimNetwork } from './network.ts';
import { cheapSignature } from './signatures.ts';
import { SimSnapshots } from './snapshots.ts';
import type { SimWorld } from './world.ts';

/** What is told of a validator to whoever checks it. */
export interface Watcher {
  observed(validator: number, event: CoreEvent): void;
  /** It signs this digest now. */
  signing(validator: SimValidator, digest: Uint8Array): Promise<void>;
  started(validator: SimValidator): void;
  /** It ended by itself, or says that it must not go on. */
  failed(validator: number, code: string, message: string): void;
}

export interface ValidatorParts {
  readonly world: SimWorld;
  readonly network: SimNetwork;
  readonly watcher: Watcher;
  /** Its place among all processes; that of a validator of genesis in the committee, too. */
  readonly index: number;
  /** Its models say the opposite of what they find. */
  readonly lies: boolean;
}

export class SimValidator {
  readonly index: number;
  readonly disk: SimDisk;
  readonly #parts: ValidatorParts;
  readonly #snapshots = new SimSnapshots();
  readonly #skewMs: number;
  #life = new Life();
  #node: RunningNode | null = null;
  #isStopping = false;
  /** Its disk fails: that it ends itself is right, and who waits for it. */
  #onDiskFailure: (() => void) | null = null;

  constructor(parts: ValidatorParts) {
    const { world, index } = parts;
    this.index = index;
    this.#parts = parts;
    this.disk = new SimDisk(world);
    this.#skewMs = Math.round(world.streams.faults.between(-world.settings.skewMs, world.settings.skewMs));
  }

  /** The running node; null while there is none. */
  get node(): (Node & Pick<RunningNode, 'status'>) | null {
    return this.#node;
  }
  get isUp(): boolean {
    return this.#node !== null;
  }
  /** It was told to stop and has not yet. */
  get isStopping(): boolean {
    return this.#isStopping;
  }
  get life(): Life {
    return this.#life;
  }

  /** The commits that its disk holds; none: the last is 0. */
  get heldCommits(): { readonly first: number; readonly last: number } {
    const { firstCommitIndex, lastCommitIndex } = this.disk.openStore(this.#life);
    return { first: firstCommitIndex, last: lastCommitIndex };
  }

  /** Starts from what is on the disk, as `startNode` does. */
  async start(): Promise<void> {
    const { world, network, index, watcher, lies } = this.#parts;
    const life = new Life();
    this.#life = life;
    this.#onDiskFailure = null;
    const node = new RunningNode({
      kernels: world.kernels,
      readBlock: world.readBlock,
      committee: world.committee,
      identity: { signing: this.#signer(life) },
      clock: new ProcessClock(world.clock, life, this.#skewMs),
      store: this.disk.openStore(life),
      record: await this.disk.openRecord(life),
      agent: simulatedAgent(world, life, lies),
      application: createApplication(world.genesis, world.kernels),
      local: world.settings.local,
      snapshots: this.#snapshots,
      history: index < world.settings.archives ? { ...world.settings.history, retain: 'all' } : world.settings.history,
      log: (line) => this.#logged(life, line),
      observe: (event) => {
        if (!life.ended) watcher.observed(index, event);
      },
    });
    await node.recover();
    this.#node = node;
    void node.exited.then((code) => this.#exited(life, code));
    node.attach(network.attach(index, life, node.handlers, node.committee));
    network.connect(index);
    watcher.started(this);
  }

  /** `how`: the process is killed, or its machine loses power, which nobody else notices. */
  crash(how: 'kill' | 'power'): void {
    if (!this.#node) return;
    this.#life.end();
    this.#node = null;
    this.disk.crash();
    this.#parts.network.detach(this.index, how === 'kill');
  }

  /** Tells it to stop, and waits until it has. */
  async stop(): Promise<void> {
    const node = this.#node;
    if (!node) return;
    this.#node = null;
    this.#isStopping = true;
    await node.stop();
    this.#life.end();
    this.#isStopping = false;
  }

  /** Its disk fails with its next sync: it must end itself then, and nothing that it acknowledged may be lost. */
  failDisk(onExit: () => void): void {
    this.#onDiskFailure = onExit;
    this.disk.failsNext = true;
  }

  #signer(life: Life) {
    const { world, watcher, index } = this.#parts;
    const { publicKey } = world.seats[index]!;
    const sign = async (message: Uint8Array): Promise<Uint8Array> => {
      await watcher.signing(this, message);
      const { promise, resolve } = Promise.withResolvers<Uint8Array>();
      const signature = cheapSignature(world.kernels, publicKey, message, HEADER_CONTEXT);
      world.clock.after(world.streams.disk.between(...world.settings.signMs), () => life.do(() => resolve(signature)));
      return promise;
    };
    return { publicKey, sign };
  }

  #logged(life: Life, { level, code, message, data }: LogLine): void {
    const { counters, note } = this.#parts.world;
    if (code === 'PRUNED') counters.prunings += 1;
    if (code === 'RECOVERED' && data?.snapshot !== 0) counters.snapshotStarts += 1;
    if (life.ended || level !== 'error') return;
    note(`v${this.index} says ${code}: ${message}`);
    if (!this.#onDiskFailure) this.#parts.watcher.failed(this.index, code, message);
  }

  #exited(life: Life, code: 0 | 1): void {
    if (life.ended || code === 0) return;
    life.end();
    this.#node = null;
    this.disk.crash();
    if (this.#onDiskFailure) this.#onDiskFailure();
    else this.#parts.watcher.failed(this.index, 'NODE_EXITED', 'it ended by itself');
  }
}
