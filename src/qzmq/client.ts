/** The transport of a client: one session with one validator. Reconnecting is left to the caller. */
import type { Identity } from '../crypto/identity.ts';
import { PqError } from '../errors.ts';
import { CHANNEL, type Item } from './batch.ts';
import { type Clock, systemClock } from './clock.ts';
import { CLIENT_QUEUE_BYTES_MAX, HANDSHAKE_TIMEOUT_MS, MESSAGE_BYTES_MAX, SUITE, TICK_MS } from './constants.ts';
import { Counters, type TransportStats } from './counters.ts';
import { Dial } from './dial.ts';
import { systemEphemerals } from './ephemerals.ts';
import type { LocalParty, Member } from './handshake.ts';
import { Link } from './link.ts';
import { ownBytes } from './received.ts';
import { KEY_LIMITS } from './records.ts';
import { Switchboard } from './switchboard.ts';
import type { SendResult, Wire } from './wire.ts';
import { openZmqWire } from './zmq-wire.ts';

export interface ClientOptions {
  /** host:port. */
  readonly endpoint: string;
  /** 32 bytes. */
  readonly chainId: Uint8Array;
  /** The genesis committee: whoever answers must prove to be one of them. */
  readonly members: readonly Member[];
  /** Accept only this member. */
  readonly responder?: number;
  /** Lets the validator know who the client is; anonymous without. */
  readonly identity?: Identity;
  onMessage(bytes: Uint8Array): void;
  /** The session ended, not by {@link ClientSession.close}. */
  onClose(): void;
  readonly clock?: Clock;
  /** Time until the session must stand; 5 s if absent. */
  readonly timeoutMs?: number;
}

export interface ClientSession {
  /** Committee index of the validator at the other end. */
  readonly responder: number;
  /** As `Transport.send`. Throws `QZMQ_MESSAGE_SIZE`. */
  send(bytes: Uint8Array): SendResult;
  stats(): TransportStats;
  /** What is still queued is dropped. */
  close(): Promise<void>;
}

/** Opens a session. Throws `QZMQ_BAD_ADDRESS`, `QZMQ_UNKNOWN_PEER`, `QZMQ_NO_ANSWER`. */
export async function connectClient(options: ClientOptions): Promise<ClientSession> {
  const responders =
    options.responder === undefined
      ? options.members
      : options.members.filter(({ index }) => index === options.responder);
  if (responders.length === 0) {
    throw new PqError('QZMQ_UNKNOWN_PEER', 'no such member in the committee; use an index of the genesis', {
      responder: options.responder,
    });
  }
  const client = new DialedClient(options, responders, await openZmqWire({}));
  try {
    await client.opened;
  } catch (error) {
    await client.close();
    throw error;
  }
  return client;
}

class DialedClient implements ClientSession {
  readonly opened: Promise<void>;
  readonly #options: ClientOptions;
  readonly #wire: Wire;
  readonly #clock: Clock;
  readonly #counters = new Counters();
  readonly #link: Link;
  readonly #dial: Dial;
  readonly #timer: NodeJS.Timeout;
  #responder = -1;
  #closed = false;

  constructor(options: ClientOptions, responders: readonly Member[], wire: Wire) {
    this.#options = options;
    this.#wire = wire;
    this.#clock = options.clock ?? systemClock;
    const environment = { wire, clock: this.#clock, counters: this.#counters, keyLimits: KEY_LIMITS };
    const switchboard = new Switchboard(environment);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.opened = promise;
    this.#link = new Link(
      {
        onUp: () => resolve(),
        onDown: () => this.#onDown(),
        onItems: (items) => this.#onItems(items),
        onRenewDue: () => this.#dial.renew(),
        onDiscarded: (session) => switchboard.discard(session),
      },
      { clock: this.#clock, survivingRole: 'initiator', queueBytesMax: CLIENT_QUEUE_BYTES_MAX },
    );
    wire.start(switchboard);
    this.#dial = new Dial(
      {
        ...environment,
        local: localParty(options),
        attach: (dial, connection) => switchboard.attach(dial, connection),
        detach: (connection) => switchboard.detach(connection),
        open: (established, dial) => {
          const { peer } = established;
          if (peer.kind !== 'member' || dial.connection === undefined) return undefined;
          this.#responder = peer.index;
          return switchboard.open(established, dial.connection, this.#link);
        },
        discard: (session) => switchboard.discard(session),
        // The caller is told by the deadline; a failed attempt before it is tried again.
        onFailed: () => undefined,
      },
      options.endpoint,
      { mode: 'client', responders },
    );
    const deadlineMs = this.#clock.monotonicMs() + (options.timeoutMs ?? HANDSHAKE_TIMEOUT_MS);
    this.#timer = setInterval(() => this.#tick(deadlineMs, reject), TICK_MS);
  }

  get responder(): number {
    return this.#responder;
  }

  send(bytes: Uint8Array): SendResult {
    if (bytes.length > MESSAGE_BYTES_MAX) {
      throw new PqError('QZMQ_MESSAGE_SIZE', 'a message holds at most 61 KiB', { length: bytes.length });
    }
    return this.#link.up ? this.#link.outbox.push({ channel: CHANNEL.CLIENT, bytes }) : 'gone';
  }

  stats(): TransportStats {
    return this.#counters.snapshot();
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#link.close();
    await this.#shut();
  }

  async #shut(): Promise<void> {
    clearInterval(this.#timer);
    this.#dial.close();
    await this.#wire.close();
  }

  #onDown(): void {
    if (this.#closed) return;
    this.#closed = true;
    void this.#shut();
    this.#options.onClose();
  }

  #onItems(items: readonly Item[]): void {
    for (const { channel, bytes } of items) {
      if (this.#closed) return;
      if (channel === CHANNEL.CLIENT) this.#options.onMessage(ownBytes(bytes, items.length));
      else this.#counters.reject('unexpected');
    }
  }

  #tick(deadlineMs: number, reject: (error: PqError) => void): void {
    const nowMs = this.#clock.monotonicMs();
    this.#link.tick(nowMs);
    // The session may just have died of silence: then the wire is closed, and nothing is dialed on it any more.
    if (this.#closed) return;
    this.#dial.tick(nowMs, !this.#link.up);
    if (this.#link.up || nowMs < deadlineMs) return;
    const { endpoint } = this.#options;
    const message = `no validator of this chain answered at ${endpoint}; check the address and the genesis file`;
    reject(new PqError('QZMQ_NO_ANSWER', message, { endpoint }));
  }
}

function localParty(options: ClientOptions): LocalParty {
  return {
    identity: options.identity,
    chainId: Uint8Array.from(options.chainId),
    // A client believes in no committee; validators do not ask it to.
    committee: { epoch: 0, hash: new Uint8Array(32) },
    suites: [SUITE.AES_256_GCM, SUITE.CHACHA20_POLY1305],
    ephemerals: systemEphemerals,
  };
}
