import { randomBytes } from 'node:crypto';
import { createServer } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { MESSAGE_BYTES_MAX, SEND_QUEUE_BYTES_MAX } from '../../src/qzmq/constants.ts';
import { createTransport } from '../../src/qzmq/transport.ts';
import { exchange, type Node, pause, portOf, startNode, stopNodes, until } from './network.ts';
import { CHAIN, identity, MEMBERS, member } from './parties.ts';

afterEach(stopNodes);

const allUp = (nodes: readonly Node[]) => () => nodes.every(({ up }) => up.size === nodes.length - 1);

describe('two validators', () => {
  it('exchange messages both ways over one session, whoever dials', async () => {
    const [a, b] = [await startNode(0), await startNode(1)];
    b.transport.connect(0, a.transport.address);
    await until(() => a.up.has(1) && b.up.has(0));
    await exchange(a, 0, b, 1);
    expect(a.received.every(({ peer, kind }) => peer === 1 && kind === 'consensus')).toBe(true);
    expect(a.transport.peers).toEqual([1]);
    expect(a.transport.stats()).toMatchObject({ handshakes: 1, rejected: 0 });
  });

  it('find each other when the dialed one starts last', async () => {
    const probe = await startNode(1);
    const port = portOf(probe.transport.address);
    await probe.transport.close();
    const a = await startNode(0);
    a.transport.connect(1, `127.0.0.1:${port}`);
    await pause(300);
    expect(a.up.size).toBe(0);
    const b = await startNode(1, { listen: { host: '127.0.0.1', port } });
    await until(() => a.up.has(1) && b.up.has(0));
    await exchange(a, 0, b, 1);
  });

  it('keep one session when both dial, and lose no message over it', async () => {
    const [a, b] = [await startNode(0), await startNode(1)];
    a.transport.connect(1, b.transport.address);
    b.transport.connect(0, a.transport.address);
    await until(() => a.up.has(1) && b.up.has(0));
    for (let i = 0; i < 200; i++) {
      a.transport.send(1, Buffer.from([i]));
      b.transport.send(0, Buffer.from([i]));
      if (i % 10 === 0) await pause(10);
    }
    await until(() => a.received.length >= 200 && b.received.length >= 200);
    const counts = [a, b].map(({ received }) => new Set(received.map(({ bytes }) => bytes[0])).size);
    expect(counts).toEqual([200, 200]);
    expect([a.received.length, b.received.length]).toEqual([200, 200]);
  });

  it('reconnect after either side restarts', async () => {
    const first = await startNode(0);
    const b = await startNode(1);
    const port = portOf(first.transport.address);
    b.transport.connect(0, first.transport.address);
    await until(() => first.up.has(1) && b.up.has(0));
    await first.transport.close();
    await until(() => b.up.size === 0);
    expect(b.transport.send(0, Buffer.from('x'))).toBe('gone');
    const again = await startNode(0, { listen: { host: '127.0.0.1', port } });
    await until(() => again.up.has(1) && b.up.has(0));
    await exchange(again, 0, b, 1);
    const bPort = portOf(b.transport.address);
    await b.transport.close();
    await until(() => again.up.size === 0);
    // The restarted dialer has forgotten everything; the other one still knows where it lived.
    const bAgain = await startNode(1, { listen: { host: '127.0.0.1', port: bPort } });
    await until(() => again.up.has(1) && bAgain.up.has(0));
    await exchange(again, 0, bAgain, 1);
  });

  it('carry messages up to 61 KiB, and many at once', async () => {
    const [a, b] = [await startNode(0), await startNode(1)];
    a.transport.connect(1, b.transport.address);
    await until(() => a.up.has(1));
    const large = randomBytes(MESSAGE_BYTES_MAX);
    expect(a.transport.send(1, large)).toBe('ok');
    for (let i = 0; i < 5000; i++) a.transport.send(1, Buffer.alloc(i % 700, i));
    await until(() => b.received.length === 5001);
    expect(large.equals(b.received[0]?.bytes ?? new Uint8Array(0))).toBe(true);
    expect(b.received.every(({ bytes }, i) => i === 0 || bytes.length === (i - 1) % 700)).toBe(true);
    // One turn of the event loop is a few records, not five thousand.
    expect(a.transport.stats().recordsOut).toBeLessThan(200);
    expect(() => a.transport.send(1, new Uint8Array(MESSAGE_BYTES_MAX + 1))).toThrow(
      expect.objectContaining({ code: 'QZMQ_MESSAGE_SIZE' }),
    );
  });

  it('keep one session when a known member is found again by its address', async () => {
    const [a, b] = [await startNode(0), await startNode(1)];
    a.transport.connect(1, b.transport.address);
    await until(() => a.up.has(1) && b.up.has(0));
    let downs = 0;
    const { up } = a;
    const remove = up.delete.bind(up);
    up.delete = (peer) => {
      downs++;
      return remove(peer);
    };
    a.transport.connectAddress(b.transport.address);
    await until(() => a.transport.stats().handshakes === 2);
    for (let i = 0; i < 20; i++) await exchange(a, 0, b, 1);
    expect(downs).toBe(0);
  });

  it('say full at the bound of the queue, and deliver what was taken', async () => {
    const [a, b] = [await startNode(0), await startNode(1)];
    a.transport.connect(1, b.transport.address);
    await until(() => a.up.has(1) && b.up.has(0));
    const message = new Uint8Array(60 * 1024);
    let taken = 0;
    while (a.transport.send(1, message) === 'ok') taken++;
    expect(taken).toBe(Math.floor(SEND_QUEUE_BYTES_MAX / (message.length + 3)));
    await until(() => b.received.length === taken);
    expect(a.transport.send(1, message)).toBe('ok');
  });

  it('replace a session before its key is used up, and lose nothing', async () => {
    const keyLimits = { records: 64, bytes: 2 ** 34 };
    const [a, b] = [await startNode(0, { keyLimits }), await startNode(1, { keyLimits })];
    a.transport.connect(1, b.transport.address);
    await until(() => a.up.has(1) && b.up.has(0));
    for (let i = 0; i < 150; i++) {
      a.transport.send(1, Buffer.from([i]));
      b.transport.send(0, Buffer.from([i]));
      await pause(10);
    }
    await until(() => a.received.length === 150 && b.received.length === 150);
    expect(a.transport.stats().handshakes).toBeGreaterThan(2);
  });

  it('send only sync messages when they disagree on the committee', async () => {
    const [a, b] = [await startNode(0), await startNode(1, { epoch: 1 })];
    a.transport.connect(1, b.transport.address);
    await until(() => a.up.has(1) && b.up.has(0));
    expect([a.up.get(1), b.up.get(0)]).toEqual([false, false]);
    expect(a.transport.send(1, Buffer.from('vote'))).toBe('gone');
    expect(a.transport.send(1, Buffer.from('history'), 'sync')).toBe('ok');
    await until(() => b.received.length === 1);
    expect(b.received[0]).toMatchObject({ peer: 0, kind: 'sync' });
  });
});

describe('a committee', () => {
  it('finds all members when each knows one', { timeout: 60_000 }, async () => {
    const nodes = [await startNode(0), await startNode(1), await startNode(2), await startNode(3)];
    for (const [i, node] of nodes.entries()) {
      if (i > 0) node.transport.connectAddress((nodes[i - 1] as Node).transport.address);
    }
    await until(allUp(nodes));
    for (const [i, node] of nodes.entries()) {
      expect(node.transport.broadcast(Buffer.from([i]))).toBe(3);
    }
    await until(() => nodes.every(({ received }) => received.length === 3));
  });

  it('finds all members when all know one that starts last', async () => {
    const probe = await startNode(0);
    const port = portOf(probe.transport.address);
    await probe.transport.close();
    const early = [await startNode(1), await startNode(2), await startNode(3)];
    for (const { transport } of early) transport.connectAddress(`127.0.0.1:${port}`);
    await pause(200);
    const nodes = [await startNode(0, { listen: { host: '127.0.0.1', port } }), ...early];
    await until(allUp(nodes));
  });

  it('finds a member that comes back at another port', async () => {
    const nodes = [await startNode(0), await startNode(1), await startNode(2)];
    const [a, b, c] = nodes as [Node, Node, Node];
    b.transport.connectAddress(a.transport.address);
    c.transport.connectAddress(a.transport.address);
    await until(allUp(nodes));
    await c.transport.close();
    await until(() => !a.up.has(2) && !b.up.has(2));
    const moved = await startNode(2);
    moved.transport.connectAddress(b.transport.address);
    await until(() => a.up.has(2) && b.up.has(2) && moved.up.size === 2);
  });
});

describe('a listener', () => {
  it('binds to a name', async () => {
    const [a, b] = [await startNode(0, { listen: { host: 'localhost', port: 0 } }), await startNode(1)];
    expect(a.transport.address).toMatch(/^localhost:\d+$/);
    b.transport.connectAddress(a.transport.address);
    await until(() => a.up.has(1) && b.up.has(0));
  });
});

describe('what is refused, with a code', () => {
  it('a port in use, an address of another machine, an address that is none', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    const listen = (host: string, at: number) => startNode(0, { listen: { host, port: at } });
    await expect(listen('127.0.0.1', port)).rejects.toMatchObject({ code: 'QZMQ_PORT_IN_USE' });
    await expect(listen('192.0.2.1', 4000)).rejects.toMatchObject({ code: 'QZMQ_BAD_ADDRESS' });
    await expect(listen('not a host', 4000)).rejects.toMatchObject({ code: 'QZMQ_BAD_ADDRESS' });
    await expect(listen('127.0.0.1', 70_000)).rejects.toMatchObject({ code: 'QZMQ_BAD_ADDRESS' });
    server.close();
  });

  it('peers and endpoints that cannot be', async () => {
    const { transport } = await startNode(0);
    expect(() => transport.connect(9, '127.0.0.1:1')).toThrow(expect.objectContaining({ code: 'QZMQ_UNKNOWN_PEER' }));
    expect(() => transport.connect(0, '127.0.0.1:1')).toThrow(expect.objectContaining({ code: 'QZMQ_UNKNOWN_PEER' }));
    for (const endpoint of ['', 'host', 'host:0', 'host:70000', 'tcp://host:1', 'a b:1', '[::zz]:1']) {
      expect(() => transport.connectAddress(endpoint), endpoint).toThrow(
        expect.objectContaining({ code: 'QZMQ_BAD_ADDRESS' }),
      );
    }
    expect(transport.send(2, Buffer.from('x'))).toBe('gone');
    expect(transport.sendClient(2, Buffer.from('x'))).toBe('gone');
  });

  it('a committee that does not fit', async () => {
    const wrong = [member(0), { ...member(1), ed25519Key: member(2).ed25519Key }];
    await expect(startNode(0, { members: wrong })).rejects.toMatchObject({ code: 'QZMQ_BAD_MEMBER' });
  });

  it('a peer of another chain: counted here, reported there', { timeout: 30_000 }, async () => {
    const a = await startNode(0);
    const stranger = await startNode(1, { chainId: new Uint8Array(32).fill(1) });
    stranger.transport.connect(0, a.transport.address);
    await until(() => stranger.notices.length > 0);
    expect(stranger.notices[0]?.code).toBe('QZMQ_NO_ANSWER');
    expect(a.transport.stats().rejectedBy['wrong-network']).toBeGreaterThan(0);
    expect(a.up.size + stranger.up.size).toBe(0);
  });

  it('a signer that fails: told, survived, and tried again', { timeout: 30_000 }, async () => {
    const state = { broken: true };
    const flaky = (index: number) => {
      const { signing, ...rest } = identity(index);
      const sign: typeof signing.sign = (message, context) =>
        state.broken && context === 'QZMQ/1' ? Promise.reject(new Error('gone')) : signing.sign(message, context);
      return { ...rest, signing: { publicKey: signing.publicKey, sign } };
    };
    const [a, b] = [await startNode(0, { identity: flaky(0) }), await startNode(1, { identity: flaky(1) })];
    a.transport.connect(1, b.transport.address);
    await until(() => b.notices.some(({ code }) => code === 'QZMQ_SIGNER_FAILED'));
    state.broken = false;
    await until(() => a.up.has(1) && b.up.has(0));
    await exchange(a, 0, b, 1);
  });

  it('tells when peers cannot learn where it is', async () => {
    const notices: string[] = [];
    const transport = await createTransport({
      identity: identity(0),
      chainId: CHAIN,
      epoch: 0,
      committeeHash: new Uint8Array(32),
      members: MEMBERS,
      listen: { host: '0.0.0.0', port: 0 },
      allowClients: false,
      handlers: {
        onMessage: () => undefined,
        onPeerUp: () => undefined,
        onPeerDown: () => undefined,
        onNotice: ({ code }) => notices.push(code),
      },
    });
    expect(notices).toEqual(['QZMQ_NOT_ADVERTISED']);
    await transport.close();
    await transport.close();
  });
});
