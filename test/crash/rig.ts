/** A small network of which one node is killed again and again; the others, in this process, remember everything. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { toHex } from '../../src/core/bytes.ts';
import type { Genesis } from '../../src/core/genesis.ts';
import { identifyProposal } from '../../src/core/proposal.ts';
import { isPqError } from '../../src/errors.ts';
import { checkStore } from '../../src/node/check/check-store.ts';
import { homePaths, initHome } from '../../src/node/home.ts';
import type { Node } from '../../src/node/node.ts';
import { openStoreToRead } from '../../src/store/read-only.ts';
import { loadKernels } from '../../src/wasm/load.ts';
import { StoreComparison } from '../faults/stores.ts';
import { seedOf, settingOf, startTestValidator, testGenesis } from '../node/test-validator.ts';
import { seeded } from '../support/random.ts';
import { readJournal } from './journal.ts';
import { Life } from './life.ts';
import { Observer, type Seen } from './observer.ts';
import { FULL_DISK, type Plan } from './points.ts';
import { losePower } from './power.ts';
import { SmallDisk } from './small-disk.ts';

/** The node that is killed. */
const VICTIM = 0;
const SUBMIT_EVERY_MS = 15;
/** From the first decision of a life on, until a point that does not come is given up. */
const POINT_MS = 10_000;
/** In which a node is killed at any instant: while it starts, and once it works. */
const START_MS = 500;
const LOAD_MS = 800;
/** On the disk that fills up. */
const ROOM_BYTES = 700_000;
/** A node whose disk is full, or that is asked to stop, ends by itself within this. */
const END_MS = 30_000;
/** Turns of a node under load in which it must come back. */
const LOAD_TURNS = 6000;
/** What is acknowledged runs out after 25 s. */
const EXPIRY_MS = 60_000;

const kernels = loadKernels();

export interface RigOptions {
  readonly validators: number;
  /** Homes and journals are made here. */
  readonly folder: string;
}

/** How a life ended. */
export interface Death {
  /** False: the point of the plan did not come, and the node was killed all the same. */
  readonly struck: boolean;
  /** What a power loss did. */
  readonly lost: readonly string[];
}

export class Rig {
  readonly #options: RigOptions;
  readonly #genesis: Genesis;
  readonly #others: Node[] = [];
  readonly #observer = new Observer();
  #life: Life | null = null;
  #violation: Error | null = null;
  #lives = 0;
  #keys = 0;

  private constructor(options: RigOptions) {
    this.#options = options;
    this.#genesis = testGenesis(options.validators);
  }

  /** Makes the homes, and starts everybody but the node that is killed. */
  static async start(options: RigOptions): Promise<Rig> {
    const rig = new Rig(options);
    mkdirSync(options.folder, { recursive: true });
    for (let index = 0; index < options.validators; index++) {
      await initHome(rig.#home(index), { genesis: rig.#genesis, seed: seedOf(index) });
      if (index !== VICTIM) rig.#others.push(await rig.#startOther(index));
    }
    return rig;
  }

  get home(): string {
    return this.#home(VICTIM);
  }
  get seen(): Seen {
    return this.#observer.seen;
  }

  /** One life of the node under load, to its death as planned; then everything that must hold. Throws what does not. */
  async live(plan: Plan): Promise<Death> {
    if (plan.point === FULL_DISK.name) return this.#fillDisk();
    const life = this.#begin(plan);
    const isStruck = await this.#loadUntilDeath(life, plan);
    const journal = readJournal(this.#journal);
    const lost = plan.fault === 'power' ? losePower(journal, seeded(plan.seed)) : [];
    if (plan.fault === 'full' && isStruck) requireDiskFull(life, 'with a write that fails');
    await this.#audit();
    return { struck: isStruck, lost };
  }

  async #fillDisk(): Promise<Death> {
    const disk = SmallDisk.mount(homePaths(this.home).data, ROOM_BYTES);
    if (disk === null) return { struck: false, lost: [] };
    let isFull = false;
    try {
      for (const what of ['on a disk that fills up', 'on a full disk']) {
        const life = this.#begin(null);
        await this.#load(life, () => false);
        // What it removes of the past may make room enough: then the disk does not fill up.
        isFull = !life.alive;
        if (life.alive) await life.kill();
        this.#observer.signed(readJournal(this.#journal));
        if (!isFull) break;
        requireDiskFull(life, what);
      }
    } finally {
      disk.unmount();
    }
    await this.#audit();
    return { struck: isFull, lost: [] };
  }

  /**
   * A last life that nobody ends: everything acknowledged is decided or runs out, the node stops in order, and its store is
   * compared with those of the others.
   */
  async end(): Promise<void> {
    const life = this.#begin(null);
    await this.#load(life, () => life.works);
    requireLife(life, life.works, 'does not come back at the end');
    const isSettled = await life.until(() => this.#observer.unsettled.length === 0, EXPIRY_MS);
    requireLife(life, isSettled, `owes decisions: ${this.#observer.unsettled.join(' ')}`);
    life.stop();
    requireLife(life, await life.until(() => !life.alive, END_MS), 'does not stop');
    if (life.exitCode !== 0) throw new Error(`the node stopped with ${life.exitCode}: ${lastOf(life)}`);
    await this.#audit();
    await this.close();
    const stores = new StoreComparison();
    for (let index = 0; index < this.#options.validators; index++) await stores.add(index, this.#home(index));
    stores.checkRecords();
  }

  /** Ends everybody, whatever has happened. */
  async close(): Promise<void> {
    if (this.#life?.alive === true) await this.#life.kill();
    for (const node of this.#others.splice(0)) await node.stop();
  }

  get #journal(): string {
    return join(this.#options.folder, `life-${this.#lives}.journal`);
  }

  #home(index: number): string {
    return join(this.#options.folder, `node-${index + 1}`);
  }

  #startOther(index: number): Promise<Node> {
    return startTestValidator({
      index,
      genesis: this.#genesis,
      home: this.#home(index),
      peers: this.#others.map(({ address }) => address),
      application: null,
      history: { retain: 'all' },
      log: () => undefined,
    });
  }

  #begin(plan: Plan | null): Life {
    this.#lives += 1;
    const { validators } = this.#options;
    const peers = this.#others.map(({ address }) => address);
    const order = { index: VICTIM, validators, home: this.home, peers, plan, journal: this.#journal };
    const life = new Life(order, (told) => {
      try {
        // What it took in earlier lives is decided in this one.
        if ('address' in told) life.follow(this.#observer.open);
        if ('taken' in told) this.#observer.acknowledged(told.taken);
        if ('decided' in told) this.#observer.decided(told.decided);
      } catch (error) {
        this.#violation ??= error as Error;
      }
    });
    this.#life = life;
    return life;
  }

  /** True when it died where it was to die. */
  async #loadUntilDeath(life: Life, plan: Plan): Promise<boolean> {
    const random = seeded(plan.seed);
    const isOutside = plan.point.endsWith('any instant');
    if (plan.point === 'start/any instant') {
      await life.until(() => life.loaded);
      await life.until(() => false, random.below(START_MS));
    } else {
      await this.#load(life, () => life.works);
      if (life.alive) requireLife(life, life.works, 'does not come back');
      const givenUpMs = performance.now() + (isOutside ? random.below(LOAD_MS) : POINT_MS);
      const isOver = plan.point.startsWith('start/');
      await this.#load(life, () => isOver || performance.now() > givenUpMs);
    }
    if (plan.fault === 'full' && this.#hasStruck()) await life.until(() => !life.alive, END_MS);
    const isStruck = this.#hasStruck() || isOutside;
    if (life.alive) await life.kill();
    else if (!isStruck) throw new Error(`the node ended by itself with ${life.exitCode}: ${lastOf(life)}`);
    return isStruck;
  }

  #hasStruck(): boolean {
    return readJournal(this.#journal).some(({ kind }) => kind === 'struck');
  }

  /** Submits, through every node in turn, until `isEnough`, or the node is dead, or it does nothing for a long time. */
  async #load(life: Life, isEnough: () => boolean): Promise<void> {
    // Counted in turns: a machine that stands still for a minute is no fault of the node.
    for (let turn = 0; life.alive && !isEnough() && turn < LOAD_TURNS; turn++) {
      if (life.address !== null) this.#submit(life);
      await delay(SUBMIT_EVERY_MS);
    }
  }

  #submit(life: Life): void {
    const bytes = settingOf(`key ${this.#keys++ % 50}`, `value ${this.#keys}`);
    const { id, proposal } = identifyProposal(kernels, bytes);
    this.#observer.submitted(toHex(id), proposal.expiryMs);
    life.submit([bytes]);
  }

  #elsewhere(id: string) {
    return this.#others[0]?.answer(Buffer.from(id, 'hex')) ?? ({ state: 'unknown' } as const);
  }

  /** Everything that must hold of a dead node. Throws what does not. */
  async #audit(): Promise<void> {
    if (this.#violation !== null) throw this.#violation;
    this.#observer.signed(readJournal(this.#journal));
    for (const node of this.#others) {
      if (node.evidence().length > 0) throw new Error('another node has seen two blocks of one round');
    }
    const lock = new HeldLock(join(homePaths(this.home).data, 'LOCK'));
    const report = await checkStore({ home: this.home, genesis: this.#genesis }).catch(ifStoreIsMissing);
    if (report === null) return;
    const [finding] = report.findings;
    if (finding !== undefined) throw new Error(`pq store check: ${finding.code}: ${finding.message}`);
    const disk = await openStoreToRead(homePaths(this.home).data);
    try {
      this.#observer.audit(disk.store, (id) => this.#elsewhere(id));
    } finally {
      await disk.close();
      lock.putBack();
    }
  }
}

/** The lock that the dead node left: whoever looks at the store takes it, and the next life is to find it. */
class HeldLock {
  readonly #path: string;
  readonly #content: Buffer | null;

  constructor(path: string) {
    this.#path = path;
    this.#content = existsSync(path) ? readFileSync(path) : null;
  }

  putBack(): void {
    if (this.#content !== null) writeFileSync(this.#path, this.#content);
  }
}

function requireLife(life: Life, holds: boolean, what: string): void {
  if (!holds) throw new Error(`the node ${what}: ${lastOf(life)}`);
}

/** It said so by a code, and ended by itself. */
function requireDiskFull(life: Life, where: string): void {
  const codes = life.logs.flatMap(({ level, code }) => (level === 'error' ? [code] : []));
  requireLife(life, codes.includes('STORE_DISK_FULL'), `does not say that the disk is full, ${where}`);
  requireLife(life, life.exitCode === 1, `ends with ${life.exitCode}, ${where}`);
}

function lastOf({ logs }: Life): string {
  return JSON.stringify(logs.slice(-4));
}

/** A node that died before it had made its store. */
function ifStoreIsMissing(error: unknown): null {
  if (isPqError(error, 'STORE_MISSING')) return null;
  throw error;
}
