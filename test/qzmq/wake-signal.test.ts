import { performance } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import 'zeromq';
import { Client, Server } from 'zeromq/lib/draft.js';
import { WakeSignal } from '../../src/qzmq/wake-signal.ts';

const ECHOES = 500;
/** A spinning loop turns tens of thousands of times in this time; a quiet one a few dozen times. */
const REST_MS = 500;
const TURNS_MAX = 1_500;

async function turnsAtRest(): Promise<number> {
  // The sweep clears what the last commands raised.
  await delay(300);
  const before = performance.nodeTiming.uvMetricsInfo.loopCount;
  await delay(REST_MS);
  return performance.nodeTiming.uvMetricsInfo.loopCount - before;
}

test.runIf(process.platform === 'linux')(
  'sockets that wait for frames leave the event loop at rest, and lose none',
  async () => {
    const server = WakeSignal.opening(() => new Server({ linger: 0, sendTimeout: 0 }));
    const client = WakeSignal.opening(() => new Client({ linger: 0, sendTimeout: 0 }));
    await server.socket.bind('tcp://127.0.0.1:*');
    client.socket.connect(server.socket.lastEndpoint as string);
    const echo = (async () => {
      for (let i = 0; i < ECHOES; i++) {
        await server.signal.ready();
        const [frame, { routingId }] = await server.socket.receive();
        server.signal.received();
        await server.socket.send(frame, { routingId });
      }
    })();
    const back = (async () => {
      for (let i = 0; i < ECHOES; i++) {
        await client.signal.ready();
        const [frame] = await client.socket.receive();
        client.signal.received();
        expect(frame.readUInt32LE()).toBe(i);
      }
    })();
    await delay(200);
    for (let i = 0; i < ECHOES; i++) {
      const frame = Buffer.alloc(4);
      frame.writeUInt32LE(i);
      await client.socket.send(frame);
      if (i % 100 === 0) await delay(20);
    }
    await Promise.all([echo, back]);
    const waiting = [server.socket.receive().catch(() => undefined), client.socket.receive().catch(() => undefined)];
    expect(await turnsAtRest()).toBeLessThan(TURNS_MAX);
    for (const { socket, signal } of [server, client]) {
      signal.close();
      socket.close();
    }
    await Promise.all(waiting);
  },
);

test.runIf(process.platform === 'linux')(
  'without it the loop spins: the reason for this file is still there',
  async () => {
    const server = new Server({ linger: 0 });
    await server.bind('tcp://127.0.0.1:*');
    const waiting = server.receive().catch(() => undefined);
    expect(await turnsAtRest()).toBeGreaterThan(TURNS_MAX);
    server.close();
    await waiting;
  },
);
