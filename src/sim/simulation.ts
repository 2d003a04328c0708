/**
 * The simulator: networks of whole nodes in one process, on a virtual clock, from a seed. After every step it checks what
 * must always hold (`invariants.ts`); at the end, that everything was decided, that everybody knows, and that it is quiet.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { equalBytes } from '../core/bytes.ts';
import { leaderSchedule } from '../core/committee.ts';
import type { CoreEvent } from '../core/events.ts';
import { createApplication } from '../node/applications.ts';
import type { Kernels } from '../wasm/kernels.ts';
import { Adversary } from './byzantine.ts';
import { Clients } from './clients.ts';
import { Invariants } from './invariants.ts';
import { SimNetwork } from './network.ts';
import type { SimReport } from './report.ts';
import { Retention } from './retention.ts';
import type { Settings } from './settings.ts';
import { SigningRules } from './signing-rules.ts';
import { Stage } from './stage.ts';
import { SimValidator, type Watcher } from './validator.ts';
import { SimWorld, START_MS } from './world.ts';

/** Byzantine validators send one piece of junk to everybody this often, if they are of that kind. */
const JUNK_EVERY_MS = 5;
/** When it is tried, after the hostile part, whether everybody can still propose. */
const PROBE_AFTER_MS = 1_000;
/** How often a run that is done but for its end looks whether it is. */
const LOOK_EVERY_MS = 50;
/** What nobody was promised may still be open when all that was is final; after this no block is made any more. */
const LAST_WORDS_MS = 20_000;
/** It is quiet when nothing is said for so long, and that must come in time. */
const QUIET_MS = 30_000;
const QUIET_BY_MS = 300_000;
const LOOK_QUIET_MS = 1_000;

export interface SimulationOptions {
  readonly kernels: Kernels;
  readonly scenario: string;
  readonly seed: number;
  readonly settings: Settings;
  /** Told what happens, line by line. */
  readonly note?: (line: string) => void;
  /** Told of everything that honest validators report, for measurements. */
  readonly observe?: (validator: number, event: CoreEvent, elapsedMs: number) => void;
}

export class Simulation implements Watcher {
  readonly world: SimWorld;
  readonly invariants: Invariants;
  readonly validators: readonly SimValidator[];
  readonly #options: SimulationOptions;
  readonly #network: SimNetwork;
  readonly #clients: Clients;
  readonly #signing: SigningRules;
  readonly #retention: Retention;
  readonly #stage: Stage;
  readonly #adversaries = new Map<number, Adversary>();
  readonly #work = new Set<Promise<void>>();
  /** Those that signed. */
  readonly #newcomers = new Set<number>();

  constructor(options: SimulationOptions) {
    const { kernels, seed, settings, note } = options;
    this.#options = options;
    const world = new SimWorld(kernels, seed, settings, note);
    this.world = world;
    this.invariants = new Invariants(world, createApplication(world.genesis, world.kernels).keysOf);
    this.#signing = new SigningRules(world, this.invariants);
    this.#network = new SimNetwork(world);
    this.#retention = new Retention(world, this.invariants);
    this.#clients = new Clients(world, this.invariants, this.#retention);
    const first = settings.validators - settings.byzantine.length;
    this.validators = world.seats.map((_, index) => {
      const lies = settings.byzantine[index - first]?.includes('votes') ?? false;
      return new SimValidator({ world, network: this.#network, watcher: this, index, lies });
    });
    for (const [i, behaviours] of settings.byzantine.entries()) this.#corrupt(first + i, behaviours);
    this.#stage = new Stage({
      world,
      network: this.#network,
      clients: this.#clients,
      invariants: this.invariants,
      validators: this.validators,
      honest: this.honest,
      wait: (work) => this.#wait(work),
    });
  }

  get honest(): readonly SimValidator[] {
    return this.validators.filter(({ index }) => !this.#adversaries.has(index));
  }

  /** Runs all of it. Throws `SIM_…` when something does not hold. */
  async run(): Promise<SimReport> {
    const { hostileMs, settleMs } = this.world.settings;
    for (const { index } of this.world.committee.validators) this.#wait(this.validators[index]!.start());
    this.#stage.schedule();
    this.#scheduleJunk();
    await this.#runUntil(hostileMs);
    this.world.note('the network is timely from now on');
    this.#network.heal();
    for (const validator of this.validators) {
      validator.life.thaw();
      validator.disk.failsNext = false;
      this.#stage.start(validator);
    }
    this.#stage.at(hostileMs + PROBE_AFTER_MS, () => this.#probe());
    await this.#runUntil(hostileMs + PROBE_AFTER_MS);
    const endMs = hostileMs + settleMs;
    while (!this.#isDone() && this.world.elapsedMs < endMs) await this.#runUntil(this.world.elapsedMs + LOOK_EVERY_MS);
    this.#checkDone();
    await this.#checkQuiet();
    await this.#checkMemory();
    return this.#report();
  }

  /** Whatever happened to them, all honest members can still propose. */
  #probe(): void {
    for (const validator of this.honest) {
      if (validator.node?.status().validator !== null) this.#stage.submit(validator);
    }
  }

  observed(validator: number, event: CoreEvent): void {
    const adversary = this.#adversaries.get(validator);
    if (adversary) return adversary.observed(event);
    const { counters } = this.world;
    if (event.type === 'equivocation') counters.equivocations += 1;
    if (event.type === 'refused') counters[event.code === 'HISTORY_PRUNED' ? 'pruned' : 'refused'] += 1;
    if (event.type === 'emitted' && validator >= this.world.settings.validators) this.#newcomers.add(validator);
    if (event.type === 'synced') counters.synced += 1;
    if (event.type === 'accepted') counters.blocks += 1;
    this.#options.observe?.(validator, event, this.world.elapsedMs);
    this.invariants.observed(validator, event);
    this.#signing.observed(validator, event);
  }

  async signing(validator: SimValidator, digest: Uint8Array): Promise<void> {
    this.world.counters.signatures += 1;
    if (!this.#adversaries.has(validator.index)) await this.#signing.signing(validator, digest);
  }

  started(validator: SimValidator): void {
    if (this.#adversaries.has(validator.index)) return;
    this.#signing.started(validator.index);
    this.#clients.returnTo(validator);
  }

  failed(validator: number, code: string, message: string): void {
    if (!this.#adversaries.has(validator)) this.invariants.fail('SIM_NODE_FAILED', { validator, said: code, message });
  }

  #corrupt(index: number, behaviours: Settings['byzantine'][number]): void {
    const { world } = this;
    const { leaders } = leaderSchedule(world.kernels, world.committee);
    const adversary = new Adversary(world, world.committee.validators[index]!.index, behaviours, leaders);
    this.#adversaries.set(index, adversary);
    this.#network.twist(
      index,
      (to, bytes) => adversary.twist(to, bytes),
      (bytes) => adversary.hears(bytes),
    );
  }

  #scheduleJunk(): void {
    if (this.#adversaries.size === 0) return;
    this.#stage.every(JUNK_EVERY_MS, () => {
      for (const [index, adversary] of this.#adversaries) {
        const junk = adversary.junk();
        if (!junk) continue;
        this.world.counters.junk += 1;
        for (const { index: to } of this.honest) this.#network.transmit(index, to, junk);
      }
    });
  }

  #wait(work: Promise<void>): void {
    const done = work.finally(() => this.#work.delete(done));
    this.#work.add(done);
  }

  /** Steps until this time since the start; what a step begins at once, in promises too, is done before the next. */
  async #runUntil(elapsedMs: number): Promise<void> {
    do {
      await nextTurn();
      while (this.#work.size > 0) await Promise.all(this.#work);
      this.invariants.raise();
    } while (this.world.clock.step(START_MS + elapsedMs));
  }

  /** Everything acknowledged is final, and every honest validator executed and certified everything that was decided. */
  #isDone(): boolean {
    return this.#clients.waiting === 0 && this.#behind().length === 0;
  }

  #behind(): unknown[] {
    const last = this.invariants.decisiveIndex;
    return this.#followers()
      .map(({ index, node }) => ({ index, status: node?.status() }))
      .filter(({ status }) => !status || status.commitIndex < last || status.certifiedIndex < last);
  }

  /** Whoever members of the newest committee talk to: an epoch after it left, nobody tells a validator anything more. */
  #followers(): SimValidator[] {
    const keys = this.invariants.neighbours.flatMap(({ validators }) => validators.map(({ publicKey }) => publicKey));
    return this.honest.filter(({ index }) => keys.some((key) => equalBytes(key, this.world.seats[index]!.publicKey)));
  }

  #checkDone(): void {
    const behind = this.#behind();
    if (this.#clients.waiting > 0) {
      this.invariants.fail('SIM_UNDECIDED', { waiting: this.#clients.describeWaiting(), behind });
    }
    if (behind.length > 0) this.invariants.fail('SIM_BEHIND', { last: this.invariants.decisiveIndex, behind });
    this.#clients.checkLapsed();
    const expired = this.invariants.decided.filter(({ decision }) => decision === 'EXPIRED').length;
    if (this.world.settings.promptMs !== null && expired > 0) this.invariants.fail('SIM_EXPIRED', { expired });
    this.invariants.raise();
  }

  /**
   * Nobody has a reason to speak any more: no block is made from now on, and what a liar made others ask for in vain is given
   * up in the end. It is asked of the honest, so the others are gone by then.
   */
  async #checkQuiet(): Promise<void> {
    const { counters } = this.world;
    for (const index of this.#adversaries.keys()) this.validators[index]?.crash('kill');
    await this.#runUntil(this.world.elapsedMs + LAST_WORDS_MS);
    const signatures = counters.signatures;
    let quietMs = 0;
    for (let ms = 0; ms < QUIET_BY_MS && quietMs < QUIET_MS; ms += LOOK_QUIET_MS) {
      const before = counters.messages;
      await this.#runUntil(this.world.elapsedMs + LOOK_QUIET_MS);
      quietMs = counters.messages === before ? quietMs + LOOK_QUIET_MS : 0;
      if (counters.signatures > signatures) this.invariants.fail('SIM_NOT_SILENT', {});
      this.invariants.raise();
    }
    if (quietMs < QUIET_MS) this.invariants.fail('SIM_NOT_QUIET', { quietMs });
    // What is old is removed little by little: by now it is gone.
    for (const { index, heldCommits } of this.#followers()) this.#retention.checkKept(index, heldCommits);
    this.invariants.raise();
  }

  /** Power is lost everywhere once more: what clients were told must still be there, at every validator by itself. */
  async #checkMemory(): Promise<void> {
    for (const validator of this.honest) validator.crash('power');
    for (const validator of this.honest) this.#wait(validator.start());
    await this.#runUntil(this.world.elapsedMs);
    this.invariants.raise();
  }

  #report(): SimReport {
    const { scenario, seed, settings } = this.#options;
    const decisions: Record<string, number> = { APPROVED: 0, REJECTED: 0, CONFLICT: 0, EXPIRED: 0 };
    for (const { decision } of this.invariants.decided) decisions[decision]! += 1;
    return {
      scenario,
      seed,
      validators: settings.validators,
      commits: this.invariants.commits,
      digest: this.invariants.lastDigest,
      acknowledged: this.#clients.acknowledged,
      decisions,
      counters: {
        ...this.world.counters,
        epochs: this.invariants.committee.epoch,
        newcomers: this.#newcomers.size,
      },
      virtualMs: this.world.elapsedMs,
    };
  }
}
