import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { freePorts } from '../../src/cli/launch.ts';
import { callerOf, callersAreKnown } from './callers.ts';
import { Links } from './links.ts';
import { LinkProxy } from './proxy.ts';
import { until } from './until.ts';

let links: Links;
let proxy: LinkProxy;
let server: Server;
let port: number;
const sockets: Socket[] = [];

/** Validator 0 dials, validator 1 answers with all that it is sent. */
beforeEach(async () => {
  const [target, front] = (await freePorts(2)) as [number, number];
  port = front;
  server = createServer((socket) => socket.on('error', () => {}).pipe(socket)).listen(target, '127.0.0.1');
  await once(server, 'listening');
  links = new Links(2);
  proxy = await LinkProxy.open({ port, target, owner: 1, links, callerOf: () => 0 });
});
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await proxy.close();
  server.close();
});

class Talk {
  readonly socket: Socket;
  heard = '';
  closed = false;

  constructor() {
    this.socket = connect(port, '127.0.0.1').on('error', () => {});
    this.socket.on('data', (piece: Buffer) => (this.heard += piece.toString('latin1')));
    this.socket.on('close', () => (this.closed = true));
    sockets.push(this.socket);
  }

  say(text: string): void {
    this.socket.write(text, 'latin1');
  }

  hears(text: string): Promise<void> {
    return until(
      `to hear ${text}`,
      () => this.heard === text,
      () => this.heard,
    );
  }

  async ends(): Promise<void> {
    await until(
      'the end',
      () => this.closed,
      () => 'open',
    );
  }
}

test('what is said comes through, both ways', async () => {
  const talk = new Talk();
  talk.say('hello');
  await talk.hears('hello');
  expect(links.counts).toEqual({ cut: 0, refused: 0, late: 0, corrupted: 0 });
});

test('a cut ends connections and refuses new ones until it is mended', async () => {
  const before = new Talk();
  before.say('hello');
  await before.hears('hello');
  links.cut([0], [1]);
  await before.ends();
  const during = new Talk();
  during.say('hello');
  await during.ends();
  expect(during.heard).toBe('');
  links.mend();
  const after = new Talk();
  after.say('hello');
  await after.hears('hello');
  expect(links.counts).toMatchObject({ cut: 1, refused: 1 });
});

test('what is held, in one direction, comes when it is mended, all of it and in order', async () => {
  const talk = new Talk();
  talk.say('a');
  await talk.hears('a');
  for (const [from, to] of [
    [0, 1],
    [1, 0],
  ] as const) {
    links.set([from], [to], { held: true });
    talk.heard = '';
    for (const letter of 'bcdef') talk.say(letter);
    // Whatever could come through would have come by then: it is a turn of three event loops on one machine.
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(talk.heard).toBe('');
    links.mend();
    await talk.hears('bcdef');
  }
});

test('what is delayed comes later, and in order', async () => {
  const talk = new Talk();
  links.set([0], [1], { delayMs: [20, 60] });
  const beginMs = performance.now();
  for (const letter of 'abcdef') talk.say(letter);
  await talk.hears('abcdef');
  expect(performance.now() - beginMs).toBeGreaterThanOrEqual(20);
  expect(links.counts.late).toBeGreaterThan(0);
});

test('what is corrupted differs in one byte for each piece', async () => {
  const talk = new Talk();
  links.set([0], [1], { corrupted: 1 });
  const text = 'x'.repeat(1000);
  talk.say(text);
  await until(
    'as much to come back',
    () => talk.heard.length === text.length,
    () => talk.heard,
  );
  const changed = [...talk.heard].filter((letter) => letter !== 'x').length;
  expect(changed).toBe(links.counts.corrupted);
  expect(changed).toBeGreaterThan(0);
});

test.skipIf(!callersAreKnown)('the process behind a connection is known', async () => {
  const talk = new Talk();
  talk.say('hello');
  await talk.hears('hello');
  const from = talk.socket.localPort!;
  expect(callerOf(from, port, [1, process.pid])).toBe(process.pid);
  expect(callerOf(from, port, [1])).toBeUndefined();
  expect(callerOf(from, port + 1, [process.pid])).toBeUndefined();
});
