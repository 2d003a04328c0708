/** The links between simulated validators: sessions that come and go, and messages that are late, lost, doubled or overtake. */

import { toHex } from '../core/bytes.ts';
import { PqError } from '../errors.ts';
import { MESSAGE_BYTES_MAX } from '../qzmq/constants.ts';
import { Counters as TransportCounters } from '../qzmq/counters.ts';
import type { CommitteeChange, MessageKind, Transport, TransportHandlers } from '../qzmq/transport.ts';
import type { Life } from './life.ts';
import type { SimWorld } from './world.ts';

/** From dialing to a session. */
const HANDSHAKE_MS = [2, 8] as const;
/** After this the others notice that a process is gone. */
const NOTICE_MS = [0, 40] as const;
/** How often, and how long at first, a message is held back that its receiver must not see yet. */
const MAX_HOLDS = 20;
const HOLD_MS = 20;

/** One process at its place in the network. */
interface Seat {
  readonly life: Life;
  readonly handlers: TransportHandlers;
  readonly counters: TransportCounters;
  /** How it numbers the others. */
  readonly numbers: Map<number, number>;
  readonly byNumber: Map<number, number>;
  /** Whom it may have sessions with now. */
  known: ReadonlySet<number>;
}

/** How much longer a message takes on its way, in milliseconds. */
export type Lag = (from: number, to: number) => number;
/** What a validator says in place of what it should have said, to one peer. */
export type Twist = (to: number, bytes: Uint8Array) => readonly Uint8Array[];
/** Whether a message is to be held back for now. */
export type Hold = (bytes: Uint8Array) => boolean;

export class SimNetwork {
  readonly #world: SimWorld;
  readonly #seats: (Seat | null)[];
  readonly #seatByKey = new Map<string, number>();
  /** Who has a session with whom, by pair; the number names the session. */
  readonly #sessions = new Map<number, number>();
  /** The session that each side of a link was told of last and not told the end of. */
  readonly #believed = new Map<number, number>();
  #opened = 0;
  /** One side of a partition. */
  #apart = new Set<number>();
  readonly #lags: { readonly lag: Lag; readonly always: boolean }[] = [];
  readonly #twists = new Map<number, Twist>();
  readonly #holds = new Map<number, Hold>();
  /** When the newest message of a link arrives: what is said later comes later. */
  readonly #lastArrivalMs = new Map<number, number>();
  #deadUntilMs = 0;

  constructor(world: SimWorld) {
    this.#world = world;
    this.#seats = new Array(world.seats.length).fill(null);
    for (const [seat, { publicKey }] of world.seats.entries()) this.#seatByKey.set(toHex(publicKey), seat);
  }

  /** A process is there: sessions with everybody it can reach follow. */
  attach(index: number, life: Life, handlers: TransportHandlers, committee: CommitteeChange): Transport {
    const counters = new TransportCounters();
    const seat: Seat = { life, handlers, counters, numbers: new Map(), byNumber: new Map(), known: new Set() };
    this.#seats[index] = seat;
    this.#learn(seat, committee);
    return this.#transport(index, seat);
  }

  /** A number names one process for ever; who is a member now may have a session. */
  #learn(seat: Seat, { members }: CommitteeChange): void {
    const known = new Set<number>();
    for (const { index: number, publicKey } of members) {
      const other = this.#seatByKey.get(toHex(publicKey))!;
      seat.numbers.set(other, number);
      seat.byNumber.set(number, other);
      known.add(other);
    }
    seat.known = known;
  }

  /** With those who are new to it sessions follow; with those who are gone they end. */
  #setCommittee(index: number, seat: Seat, committee: CommitteeChange): void {
    this.#learn(seat, committee);
    for (const other of this.#others(index)) {
      if (seat.known.has(other)) this.#open(index, other);
      else this.#close(index, other);
    }
  }

  /** Dials everybody that `index` has no session with. */
  connect(index: number): void {
    for (const other of this.#others(index)) this.#open(index, other);
  }

  /** A process is gone. `isNoticed`: its connections are reset; after a power cut nobody hears of it. */
  detach(index: number, isNoticed: boolean): void {
    this.#seats[index] = null;
    for (const other of this.#others(index)) {
      this.#believed.delete(this.#link(index, other));
      if (isNoticed) this.#close(index, other);
      else this.#sessions.delete(this.#pair(index, other));
    }
  }

  /** Cuts these off from the others. `isNoticed`: sessions break; else what is said gets lost. */
  cut(side: Iterable<number>, isNoticed: boolean): void {
    this.heal();
    this.#apart = new Set(side);
    this.#world.counters.partitions += 1;
    if (!isNoticed) return;
    for (const [a, b] of this.#pairs()) if (this.#isCut(a, b)) this.#close(a, b);
  }

  heal(): void {
    this.#apart.clear();
    for (const [a, b] of this.#pairs()) this.#open(a, b);
  }

  /** All links are dead for a while; no session notices. */
  silence(ms: number): void {
    this.#world.counters.outages += 1;
    this.#deadUntilMs = this.#world.clock.nowMs + ms;
  }

  /** Messages take so much longer; `always`: when the network is timely too. */
  addLag(lag: Lag, always: boolean): void {
    this.#lags.push({ lag, always });
  }

  twist(index: number, twist: Twist, hold: Hold): void {
    this.#twists.set(index, twist);
    this.#holds.set(index, hold);
  }

  /** Puts bytes on a link as they are. */
  transmit(from: number, to: number, bytes: Uint8Array): void {
    const { counters, isHostile, settings, clock } = this.#world;
    const random = this.#world.streams.network;
    const { loss, duplication, reordering, delayMs, calmDelayMs } = settings.network;
    counters.messages += 1;
    counters.bytes += bytes.length;
    if (this.#isCut(from, to) || clock.nowMs < this.#deadUntilMs || (isHostile && random.chance(loss))) {
      counters.lost += 1;
      return;
    }
    const copies = isHostile && random.chance(duplication) ? 2 : 1;
    if (copies === 2) counters.duplicated += 1;
    for (let copy = 0; copy < copies; copy++) {
      const arrivesMs = clock.nowMs + this.#lagMs(from, to) + random.between(...(isHostile ? delayMs : calmDelayMs));
      this.#schedule(from, to, bytes, arrivesMs, isHostile && random.chance(reordering));
    }
  }

  #lagMs(from: number, to: number): number {
    const { isHostile } = this.#world;
    return this.#lags.reduce((sum, { lag, always }) => sum + (always || isHostile ? lag(from, to) : 0), 0);
  }

  #schedule(from: number, to: number, bytes: Uint8Array, arrivesMs: number, overtakes: boolean): void {
    const { counters, clock } = this.#world;
    const link = this.#link(from, to);
    const session = this.#sessions.get(this.#pair(from, to));
    const lastMs = this.#lastArrivalMs.get(link) ?? 0;
    if (overtakes && arrivesMs < lastMs) counters.reordered += 1;
    const atMs = overtakes ? arrivesMs : Math.max(arrivesMs, lastMs);
    this.#lastArrivalMs.set(link, Math.max(lastMs, atMs));
    clock.at(atMs, () => this.#arrive(from, to, bytes, session, 0));
  }

  #arrive(from: number, to: number, bytes: Uint8Array, session: number | undefined, holds: number): void {
    const seat = this.#seats[to];
    if (!seat || this.#sessions.get(this.#pair(from, to)) !== session) return;
    if (holds < MAX_HOLDS && this.#holds.get(to)?.(bytes)) {
      this.#world.clock.after(HOLD_MS * (holds + 1), () => this.#arrive(from, to, bytes, session, holds + 1));
      return;
    }
    seat.counters.bytesIn += bytes.length;
    seat.life.do(() => seat.handlers.onMessage(seat.numbers.get(from)!, bytes, 'consensus'));
  }

  #transport(index: number, seat: Seat): Transport {
    const sendTo = (other: number, bytes: Uint8Array): 'ok' | 'gone' => {
      if (bytes.length > MESSAGE_BYTES_MAX) {
        throw new PqError('QZMQ_MESSAGE_SIZE', 'A message is larger than the transport takes.', { size: bytes.length });
      }
      if (seat.life.ended || !this.#sessions.has(this.#pair(index, other))) return 'gone';
      seat.counters.bytesOut += bytes.length;
      for (const said of this.#twists.get(index)?.(other, bytes) ?? [bytes]) this.transmit(index, other, said);
      return 'ok';
    };
    const met = (): number[] => this.#others(index).filter((other) => this.#sessions.has(this.#pair(index, other)));
    return {
      address: `v${index}`,
      connect: () => undefined,
      connectAddress: () => undefined,
      send: (peer, bytes) => sendTo(seat.byNumber.get(peer) ?? index, bytes),
      broadcast: (bytes: Uint8Array, _kind?: MessageKind) => {
        let sent = 0;
        for (const other of met()) if (sendTo(other, bytes) === 'ok') sent += 1;
        return sent;
      },
      sendClient: () => 'gone',
      closeClient: () => undefined,
      setCommittee: async (committee) => this.#setCommittee(index, seat, committee),
      get peers() {
        return met().map((other) => seat.numbers.get(other)!);
      },
      stats: () => seat.counters.snapshot(),
      close: async () => this.detach(index, true),
    };
  }

  #open(a: number, b: number): void {
    const [seatA, seatB] = [this.#seats[a], this.#seats[b]];
    const pair = this.#pair(a, b);
    if (!seatA?.known.has(b) || !seatB?.known.has(a) || this.#isCut(a, b)) return;
    this.#world.clock.after(this.#world.streams.network.between(...HANDSHAKE_MS), () => {
      const areSame = this.#seats[a] === seatA && this.#seats[b] === seatB;
      const isMutual = seatA.known.has(b) && seatB.known.has(a);
      if (!areSame || !isMutual || this.#sessions.has(pair) || this.#isCut(a, b)) return;
      this.#opened += 1;
      this.#sessions.set(pair, this.#opened);
      this.#tellUp(a, b, seatA);
      this.#tellUp(b, a, seatB);
    });
  }

  /** A new session is the end of the one before it, for whoever has not noticed yet. */
  #tellUp(own: number, other: number, { life, handlers, numbers }: Seat): void {
    const number = numbers.get(other)!;
    const link = this.#link(own, other);
    const isDoubted = this.#believed.has(link);
    this.#believed.set(link, this.#opened);
    this.#lastArrivalMs.delete(link);
    life.do(() => {
      if (isDoubted) handlers.onPeerDown(number);
      handlers.onPeerUp(number, true);
    });
  }

  /** Both sides, if they are there, notice in a moment. */
  #close(a: number, b: number): void {
    if (!this.#sessions.delete(this.#pair(a, b))) return;
    for (const [own, other] of [
      [a, b],
      [b, a],
    ] as const) {
      const link = this.#link(own, other);
      const session = this.#believed.get(link);
      if (session === undefined) continue;
      this.#world.clock.after(this.#world.streams.network.between(...NOTICE_MS), () => {
        const seat = this.#seats[own];
        if (!seat || this.#believed.get(link) !== session) return;
        this.#believed.delete(link);
        seat.life.do(() => seat.handlers.onPeerDown(seat.numbers.get(other)!));
      });
    }
  }

  #others(index: number): number[] {
    return this.#seats.map((_, other) => other).filter((other) => other !== index);
  }

  *#pairs(): Generator<readonly [number, number]> {
    for (let a = 0; a < this.#seats.length; a++) for (let b = a + 1; b < this.#seats.length; b++) yield [a, b];
  }

  #link(from: number, to: number): number {
    return from * this.#seats.length + to;
  }

  #pair(a: number, b: number): number {
    return Math.min(a, b) * this.#seats.length + Math.max(a, b);
  }

  #isCut(a: number, b: number): boolean {
    return this.#apart.has(a) !== this.#apart.has(b);
  }
}
