import { describe, expect, it } from 'vitest';
import { ENDPOINT_BURST } from '../../src/qzmq/constants.ts';
import { formatEndpoint, parseEndpoint } from '../../src/qzmq/endpoint.ts';
import { EndpointBook, signEndpoint } from '../../src/qzmq/endpoint-book.ts';
import { CHAIN, identity, MEMBERS } from './parties.ts';

const NOW_MS = 1000;

describe('endpoints', () => {
  it('are read and written', () => {
    for (const text of ['127.0.0.1:5001', 'node-1.example.org:65535', '[::1]:1']) {
      expect(formatEndpoint(parseEndpoint(text) as never)).toBe(text);
    }
    for (const text of [
      '',
      ':1',
      'a:',
      'a:0',
      'a:65536',
      'a:1:2',
      '[zz]:1',
      '::1:1',
      'a b:1',
      `${'a'.repeat(255)}:1`,
    ]) {
      expect(parseEndpoint(text), text).toBeUndefined();
    }
  });
});

describe('endpoint book', () => {
  it('believes a validator about itself, and only what is new', async () => {
    const book = new EndpointBook(MEMBERS, CHAIN);
    const first = await signEndpoint(identity(1), CHAIN, '127.0.0.1:5001', 10);
    const second = await signEndpoint(identity(1), CHAIN, '127.0.0.1:5002', 11);
    expect(await book.learn(first, 2, NOW_MS)).toMatchObject({ member: 1, sequence: 10, endpoint: '127.0.0.1:5001' });
    expect(await book.learn(first, 2, NOW_MS)).toBe('old');
    expect(await book.learn(second, 3, NOW_MS)).toMatchObject({ endpoint: '127.0.0.1:5002' });
    expect(await book.learn(first, 2, NOW_MS)).toBe('old');
    expect(book.all.map(({ endpoint }) => endpoint)).toEqual(['127.0.0.1:5002']);
  });

  it('takes the newest when two arrive at once', async () => {
    const book = new EndpointBook(MEMBERS, CHAIN);
    const statements = await Promise.all([12, 11, 10].map((n) => signEndpoint(identity(1), CHAIN, `h:${n}`, n)));
    await Promise.all(statements.map((statement) => book.learn(statement, 2, NOW_MS)));
    expect(book.all[0]?.sequence).toBe(12);
  });

  it('refuses what another signed, another chain, any changed byte, and addresses that lead nowhere', async () => {
    const book = new EndpointBook(MEMBERS, CHAIN);
    const liar = { ...identity(2), nodeId: identity(1).nodeId };
    const cases = [
      await signEndpoint(liar, CHAIN, '127.0.0.1:5001', 10),
      await signEndpoint(identity(1), new Uint8Array(32), '127.0.0.1:5001', 10),
      await signEndpoint(identity(1), CHAIN, '0.0.0.0:5001', 10),
      await signEndpoint(identity(1), CHAIN, 'not an endpoint', 10),
      new Uint8Array(0),
      new Uint8Array(5000),
    ];
    for (const [i, bytes] of cases.entries()) expect(await book.learn(bytes, 2, NOW_MS), `case ${i}`).toBe('refused');
    const genuine = await signEndpoint(identity(1), CHAIN, '127.0.0.1:5001', 10);
    for (let at = 0; at < genuine.length; at += 29) {
      const changed = Uint8Array.from(genuine);
      changed[at] = (changed[at] ?? 0) ^ 1;
      expect(await book.learn(changed, 100 + at, NOW_MS), `byte ${at}`).toBe('refused');
    }
    expect(book.all).toEqual([]);
    expect(await book.learn(genuine, 2, NOW_MS)).toMatchObject({ member: 1 });
  });

  it('lets whoever passes on forgeries run dry, and nobody else', async () => {
    const book = new EndpointBook(MEMBERS, CHAIN);
    const genuine = await signEndpoint(identity(1), CHAIN, '127.0.0.1:5001', 10);
    const forged = Uint8Array.from(genuine);
    forged[genuine.length - 1] = (forged[genuine.length - 1] ?? 0) ^ 1;
    for (let i = 0; i < ENDPOINT_BURST; i++) await book.learn(forged, 2, NOW_MS);
    expect(await book.learn(genuine, 2, NOW_MS)).toBe('refused');
    expect(await book.learn(genuine, 3, NOW_MS)).toMatchObject({ member: 1 });
  });
});
