import { expect, test } from 'vitest';
import type { PeerNumber } from '../../src/core/types.ts';
import { PeerLinks } from '../../src/node/peer-links.ts';
import { MESSAGE_BYTES_MAX } from '../../src/qzmq/constants.ts';
import type { SendResult } from '../../src/qzmq/wire.ts';

const PEER = 2 as PeerNumber;

function setUp() {
  const sent: { to: number | 'all'; bytes: Uint8Array; kind: string | undefined }[] = [];
  const links = new PeerLinks({
    send: (to, bytes, kind): SendResult => {
      sent.push({ to, bytes, kind });
      return 'ok';
    },
    broadcast: (bytes, kind) => sent.push({ to: 'all', bytes, kind }),
  });
  return { links, sent };
}

function message(kind: number, length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (i === 0 ? kind : i % 251));
}

test('only pushed blocks are consensus; the rest passes between committees too', () => {
  const { links, sent } = setUp();
  links.send('all', message(1, 10));
  links.send(PEER, message(7, 10));
  expect(sent.map(({ to, kind }) => [to, kind])).toEqual([
    ['all', 'consensus'],
    [PEER, 'sync'],
  ]);
});

test('a long message arrives whole, in parts that the transport takes', () => {
  const { links, sent } = setUp();
  const long = message(7, 300_000);
  links.send(PEER, long);
  expect(sent.length).toBeGreaterThan(4);
  for (const { bytes } of sent) expect(bytes.length).toBeLessThanOrEqual(MESSAGE_BYTES_MAX);
  const received = sent.map(({ bytes }) => links.receive(0, bytes));
  expect(received.slice(0, -1).every((whole) => whole === null)).toBe(true);
  expect(received.at(-1)).toEqual(long);
});

test('a part that got lost loses the message and no other', () => {
  const { links, sent } = setUp();
  links.send(PEER, message(7, 150_000));
  links.send(PEER, message(6, 150_000));
  const arriving = sent.filter((_, i) => i !== 1);
  const whole = arriving.map(({ bytes }) => links.receive(0, bytes)).filter((bytes) => bytes !== null);
  expect(whole).toEqual([message(6, 150_000)]);
});

test('short messages pass between the parts of another', () => {
  const { links, sent } = setUp();
  links.send(PEER, message(7, 150_000));
  expect(links.receive(0, sent[0]!.bytes)).toBeNull();
  expect(links.receive(0, message(2, 20))).toEqual(message(2, 20));
  links.down(0);
  expect(links.receive(0, sent[1]!.bytes)).toBeNull();
  expect(links.receive(0, sent[2]!.bytes)).toBeNull();
});
