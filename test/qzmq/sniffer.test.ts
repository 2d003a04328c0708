/** What someone on the wire sees: a TCP proxy between two nodes records every byte in both directions. */
import { createHash, randomBytes } from 'node:crypto';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { connectClient } from '../../src/qzmq/client.ts';
import { exchange, portOf, startNode, stopNodes, until } from './network.ts';
import { CHAIN, identity, MEMBERS } from './parties.ts';

interface Sniffer {
  readonly port: number;
  captured(): Buffer;
  close(): void;
}

const sniffers: Sniffer[] = [];
afterEach(async () => {
  for (const sniffer of sniffers.splice(0)) sniffer.close();
  await stopNodes();
});

async function sniff(targetPort: number): Promise<Sniffer> {
  const chunks: Buffer[] = [];
  const sockets = new Set<Socket>();
  const server: Server = createServer((inbound) => {
    const outbound = connect(targetPort, '127.0.0.1');
    for (const [from, to] of [
      [inbound, outbound],
      [outbound, inbound],
    ] as const) {
      sockets.add(from);
      from.on('data', (chunk: Buffer) => {
        chunks.push(chunk);
        to.write(chunk);
      });
      from.on('error', () => to.destroy());
      from.on('close', () => to.destroy());
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const sniffer = {
    port: (server.address() as { port: number }).port,
    captured: () => Buffer.concat(chunks),
    close: () => {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
  sniffers.push(sniffer);
  return sniffer;
}

/** Everything of an identity that must not be seen, in pieces that a partial leak would show too. */
function secretsOf(index: number): Buffer[] {
  const { nodeId, signing, ed25519, gate } = identity(index);
  return [nodeId, ed25519.publicKey, gate.publicKey, signing.publicKey].flatMap((bytes) => {
    const all = Buffer.from(bytes);
    return [all.subarray(0, 16), all.subarray(-16)];
  });
}

describe('on the wire', () => {
  it('(control) the sniffer sees a marker that is sent in the clear', async () => {
    const marker = randomBytes(24);
    const plain = createServer((socket) => socket.resume());
    await new Promise<void>((resolve) => plain.listen(0, '127.0.0.1', resolve));
    const sniffer = await sniff((plain.address() as { port: number }).port);
    const socket = connect(sniffer.port, '127.0.0.1');
    socket.write(Buffer.concat([Buffer.alloc(1000), marker, Buffer.alloc(1000)]));
    await until(() => sniffer.captured().length === 2024);
    expect(sniffer.captured().includes(marker)).toBe(true);
    socket.destroy();
    plain.close();
  });

  it('(C5) no application data, nodeId or public key of two validators is seen', async () => {
    const [a, b] = [await startNode(0), await startNode(1)];
    const sniffer = await sniff(portOf(a.transport.address));
    b.transport.connectAddress(`127.0.0.1:${sniffer.port}`);
    await until(() => a.up.has(1) && b.up.has(0));
    await exchange(a, 0, b, 1);
    const marker = randomBytes(24);
    for (const [from, to] of [
      [a, 1],
      [b, 0],
    ] as const) {
      from.transport.send(to, Buffer.concat([Buffer.alloc(500), marker, Buffer.alloc(500)]));
    }
    await until(() =>
      [a, b].every(({ received }) => received.some(({ bytes }) => marker.equals(bytes.subarray(500, 524)))),
    );
    const captured = sniffer.captured();
    // The session did go through the proxy: two signatures, a KEM key and a ciphertext at least.
    expect(captured.length).toBeGreaterThan(9_000);
    expect(captured.includes(marker)).toBe(false);
    for (const secret of [...secretsOf(0), ...secretsOf(1)]) expect(captured.includes(secret)).toBe(false);
    expect(captured.includes(CHAIN)).toBe(false);
    // What is seen, on purpose: the hash of the chain.
    expect(captured.includes(createHash('sha3-256').update(CHAIN).digest())).toBe(true);
  });

  it('no application data or key of a known client is seen', async () => {
    const node = await startNode(0);
    const sniffer = await sniff(portOf(node.transport.address));
    const session = await connectClient({
      endpoint: `127.0.0.1:${sniffer.port}`,
      chainId: CHAIN,
      members: MEMBERS,
      identity: identity(2),
      onMessage: () => undefined,
      onClose: () => undefined,
    });
    const marker = randomBytes(24);
    session.send(marker);
    await until(() => node.fromClients.length === 1);
    const captured = sniffer.captured();
    expect(captured.includes(marker)).toBe(false);
    for (const secret of [...secretsOf(0), ...secretsOf(2)]) expect(captured.includes(secret)).toBe(false);
    await session.close();
  });
});
