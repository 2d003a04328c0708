/** C10: the listener survives whatever comes at its port, and goes on serving. It is another process: a crash shows. */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { connect } from 'node:net';
import { createInterface, type Interface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Dealer } from 'zeromq';
import { Client } from 'zeromq/lib/draft.js';
import { connectClient } from '../../src/qzmq/client.ts';
import type { TransportStats } from '../../src/qzmq/counters.ts';
import { pause, portOf, startNode, stopNodes, until } from './network.ts';
import { CHAIN, MEMBERS } from './parties.ts';
import { longFrame, zmtp3 } from './zmtp.ts';

let child: ChildProcess;
let lines: Interface;
let address = '';

function nextLine(): Promise<string> {
  return new Promise((resolve) => lines.once('line', resolve));
}

async function stats(): Promise<TransportStats> {
  const line = nextLine();
  child.stdin?.write('stats\n');
  return JSON.parse(await line) as TransportStats;
}

beforeAll(async () => {
  const script = fileURLToPath(new URL('./listener.ts', import.meta.url));
  child = spawn(process.execPath, [script], { stdio: ['pipe', 'pipe', 'inherit'] });
  if (child.stdout === null) throw new Error('no stdout');
  lines = createInterface({ input: child.stdout });
  address = await nextLine();
});
afterAll(async () => {
  await stopNodes();
  child.stdin?.end();
});

/**
 * Writes to the port, waits a little for what happens, and hangs up. Waits after the first chunk too: libzmq resets a
 * connection that sends frames before it has got its greeting, and then they would not be tried at all.
 */
async function attack(greeting: Buffer, ...frames: readonly Buffer[]): Promise<void> {
  const socket = connect(portOf(address), '127.0.0.1');
  socket.on('error', () => undefined);
  socket.resume();
  socket.write(greeting);
  await pause(50);
  for (const frame of frames) if (!socket.destroyed) socket.write(frame);
  await pause(100);
  socket.destroy();
}

/** Everything the port is for still works: a validator and a client get an echo. */
async function expectServing(): Promise<void> {
  expect(child.exitCode).toBeNull();
  expect(child.signalCode).toBeNull();
  const node = await startNode(1);
  node.transport.connect(0, address);
  await until(() => node.up.has(0));
  node.transport.send(0, Buffer.from('still there?'));
  await until(() => node.received.length === 1);
  await stopNodes();
  let echo = 0;
  const client = await connectClient({
    endpoint: address,
    chainId: CHAIN,
    members: MEMBERS,
    onMessage: () => echo++,
    onClose: () => undefined,
  });
  client.send(Buffer.from('still there?'));
  await until(() => echo === 1);
  await client.close();
}

describe('the listener survives', { timeout: 30_000 }, () => {
  it('rubbish', async () => {
    await Promise.all(Array.from({ length: 20 }, () => attack(randomBytes(64 * 1024))));
    await attack(Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n'));
    await attack(Buffer.from('\x16\x03\x01\x02\x00', 'latin1'), randomBytes(512));
    await expectServing();
  });

  it('half-open connections, and greetings that stop in the middle', async () => {
    const greeting = zmtp3('CLIENT');
    const sockets = Array.from({ length: 50 }, (_, i) => {
      const socket = connect(portOf(address), '127.0.0.1');
      socket.on('error', () => undefined);
      if (i % 2 === 0) socket.write(greeting.subarray(0, i + 1));
      return socket;
    });
    await expectServing();
    for (const socket of sockets) socket.destroy();
  });

  it('ZMTP/1.0 peers: junk frames, multipart messages, bad lengths', async () => {
    const anonymous = Buffer.from([0x01, 0x00]);
    const single = Buffer.from([0x05, 0x00, 1, 2, 3, 4]);
    const multipart = Buffer.from([0x03, 0x01, 65, 65, 0x03, 0x00, 66, 66]);
    await attack(anonymous, ...Array.from({ length: 200 }, () => single));
    await attack(anonymous, ...Array.from({ length: 200 }, () => multipart));
    await attack(anonymous, Buffer.from([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x00]));
    await attack(Buffer.concat([Buffer.from([0x06, 0x00]), randomBytes(5)]), single);
    await expectServing();
  });

  it('frames that are too large, or claim to be', async () => {
    const hello = zmtp3('CLIENT');
    await attack(hello, longFrame(2n ** 40n, Buffer.alloc(1024)));
    await attack(hello, longFrame(2n ** 63n, Buffer.alloc(1024)));
    await attack(hello, longFrame(1_000_000n, randomBytes(1_000_000)));
    await expectServing();
  });

  it('a quarter of a million empty frames, most of which it does not even look at', async () => {
    const attacks = setInterval(() => void attack(zmtp3('CLIENT'), Buffer.alloc(500_000)), 200);
    while (((await stats()).rejectedBy.flood ?? 0) < 100_000) await pause(20);
    clearInterval(attacks);
    await expectServing();
  });

  it('peers of another socket type, and with odd identities', async () => {
    for (const type of ['DEALER', 'ROUTER', 'REQ', 'SUB', 'X'.repeat(200), ''])
      await attack(zmtp3(type), randomBytes(64));
    for (const identity of [randomBytes(255), Buffer.alloc(1), Buffer.from('006b8b4568', 'hex')]) {
      await attack(zmtp3('CLIENT', identity), Buffer.from([0x00, 0x01, 0x51]));
    }
    const dealer = new Dealer({ linger: 0, routingId: 'zz', sendTimeout: 0 });
    dealer.connect(`tcp://${address}`);
    await pause(100);
    dealer.close();
    await expectServing();
  });

  it('frames that look like ours: random HELLO, INIT, AUTH and records', async () => {
    const socket = new Client({ linger: 0, sendTimeout: 0 });
    socket.connect(`tcp://${address}`);
    await socket.receive();
    for (let i = 0; i < 200; i++) {
      const body = randomBytes(i * 25);
      for (const head of [
        Buffer.from(`QZM1${String.fromCharCode(1 + (i % 6))}`, 'latin1'),
        Buffer.from([0x51, 1, 0, 0]),
      ]) {
        await socket.send(Buffer.concat([head, body])).catch(() => pause(5));
      }
    }
    // What libzmq uses to tell of a disconnection; from a peer it only ends its own connection.
    await socket.send(Buffer.from([1])).catch(() => undefined);
    await pause(100);
    socket.close();
    await expectServing();
    const { rejectedBy } = await stats();
    expect(rejectedBy.malformed).toBeGreaterThan(0);
    expect(rejectedBy['unknown-session']).toBeGreaterThan(0);
    expect(rejectedBy['not-a-frame']).toBeGreaterThan(0);
  });
});
