import { afterEach, describe, expect, it } from 'vitest';
import { type ClientOptions, type ClientSession, connectClient } from '../../src/qzmq/client.ts';
import { SILENT_SESSION_MS } from '../../src/qzmq/constants.ts';
import { startNode, stopNodes, until } from './network.ts';
import { CHAIN, identity, MEMBERS } from './parties.ts';

const sessions: ClientSession[] = [];
afterEach(async () => {
  await Promise.all(sessions.splice(0).map((session) => session.close()));
  await stopNodes();
});

async function client(endpoint: string, options: Partial<ClientOptions> = {}) {
  const received: string[] = [];
  const state = { closed: false };
  const session = await connectClient({
    endpoint,
    chainId: CHAIN,
    members: MEMBERS,
    onMessage: (bytes) => received.push(Buffer.from(bytes).toString()),
    onClose: () => {
      state.closed = true;
    },
    ...options,
  });
  sessions.push(session);
  return { session, received, state };
}

describe('a client session', () => {
  it('carries messages both ways, with an anonymous and with a known client', async () => {
    const node = await startNode(2);
    const anonymous = await client(node.transport.address);
    const known = await client(node.transport.address, { identity: identity(3), responder: 2 });
    await until(() => node.clients.size === 2);
    expect([...node.clients.values()]).toEqual([undefined, identity(3).nodeId]);
    expect(anonymous.session.responder).toBe(2);
    anonymous.session.send(Buffer.from('propose'));
    await until(() => node.fromClients.length === 1);
    expect(Buffer.from(node.fromClients[0]?.bytes as Uint8Array).toString()).toBe('propose');
    for (const id of node.clients.keys()) expect(node.transport.sendClient(id, Buffer.from('accepted'))).toBe('ok');
    await until(() => anonymous.received.length === 1 && known.received.length === 1);
    // A client that uses a validator's key is still a client: nothing of it reached the consensus side.
    expect(node.received).toEqual([]);
    expect(node.up.size).toBe(0);
  });

  it('ends on both sides, whoever ends it', async () => {
    const node = await startNode(0);
    const first = await client(node.transport.address);
    await until(() => node.clients.size === 1);
    await first.session.close();
    await until(() => node.clients.size === 0);
    expect(first.state.closed).toBe(false);
    expect(first.session.send(Buffer.from('x'))).toBe('gone');
    const second = await client(node.transport.address);
    await until(() => node.clients.size === 1);
    for (const id of node.clients.keys()) node.transport.closeClient(id);
    await until(() => second.state.closed);
    const third = await client(node.transport.address);
    await node.transport.close();
    await until(() => third.state.closed);
  });

  it('that died of silence does not dial again by itself', async () => {
    const node = await startNode(0);
    let aheadMs = 0;
    const clock = { wallMs: () => Date.now(), monotonicMs: () => performance.now() + aheadMs };
    const first = await client(node.transport.address, { clock });
    aheadMs = SILENT_SESSION_MS + 1000;
    await until(() => first.state.closed && node.clients.size === 0);
    await client(node.transport.address);
    await client(node.transport.address);
    expect(node.clients.size).toBe(2);
    expect(node.transport.stats().handshakes).toBe(3);
  });

  it('is refused by codes: nobody there, another chain, no clients, another member, a bad address', async () => {
    const node = await startNode(0);
    const closed = await startNode(1, { allowClients: false });
    const at = node.transport.address;
    const quick = { timeoutMs: 400 };
    const noAnswer = { code: 'QZMQ_NO_ANSWER' };
    await expect(client('127.0.0.1:1', quick)).rejects.toMatchObject(noAnswer);
    await expect(client(at, { ...quick, chainId: new Uint8Array(32) })).rejects.toMatchObject(noAnswer);
    await expect(client(closed.transport.address, quick)).rejects.toMatchObject(noAnswer);
    await expect(client(at, { ...quick, responder: 1 })).rejects.toMatchObject(noAnswer);
    await expect(client(at, { responder: 77 })).rejects.toMatchObject({ code: 'QZMQ_UNKNOWN_PEER' });
    await expect(client('nowhere')).rejects.toMatchObject({ code: 'QZMQ_BAD_ADDRESS' });
    expect(node.transport.stats().rejectedBy['wrong-network']).toBe(1);
    expect(closed.transport.stats().rejectedBy['no-clients']).toBe(1);
    expect(node.clients.size).toBe(0);
  });
});
