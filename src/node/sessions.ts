import type { Input } from '../core/io.ts';
import type { PeerNumber } from '../core/types.ts';
import type { PqError } from '../errors.ts';
import type { TransportStats } from '../qzmq/counters.ts';
import type { CommitteeChange, Transport, TransportHandlers } from '../qzmq/transport.ts';
import type { ClientService, ClientSession } from './client-service.ts';
import { PeerLinks } from './peer-links.ts';

export interface SessionsParts {
  /** Where what peers say goes. */
  readonly post: (input: Input) => void;
  /** A peer came or went, for people. */
  readonly onPeer: (peer: number, up: boolean) => void;
  readonly onNotice: (notice: PqError) => void;
  /** Serves a client that came. */
  readonly serve: (session: ClientSession) => ClientService;
}

/** The node's side of the transport: peers talk to the core, each client to a service of its own. */
export class Sessions implements TransportHandlers {
  readonly #parts: SessionsParts;
  readonly #clients = new Map<number, ClientService>();
  /** Peers that were up before the transport was handed over. */
  readonly #early = new Set<number>();
  #transport: Transport | undefined;
  #links: PeerLinks | undefined;

  constructor(parts: SessionsParts) {
    this.#parts = parts;
  }

  /** HOST:PORT that the node listens at. */
  get address(): string {
    return this.#transport?.address ?? '';
  }

  get peers(): readonly number[] {
    return this.#transport?.peers ?? [];
  }

  get stats(): Pick<TransportStats, 'bytesIn' | 'bytesOut'> {
    return this.#transport?.stats() ?? { bytesIn: 0, bytesOut: 0 };
  }

  /** The transport that was created with these handlers. */
  attach(transport: Transport): void {
    this.#transport = transport;
    this.#links = new PeerLinks(transport);
    for (const peer of this.#early) this.onPeerUp(peer);
    this.#early.clear();
  }

  /** Another epoch, or the next one is near. Before there is a transport nobody need be told. */
  setCommittee(change: CommitteeChange): void {
    void this.#transport?.setCommittee(change);
  }

  /** Without a session the message is dropped: the core asks again for what it misses. */
  send(to: PeerNumber | 'all', bytes: Uint8Array): void {
    this.#links?.send(to, bytes);
  }

  async close(): Promise<void> {
    await this.#transport?.close();
  }

  onMessage(peer: number, bytes: Uint8Array): void {
    const message = this.#links?.receive(peer, bytes);
    if (message != null) this.#parts.post({ type: 'message', peer: peer as PeerNumber, bytes: message });
  }

  onPeerUp(peer: number): void {
    if (this.#links === undefined) return void this.#early.add(peer);
    this.#parts.post({ type: 'peerUp', peer: peer as PeerNumber });
    this.#parts.onPeer(peer, true);
  }

  onPeerDown(peer: number): void {
    if (this.#early.delete(peer)) return;
    this.#links?.down(peer);
    this.#parts.post({ type: 'peerDown', peer: peer as PeerNumber });
    this.#parts.onPeer(peer, false);
  }

  onClientUp(client: number): void {
    const session: ClientSession = {
      send: (bytes) => this.#transport?.sendClient(client, bytes) === 'ok',
      close: () => this.#transport?.closeClient(client),
    };
    this.#clients.set(client, this.#parts.serve(session));
  }

  onClientMessage(client: number, bytes: Uint8Array): void {
    this.#clients.get(client)?.receive(bytes);
  }

  onClientDown(client: number): void {
    this.#clients.get(client)?.close();
    this.#clients.delete(client);
  }

  onNotice(notice: PqError): void {
    this.#parts.onNotice(notice);
  }
}
