/** Real transports on loopback for the tests, with what they received and who is up. */
import { randomBytes } from 'node:crypto';
import type { PqError } from '../../src/errors.ts';
import { createTransport, type Transport, type TransportOptions } from '../../src/qzmq/transport.ts';
import { CHAIN, identity, MEMBERS } from './parties.ts';

export interface Node {
  readonly transport: Transport;
  readonly up: Map<number, boolean>;
  readonly received: { readonly peer: number; readonly bytes: Uint8Array; readonly kind: string }[];
  readonly clients: Map<number, Uint8Array | undefined>;
  readonly fromClients: { readonly client: number; readonly bytes: Uint8Array }[];
  readonly notices: PqError[];
}

const open: Transport[] = [];

/** Closes everything that {@link startNode} started. */
export async function stopNodes(): Promise<void> {
  await Promise.all(open.splice(0).map((transport) => transport.close()));
}

export async function startNode(index: number, options: Partial<TransportOptions> = {}): Promise<Node> {
  const node: Omit<Node, 'transport'> = {
    up: new Map(),
    received: [],
    clients: new Map(),
    fromClients: [],
    notices: [],
  };
  const transport = await createTransport({
    identity: identity(index),
    chainId: CHAIN,
    epoch: 0,
    committeeHash: new Uint8Array(32),
    members: MEMBERS,
    listen: { host: '127.0.0.1', port: 0 },
    allowClients: true,
    handlers: {
      onMessage: (peer, bytes, kind) => node.received.push({ peer, bytes, kind }),
      onPeerUp: (peer, sameCommittee) => node.up.set(peer, sameCommittee),
      onPeerDown: (peer) => node.up.delete(peer),
      onClientUp: (client, nodeId) => node.clients.set(client, nodeId),
      onClientMessage: (client, bytes) => node.fromClients.push({ client, bytes }),
      onClientDown: (client) => node.clients.delete(client),
      onNotice: (notice) => node.notices.push(notice),
    },
    ...options,
  });
  open.push(transport);
  return { ...node, transport };
}

/** Waits for a condition; the test's own time-out is the limit. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

export function portOf(address: string): number {
  return Number(address.slice(address.lastIndexOf(':') + 1));
}

/** Sends messages both ways and waits for them. */
export async function exchange(a: Node, aIndex: number, b: Node, bIndex: number): Promise<void> {
  const [there, back] = [randomBytes(100), randomBytes(100)];
  a.transport.send(bIndex, there);
  b.transport.send(aIndex, back);
  await until(() => b.received.some(({ bytes }) => there.equals(bytes)));
  await until(() => a.received.some(({ bytes }) => back.equals(bytes)));
}
