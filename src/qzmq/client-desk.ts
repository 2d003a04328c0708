/** The clients of a validator: anybody who dials in client mode. Their messages never reach the consensus channel. */
import { CHANNEL, type Item } from './batch.ts';
import type { Clock } from './clock.ts';
import { CLIENT_QUEUE_BYTES_MAX, CLIENT_SESSIONS_MAX } from './constants.ts';
import type { Counters } from './counters.ts';
import { Link } from './link.ts';
import { ownBytes } from './received.ts';
import type { Session } from './session.ts';
import type { TransportHandlers } from './transport.ts';
import type { ConnectionId, SendResult } from './wire.ts';

interface Client {
  readonly id: number;
  readonly connection: ConnectionId;
  readonly nodeId: Uint8Array | undefined;
  readonly link: Link;
}

export class ClientDesk {
  readonly #handlers: TransportHandlers;
  readonly #clock: Clock;
  readonly #counters: Counters;
  readonly #discard: (session: Session) => void;
  readonly #clients = new Map<number, Client>();
  #nextId = 1;

  constructor(handlers: TransportHandlers, clock: Clock, counters: Counters, discard: (session: Session) => void) {
    this.#handlers = handlers;
    this.#clock = clock;
    this.#counters = counters;
    this.#discard = discard;
  }

  /** The link for a new session; a client that renews its keys keeps the one it has. Undefined when the desk is full. */
  accept(nodeId: Uint8Array | undefined, connection: ConnectionId): Link | undefined {
    for (const client of this.#clients.values()) {
      if (client.connection === connection) return sameId(client.nodeId, nodeId) ? client.link : undefined;
    }
    if (this.#clients.size >= CLIENT_SESSIONS_MAX) return undefined;
    const id = this.#nextId++;
    const link = new Link(
      {
        onUp: () => this.#handlers.onClientUp?.(id, nodeId),
        onDown: () => {
          this.#clients.delete(id);
          this.#handlers.onClientDown?.(id);
        },
        onItems: (items) => this.#onItems(id, items),
        onRenewDue: () => undefined,
        onDiscarded: (session) => this.#discard(session),
      },
      { clock: this.#clock, survivingRole: 'responder', queueBytesMax: CLIENT_QUEUE_BYTES_MAX },
    );
    this.#clients.set(id, { id, connection, nodeId, link });
    return link;
  }

  send(id: number, bytes: Uint8Array): SendResult {
    const client = this.#clients.get(id);
    if (client === undefined || !client.link.up) return 'gone';
    return client.link.outbox.push({ channel: CHANNEL.CLIENT, bytes });
  }

  close(id: number): void {
    this.#clients.get(id)?.link.close();
  }

  closeAll(): void {
    for (const { link } of [...this.#clients.values()]) link.close();
  }

  tick(nowMs: number): void {
    for (const { link } of [...this.#clients.values()]) link.tick(nowMs);
  }

  #onItems(id: number, items: readonly Item[]): void {
    for (const { channel, bytes } of items) {
      if (channel !== CHANNEL.CLIENT) this.#counters.reject('unexpected');
      else this.#handlers.onClientMessage?.(id, ownBytes(bytes, items.length));
    }
  }
}

function sameId(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return Buffer.compare(a, b) === 0;
}
