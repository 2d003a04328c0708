/** The transport of a validator: sessions with the other members of the committee, and with clients. */
import { equalBytes } from '../crypto/bytes.ts';
import { type Identity, nodeIdOf } from '../crypto/identity.ts';
import { PqError } from '../errors.ts';
import { type Clock, systemClock } from './clock.ts';
import { SUITE, type Suite } from './constants.ts';
import type { TransportStats } from './counters.ts';
import { formatEndpoint, isWildcard, requireEndpoint } from './endpoint.ts';
import { type Ephemerals, systemEphemerals } from './ephemerals.ts';
import { gatesWith, NO_GATES } from './gates.ts';
import { type Member, othersOf } from './handshake.ts';
import { Hub } from './hub.ts';
import { KEY_LIMITS, type KeyLimits } from './records.ts';
import type { SendResult } from './wire.ts';
import { openZmqWire } from './zmq-wire.ts';

/** What a message is for: between validators that disagree on the committee only `sync` passes. */
export type MessageKind = 'consensus' | 'sync';

/** Called by the transport. Bytes handed over are the receiver's own. */
export interface TransportHandlers {
  onMessage(peer: number, bytes: Uint8Array, kind: MessageKind): void;
  /** `sameCommittee`: the peer believes in our epoch and committee; otherwise it gets `sync` only. */
  onPeerUp(peer: number, sameCommittee: boolean): void;
  onPeerDown(peer: number): void;
  /** `nodeId` is proven; undefined for an anonymous client. */
  onClientUp?(client: number, nodeId: Uint8Array | undefined): void;
  onClientMessage?(client: number, bytes: Uint8Array): void;
  onClientDown?(client: number): void;
  /**
   * Something an operator should know; the transport goes on. Codes: `QZMQ_NO_ANSWER`, `QZMQ_NOT_ADVERTISED`,
   * `QZMQ_SIGNER_FAILED`.
   */
  onNotice?(notice: PqError): void;
}

/** What a node believes in, and whom it talks to because of it. */
export interface CommitteeChange {
  readonly epoch: number;
  /** M, 32 bytes. */
  readonly committeeHash: Uint8Array;
  /**
   * Everybody who may have a session with us: members of the committee and of its neighbours in time. This node may be among
   * them. An index names one of them for ever.
   */
  readonly members: readonly Member[];
}

export interface TransportOptions extends CommitteeChange {
  readonly identity: Identity;
  /** 32 bytes. */
  readonly chainId: Uint8Array;
  /** Port 0 takes a free one. */
  readonly listen: { readonly host: string; readonly port: number };
  /** What peers are told to dial, host:port; the listening address if absent. */
  readonly advertise?: string;
  readonly allowClients: boolean;
  readonly handlers: TransportHandlers;
  readonly clock?: Clock;
  /** AEADs offered and accepted, most wanted first. */
  readonly suites?: readonly Suite[];
  readonly ephemerals?: Ephemerals;
  readonly keyLimits?: KeyLimits;
}

export interface Transport {
  /** host:port it listens at. */
  readonly address: string;
  /** Keeps a session with this member from now on. Throws `QZMQ_UNKNOWN_PEER`, `QZMQ_BAD_ADDRESS`. */
  connect(member: number, endpoint: string): void;
  /** As {@link connect}, with whichever member lives there. Throws `QZMQ_BAD_ADDRESS`. */
  connectAddress(endpoint: string): void;
  /**
   * Queues a message for a member. `full`: its queue is at its bound, try later. `gone`: there is no session (or one that
   * admits only `sync`). Throws `QZMQ_MESSAGE_SIZE` above 61 KiB. The bytes must not be changed afterwards.
   */
  send(peer: number, bytes: Uint8Array, kind?: MessageKind): SendResult;
  /** {@link send} to every member that is up. Returns how many queued it. */
  broadcast(bytes: Uint8Array, kind?: MessageKind): number;
  sendClient(client: number, bytes: Uint8Array): SendResult;
  /** Ends a client's session. */
  closeClient(client: number): void;
  /**
   * Another committee from now on: what this node believes in, and whom it talks to. What it believes in is said at once on
   * every session, before anything that is sent later; with those who stay the sessions go on, and both sides prove anew who
   * they are. The promise is for who is new: it resolves when they can be met.
   */
  setCommittee(change: CommitteeChange): Promise<void>;
  /** Numbers of those with a session. */
  readonly peers: readonly number[];
  stats(): TransportStats;
  close(): Promise<void>;
}

const DEFAULT_SUITES: readonly Suite[] = [SUITE.AES_256_GCM, SUITE.CHACHA20_POLY1305];

/**
 * Listens and begins. Throws `QZMQ_PORT_IN_USE`, `QZMQ_PORT_FORBIDDEN`, `QZMQ_BAD_ADDRESS`, `QZMQ_BAD_MEMBER`.
 */
export async function createTransport(options: TransportOptions): Promise<Transport> {
  const { identity, members, chainId } = options;
  for (const member of members) requireOwnId(member);
  const local = {
    identity,
    chainId: Uint8Array.from(chainId),
    committee: { epoch: options.epoch, hash: Uint8Array.from(options.committeeHash) },
    suites: options.suites ?? DEFAULT_SUITES,
    ephemerals: options.ephemerals ?? systemEphemerals,
  };
  const gates = await gatesWith(identity, othersOf(members, identity), NO_GATES, (_, error) => {
    throw error;
  });
  const wire = await openZmqWire({ listen: options.listen, backlog: Math.max(16, 2 * members.length) });
  const hub = new Hub({
    local,
    members,
    gates,
    wire,
    advertise: advertised(options, wire.address),
    allowClients: options.allowClients,
    handlers: options.handlers,
    clock: options.clock ?? systemClock,
    keyLimits: options.keyLimits ?? KEY_LIMITS,
  });
  await hub.start();
  return hub;
}

/** What a document or a peer says of a nodeId is not taken for granted. Throws `QZMQ_BAD_MEMBER`. */
function requireOwnId({ nodeId, publicKey, ed25519Key, gateKey, index }: Member): void {
  if (equalBytes(nodeIdOf(publicKey, ed25519Key, gateKey), nodeId)) return;
  const message = `member ${index}: its nodeId is not the hash of its keys; check the genesis`;
  throw new PqError('QZMQ_BAD_MEMBER', message, { index });
}

function advertised(options: TransportOptions, address: string | undefined): string | undefined {
  if (options.advertise !== undefined) return formatEndpoint(requireEndpoint(options.advertise));
  if (address !== undefined && !isWildcard(options.listen.host)) return address;
  options.handlers.onNotice?.(
    new PqError('QZMQ_NOT_ADVERTISED', 'peers cannot learn where this node is; set the address to advertise', {
      listen: options.listen,
    }),
  );
  return undefined;
}
