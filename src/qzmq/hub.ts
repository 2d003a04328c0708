/** The inside of a validator's transport: one place per member, one per client, and the timer that tends them. */
import type { Identity } from '../crypto/identity.ts';
import { PqError } from '../errors.ts';
import { CHANNEL, type Channel, type Item } from './batch.ts';
import { ClientDesk } from './client-desk.ts';
import type { Clock } from './clock.ts';
import { MESSAGE_BYTES_MAX, NOTICE_INTERVAL_MS, POLITE_DIAL_MS, RENEWALS_PER_TICK, TICK_MS } from './constants.ts';
import { Counters, type TransportStats } from './counters.ts';
import { Dial, type DialEnvironment } from './dial.ts';
import { formatEndpoint, requireEndpoint } from './endpoint.ts';
import { EndpointBook, type KnownEndpoint, signEndpoint } from './endpoint-book.ts';
import { type Committee, sameCommittee } from './frames.ts';
import { type Gates, gatesWith } from './gates.ts';
import { type Established, type LocalParty, type Member, othersOf } from './handshake.ts';
import type { Candidate } from './initiator.ts';
import type { Outbox } from './outbox.ts';
import { ownBytes } from './received.ts';
import type { KeyLimits } from './records.ts';
import { Responder } from './responder.ts';
import { Seat } from './seat.ts';
import type { Session } from './session.ts';
import { Switchboard } from './switchboard.ts';
import type { CommitteeChange, MessageKind, Transport, TransportHandlers } from './transport.ts';
import type { SendResult, Wire } from './wire.ts';

export interface HubOptions {
  /** What we believe in is a new value after a change: whoever needs it reads it from here each time. */
  readonly local: LocalParty & { readonly identity: Identity; committee: Committee };
  readonly members: readonly Member[];
  /** With every other member. */
  readonly gates: Gates;
  readonly wire: Wire;
  readonly advertise: string | undefined;
  readonly allowClients: boolean;
  readonly handlers: TransportHandlers;
  readonly clock: Clock;
  readonly keyLimits: KeyLimits;
}

const KIND_CHANNEL = { consensus: CHANNEL.CONSENSUS, sync: CHANNEL.SYNC } as const;

export class Hub implements Transport {
  readonly address: string;
  readonly #options: HubOptions;
  readonly #counters = new Counters();
  readonly #switchboard: Switchboard;
  readonly #responder: Responder;
  readonly #seats = new Map<number, Seat>();
  readonly #clients: ClientDesk;
  readonly #book: EndpointBook;
  /** Dials to addresses of which it is not known yet who lives there. */
  readonly #searches = new Set<Dial>();
  readonly #dialEnvironment: DialEnvironment;
  readonly #noticedMs = new Map<string, number>();
  #gates: Gates;
  /** Where this node lives, as it says itself. */
  #statement: Uint8Array | undefined;
  /** Changes of the committee, one after the other. */
  #changing: Promise<void> = Promise.resolve();
  /** Sessions that are to be made anew. */
  #renewals: Seat[] = [];
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(options: HubOptions) {
    const { local, members, gates, wire, clock, handlers, keyLimits } = options;
    const counters = this.#counters;
    this.#options = options;
    this.#gates = gates;
    this.address = wire.address ?? '';
    this.#book = new EndpointBook(othersOf(members, local.identity), local.chainId);
    this.#clients = new ClientDesk(handlers, clock, counters, (session) => this.#switchboard.discard(session));
    this.#responder = new Responder({ local, members, gates: gates.inward, allowClients: options.allowClients });
    this.#switchboard = new Switchboard({
      wire,
      clock,
      counters,
      keyLimits,
      responder: this.#responder,
      accept: ({ peer }, connection) =>
        peer.kind === 'member' ? this.#seats.get(peer.index)?.link : this.#clients.accept(peer.nodeId, connection),
      onFailed: (error) => this.#notice(error.code, error),
    });
    this.#dialEnvironment = this.#makeDialEnvironment();
    this.#reseat(members);
  }

  async start(): Promise<void> {
    const { wire, local, advertise, clock } = this.#options;
    wire.start(this.#switchboard);
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
    if (advertise === undefined) return;
    this.#statement = await signEndpoint(local.identity, local.chainId, advertise, Math.floor(clock.wallMs()));
    for (const { link } of this.#seats.values()) if (link.up) this.#tell(link.outbox, this.#statement);
  }

  connect(member: number, endpoint: string): void {
    const address = formatEndpoint(requireEndpoint(endpoint));
    const seat = this.#seats.get(member);
    if (seat === undefined) {
      const message = `member ${member} is not another member of this committee; use an index of the genesis`;
      throw new PqError('QZMQ_UNKNOWN_PEER', message, { member });
    }
    seat.locate(address, this.#options.clock.monotonicMs());
    seat.tick(this.#options.clock.monotonicMs());
  }

  connectAddress(endpoint: string): void {
    this.#search(formatEndpoint(requireEndpoint(endpoint)));
  }

  async setCommittee({ epoch, committeeHash, members }: CommitteeChange): Promise<void> {
    const { local } = this.#options;
    const committee = { epoch, hash: Uint8Array.from(committeeHash) };
    if (!sameCommittee(committee, local.committee)) {
      local.committee = committee;
      for (const seat of this.#seats.values()) seat.link.announce(committee);
      this.#renewals = [...this.#seats.values()];
    }
    this.#changing = this.#changing.then(() => this.#setMembers(members));
    return this.#changing;
  }

  send(peer: number, bytes: Uint8Array, kind: MessageKind = 'consensus'): SendResult {
    checkSize(bytes);
    const seat = this.#seats.get(peer);
    if (seat === undefined || !seat.link.up || (kind === 'consensus' && !seat.sameCommittee)) return 'gone';
    return seat.link.outbox.push({ channel: KIND_CHANNEL[kind], bytes });
  }

  broadcast(bytes: Uint8Array, kind: MessageKind = 'consensus'): number {
    let queued = 0;
    for (const peer of this.#seats.keys()) if (this.send(peer, bytes, kind) === 'ok') queued++;
    return queued;
  }

  sendClient(client: number, bytes: Uint8Array): SendResult {
    checkSize(bytes);
    return this.#clients.send(client, bytes);
  }

  closeClient(client: number): void {
    this.#clients.close(client);
  }

  get peers(): readonly number[] {
    return [...this.#seats.values()].filter(({ link }) => link.up).map(({ member }) => member.index);
  }

  stats(): TransportStats {
    return this.#counters.snapshot();
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    clearInterval(this.#timer);
    for (const dial of this.#searches) dial.close();
    for (const seat of this.#seats.values()) seat.close();
    this.#clients.closeAll();
    await this.#options.wire.close();
  }

  /** Those who are gone lose their place at once, those who are new get one as soon as there is a gate key with them. */
  async #setMembers(members: readonly Member[]): Promise<void> {
    const { identity } = this.#options.local;
    const others = othersOf(members, identity);
    this.#book.setMembers(others);
    this.#gates = await gatesWith(identity, others, this.#gates, ({ index }, error) => {
      this.#notice(`${error.code} ${index}`, error);
    });
    if (this.#closed) return;
    this.#responder.setMembers(others, this.#gates.inward);
    this.#reseat(others);
    for (const dial of [...this.#searches]) {
      this.#searches.delete(dial);
      dial.close();
      this.#search(dial.endpoint);
    }
  }

  #reseat(members: readonly Member[]): void {
    for (const [index, seat] of this.#seats) {
      if (members.some(({ index: other }) => other === index)) continue;
      seat.close();
      this.#seats.delete(index);
    }
    for (const member of members) {
      const gate = this.#gates.outward.get(member.index);
      if (gate === undefined || this.#seats.has(member.index)) continue;
      this.#seats.set(member.index, this.#makeSeat({ member, gate }));
    }
  }

  #search(address: string): void {
    const candidates = [...this.#seats.values()].map(({ candidate }) => candidate);
    this.#searches.add(new Dial(this.#dialEnvironment, address, { mode: 'validator', candidates }));
  }

  #makeSeat(candidate: Candidate): Seat {
    const { local, clock, handlers } = this.#options;
    const { member } = candidate;
    return new Seat({
      candidate,
      dialEnvironment: this.#dialEnvironment,
      clock,
      dialsFirst: Buffer.compare(local.identity.nodeId, member.nodeId) < 0,
      onUp: () => this.#onUp(member.index),
      onDown: () => {
        if (!this.#closed) handlers.onPeerDown(member.index);
      },
      onItems: (items, session) => this.#onItems(member.index, items, session),
      onDiscarded: (session) => this.#switchboard.discard(session),
    });
  }

  #makeDialEnvironment(): DialEnvironment {
    const { wire, clock, local } = this.#options;
    return {
      wire,
      clock,
      counters: this.#counters,
      local,
      attach: (dial, connection) => this.#switchboard.attach(dial, connection),
      detach: (connection) => this.#switchboard.detach(connection),
      open: (established, dial) => this.#openDialed(established, dial),
      discard: (session) => this.#switchboard.discard(session),
      onFailed: (dial, error) => this.#notice(`${error.code} ${dial.endpoint}`, error),
    };
  }

  #openDialed(established: Established, dial: Dial): Session | undefined {
    const { peer } = established;
    const seat = peer.kind === 'member' ? this.#seats.get(peer.index) : undefined;
    if (seat === undefined || dial.connection === undefined) return undefined;
    if (this.#searches.delete(dial)) seat.adopt(dial);
    return this.#switchboard.open(established, dial.connection, seat.link);
  }

  #onUp(peer: number): void {
    const seat = this.#seats.get(peer);
    if (seat === undefined) return;
    if (this.#statement !== undefined) this.#tell(seat.link.outbox, this.#statement);
    for (const { member, bytes } of this.#book.all) if (member !== peer) this.#tell(seat.link.outbox, bytes);
    this.#options.handlers.onPeerUp(peer, seat.sameCommittee);
  }

  #onItems(peer: number, items: readonly Item[], session: Session): void {
    const same = sameCommittee(session.peerCommittee, this.#options.local.committee);
    for (const { channel, bytes } of items) {
      if (this.#closed) return;
      const kind = kindOf(channel);
      if (channel === CHANNEL.ENDPOINT) void this.#learn(Uint8Array.from(bytes), peer);
      else if (kind === undefined) this.#counters.reject('unexpected');
      else if (kind === 'consensus' && !same) this.#counters.reject('other-committee');
      else this.#options.handlers.onMessage(peer, ownBytes(bytes, items.length), kind);
    }
  }

  /** Takes note of an endpoint, passes news on, and dials whom it knows now. */
  async #learn(statement: Uint8Array, from: number): Promise<void> {
    const { clock } = this.#options;
    const news = await this.#book.learn(statement, from, clock.monotonicMs());
    if (news === 'refused') this.#counters.reject('bad-endpoint');
    if (typeof news === 'string' || this.#closed) return;
    this.#passOn(news, from);
    const seat = this.#seats.get(news.member);
    if (seat === undefined) return;
    seat.locate(news.endpoint, clock.monotonicMs() + (seat.dialsFirst ? 0 : POLITE_DIAL_MS));
  }

  #passOn({ member, bytes }: KnownEndpoint, from: number): void {
    for (const { member: other, link } of this.#seats.values()) {
      const isNews = other.index !== from && other.index !== member && link.up;
      if (isNews) this.#tell(link.outbox, bytes);
    }
  }

  #tell(outbox: Outbox, statement: Uint8Array): void {
    outbox.push({ channel: CHANNEL.ENDPOINT, bytes: statement });
  }

  #notice(topic: string, error: PqError): void {
    const nowMs = this.#options.clock.monotonicMs();
    if (nowMs - (this.#noticedMs.get(topic) ?? Number.NEGATIVE_INFINITY) < NOTICE_INTERVAL_MS) return;
    this.#noticedMs.set(topic, nowMs);
    this.#options.handlers.onNotice?.(error);
  }

  #tick(): void {
    const nowMs = this.#options.clock.monotonicMs();
    this.#responder.expire(this.#options.clock.wallMs());
    for (const seat of this.#seats.values()) seat.tick(nowMs);
    this.#clients.tick(nowMs);
    for (const dial of this.#searches) dial.tick(nowMs, true);
    for (const seat of this.#renewals.splice(0, RENEWALS_PER_TICK)) seat.renew();
  }
}

function kindOf(channel: Channel): MessageKind | undefined {
  if (channel === CHANNEL.CONSENSUS) return 'consensus';
  return channel === CHANNEL.SYNC ? 'sync' : undefined;
}

function checkSize(bytes: Uint8Array): void {
  if (bytes.length > MESSAGE_BYTES_MAX) {
    throw new PqError('QZMQ_MESSAGE_SIZE', 'a message holds at most 61 KiB', { length: bytes.length });
  }
}
