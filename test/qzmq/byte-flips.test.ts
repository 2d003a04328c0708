/** C1: every byte of every frame flipped, and never accepted. */
import { beforeAll, describe, expect, it } from 'vitest';
import type { Identity } from '../../src/crypto/identity.ts';
import { Initiator, type InitiatorTarget } from '../../src/qzmq/initiator.ts';
import {
  expectStep,
  type Finished,
  identity,
  NOW_MS,
  party,
  repeatable,
  responderOf,
  seededEphemerals,
  shake,
  targetOf,
} from './parties.ts';

const CONNECTION = 7;
let me: Identity;
let them: Identity;
let target: InitiatorTarget;
let genuine: Finished['frames'];

/** With repeatable randomness and signatures, a new machine meets the same frames as the recorded ones. */
const newInitiator = () => new Initiator(party(me, { ephemerals: seededEphemerals('I') }), target, NOW_MS);
const newResponder = () => responderOf(1, { who: them, ephemerals: seededEphemerals('R') });

beforeAll(async () => {
  me = repeatable(identity(0));
  them = repeatable(identity(1));
  target = await targetOf(0, [1]);
  genuine = (await shake(newInitiator(), await newResponder())).frames;
});

function* flips(frame: Buffer): Generator<[number, Buffer]> {
  for (let at = 0; at < frame.length; at++) {
    const flipped = Buffer.from(frame);
    flipped[at] = (flipped[at] ?? 0) ^ (1 << (at % 8));
    yield [at, flipped];
  }
}

describe('a frame with one bit flipped in any byte', () => {
  it('(control) the recorded frames themselves are accepted by new machines', async () => {
    expect((await shake(newInitiator(), await newResponder())).frames).toEqual(genuine);
  });

  it('HELLO: gets no cookie', async () => {
    const responder = await newResponder();
    for (const [at, hello] of flips(genuine.hello)) {
      expect(responder.onHello(hello, CONNECTION, NOW_MS).kind, `byte ${at}`).toBe('refused');
    }
  });

  it('COOKIE: is ignored, or leads to an INIT that is refused', async () => {
    const responder = await newResponder();
    responder.onHello(genuine.hello, CONNECTION, NOW_MS);
    for (const [at, cookie] of flips(genuine.cookie)) {
      const step = await newInitiator().receive(cookie);
      if (step.kind === 'refused') continue;
      const init = expectStep(step, 'reply').frame;
      expect((await responder.onInit(init, CONNECTION, NOW_MS)).kind, `byte ${at}`).toBe('refused');
    }
  });

  it('INIT: gets no RESP', async () => {
    const responder = await newResponder();
    responder.onHello(genuine.hello, CONNECTION, NOW_MS);
    for (const [at, init] of flips(genuine.init)) {
      expect((await responder.onInit(init, CONNECTION, NOW_MS)).kind, `byte ${at}`).toBe('refused');
    }
    expect((await responder.onInit(genuine.init, CONNECTION, NOW_MS)).kind).toBe('reply');
  });

  it('RESP: gets no AUTH', { timeout: 120_000 }, async () => {
    let initiator = newInitiator();
    let attempts = 4;
    for (const [at, resp] of flips(genuine.resp)) {
      if (attempts++ === 4) {
        initiator = newInitiator();
        await initiator.receive(genuine.cookie);
        attempts = 1;
      }
      const step = await initiator.receive(resp);
      expect(step.kind, `byte ${at}`).toBe('refused');
      expect(step, `byte ${at}`).not.toMatchObject({ reason: 'too-many' });
    }
  });

  it('AUTH: makes no session', { timeout: 120_000 }, async () => {
    let responder = await newResponder();
    let attempts = 4;
    for (const [at, auth] of flips(genuine.auth)) {
      if (attempts++ === 4) {
        responder = await newResponder();
        responder.onHello(genuine.hello, CONNECTION, NOW_MS);
        await responder.onInit(genuine.init, CONNECTION, NOW_MS);
        attempts = 1;
      }
      const step = await responder.onAuth(auth, CONNECTION, NOW_MS);
      expect(step.kind, `byte ${at}`).toBe('refused');
      expect(step, `byte ${at}`).not.toMatchObject({ reason: 'too-many' });
    }
  });

  it('any frame cut short or made longer is refused', async () => {
    const responder = await newResponder();
    responder.onHello(genuine.hello, CONNECTION, NOW_MS);
    const initiator = newInitiator();
    for (const change of [(f: Buffer) => f.subarray(0, -1), (f: Buffer) => Buffer.concat([f, Buffer.alloc(1)])]) {
      expect(responder.onHello(change(genuine.hello), CONNECTION, NOW_MS).kind).toBe('refused');
      expect((await initiator.receive(change(genuine.cookie))).kind).toBe('refused');
      expect((await responder.onInit(change(genuine.init), CONNECTION, NOW_MS)).kind).toBe('refused');
    }
  });
});
