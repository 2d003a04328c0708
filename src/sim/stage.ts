/** Where a run's faults happen: those at random times that the settings count, and exact ones that a script asks for. */
import { equalBytes } from '../core/bytes.ts';
import {
  consentDigest,
  emptyUpgrade,
  type Join,
  type Rotation,
  UPGRADE_CONTEXT,
  type Upgrade,
} from '../core/upgrade.ts';
import type { Clients } from './clients.ts';
import type { Invariants } from './invariants.ts';
import type { Lag, SimNetwork } from './network.ts';
import type { SeededRandom } from './random.ts';
import { cheapSignature } from './signatures.ts';
import type { SimValidator } from './validator.ts';
import { type SimWorld, START_MS } from './world.ts';

export interface StageParts {
  readonly world: SimWorld;
  readonly network: SimNetwork;
  readonly clients: Clients;
  readonly invariants: Invariants;
  readonly validators: readonly SimValidator[];
  /** Those that clients trust. */
  readonly honest: readonly SimValidator[];
  /** Work that must end before time goes on. */
  readonly wait: (work: Promise<void>) => void;
}

export class Stage {
  readonly #parts: StageParts;

  constructor(parts: StageParts) {
    this.#parts = parts;
  }

  get validators(): readonly SimValidator[] {
    return this.#parts.validators;
  }
  get honest(): readonly SimValidator[] {
    return this.#parts.honest;
  }
  get random(): SeededRandom {
    return this.#parts.world.streams.faults;
  }
  get elapsedMs(): number {
    return this.#parts.world.elapsedMs;
  }

  /** Does something at a time since the start of the run. */
  at(elapsedMs: number, work: () => void): void {
    this.#parts.world.clock.at(START_MS + elapsedMs, work);
  }

  /** The same again and again while the run is hostile. */
  every(periodMs: number, work: () => void): void {
    for (let atMs = periodMs; atMs < this.#parts.world.settings.hostileMs; atMs += periodMs) this.at(atMs, work);
  }

  /** A new proposal, at this validator or at a random one that is up. */
  submit(at: SimValidator = this.random.pick(this.honest)): void {
    const second = this.random.pick(this.honest);
    this.#parts.wait(this.#parts.clients.submitTransfer(at, second));
  }

  /** A proposal that changes the committee or the parameters of the epoch that is. */
  upgrade(change: Partial<Upgrade>): void {
    const { clients, invariants } = this.#parts;
    const { committee } = invariants;
    const members = this.honest.filter(({ node }) => node?.status().validator !== null);
    this.#parts.world.note(`${describe(change)} is proposed to end epoch ${committee.epoch}`);
    clients.submitUpgrade(this.random.pick(members), { ...emptyUpgrade(committee), ...change });
  }

  /** Somebody new is proposed for the committee. Who starts it is not said by that. */
  join({ index }: SimValidator): void {
    const place = { name: `v${index}`, stake: 1, ...this.#parts.world.seats[index]! };
    this.upgrade({ joins: [{ ...place, consent: this.#consent(place) }] });
  }

  /** The place of one validator is proposed for the keys of another process; nothing, when it has none. */
  rotate({ index: old }: SimValidator, { index }: SimValidator): void {
    const { seats } = this.#parts.world;
    const { validators } = this.#parts.invariants.committee;
    const author = validators.findIndex(({ publicKey }) => equalBytes(publicKey, seats[old]!.publicKey));
    if (author < 0) return;
    const place = { author, ...seats[index]! };
    this.upgrade({ rotations: [{ ...place, consent: this.#consent(place) }] });
  }

  #consent(change: Omit<Join, 'consent'> | Omit<Rotation, 'consent'>): Uint8Array {
    const { kernels } = this.#parts.world;
    const digest = consentDigest(kernels, this.#parts.invariants.committee, change);
    return cheapSignature(kernels, change.publicKey, digest, UPGRADE_CONTEXT);
  }

  /** The process dies, and starts again later unless something else starts it before. */
  crash(validator: SimValidator, how: 'kill' | 'power', downMs: number): void {
    if (!validator.isUp) return;
    const { counters, note, clock } = this.#parts.world;
    note(`v${validator.index} dies (${how}) for ${downMs.toFixed(0)} ms`);
    counters.crashes += 1;
    validator.crash(how);
    clock.after(downMs, () => this.start(validator));
  }

  /** Power is lost everywhere at once, and comes back here and there. */
  cutPower(downMs: () => number): void {
    this.#parts.world.counters.powerCuts += 1;
    for (const validator of this.validators) this.crash(validator, 'power', downMs());
  }

  start(validator: SimValidator): void {
    if (validator.isUp || validator.isStopping) return;
    this.#parts.world.note(`v${validator.index} starts`);
    this.#parts.wait(validator.start());
  }

  /** The process is told to stop, and starts again. */
  restart(validator: SimValidator, downMs: number): void {
    if (!validator.isUp) return;
    const { counters, note, clock } = this.#parts.world;
    note(`v${validator.index} is told to stop`);
    counters.restarts += 1;
    void validator.stop().then(() => clock.after(downMs, () => this.start(validator)));
  }

  freeze(validator: SimValidator, ms: number): void {
    const { counters, note, clock } = this.#parts.world;
    note(`v${validator.index} stands still for ${ms.toFixed(0)} ms`);
    counters.freezes += 1;
    const { life } = validator;
    life.freeze();
    clock.after(ms, () => life.thaw());
  }

  /** The disk fails with the next sync; the process that ends of it is started again. */
  failDisk(validator: SimValidator, downMs: number): void {
    if (!validator.isUp) return;
    this.#parts.world.note(`the disk of v${validator.index} fails`);
    validator.failDisk(() => this.#parts.world.clock.after(downMs, () => this.start(validator)));
  }

  /** Dies and comes back without its data directory (its record is elsewhere), or without its record too. */
  loseDisk(validator: SimValidator, what: 'store' | 'all', downMs: number): void {
    this.crash(validator, 'power', downMs);
    this.#parts.world.note(`v${validator.index} loses its disk: ${what}`);
    this.#parts.clients.release(validator);
    validator.disk.loseStore();
    if (what === 'all') validator.disk.loseRecord();
  }

  /** Cuts these off from the others for a while. */
  cut(side: Iterable<number>, ms: number, isNoticed: boolean): void {
    const apart = [...side];
    this.#parts.world.note(`${apart.map((index) => `v${index}`).join(' ')} are cut off for ${ms.toFixed(0)} ms`);
    this.#parts.network.cut(apart, isNoticed);
    this.#parts.world.clock.after(ms, () => this.#parts.network.heal());
  }

  /** All links are dead for a moment that no session notices. */
  outage(ms: number): void {
    this.#parts.world.note(`all links are dead for ${ms} ms`);
    this.#parts.network.silence(ms);
  }

  /** Messages take longer, by what `lag` says; `always`: when the network is timely too. */
  lag(lag: Lag, always = false): void {
    this.#parts.network.addLag(lag, always);
  }

  /** Everything that the settings ask for by number, at random times of the hostile part. */
  schedule(): void {
    const { settings } = this.#parts.world;
    const { faults, clients, hostileMs } = settings;
    const often = (count: number, work: () => void): void => {
      for (let i = 0; i < count; i++) this.at(this.random.below(hostileMs), work);
    };
    const someMs = (): number => this.random.between(...faults.lastMs);
    const any = (): SimValidator => this.random.pick(this.validators);
    often(clients.proposals, () => this.submit());
    often(faults.crashes, () => this.crash(any(), this.random.chance(0.5) ? 'kill' : 'power', someMs()));
    often(faults.restarts, () => this.restart(any(), someMs()));
    often(faults.freezes, () => this.freeze(any(), someMs()));
    often(faults.diskFailures, () => this.failDisk(any(), someMs()));
    often(faults.partitions, () => {
      const side = this.validators.filter(() => this.random.chance(0.4)).map(({ index }) => index);
      this.cut(side, someMs(), this.random.chance(0.5));
    });
    settings.script?.(this);
  }
}

/** For people: keys are long. */
function describe(change: Partial<Upgrade>): string {
  return JSON.stringify(change, (_, value: unknown) => (value instanceof Uint8Array ? '…' : value));
}
