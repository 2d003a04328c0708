import { describe, expect, it } from 'vitest';
import { COOKIE_VALID_MS, HANDSHAKE_TIMEOUT_MS, INIT_BURST_PER_VALIDATOR, SUITE } from '../../src/qzmq/constants.ts';
import { COOKIE_BYTES, HELLO_BYTES, INIT_BYTES, RESP_BYTES, sameCommittee } from '../../src/qzmq/frames.ts';
import { Initiator } from '../../src/qzmq/initiator.ts';
import {
  CHAIN,
  CLIENT_TARGET,
  COMMITTEE,
  expectStep,
  identity,
  initiatorOf,
  MEMBERS,
  NOW_MS,
  party,
  responderOf,
  shake,
  targetOf,
} from './parties.ts';

const CONNECTION = 7;

describe('handshake', () => {
  it('ends with both sides agreeing on ids, transcript, suite and keys', async () => {
    const { initiator, responder } = await shake(await initiatorOf(0, [1]), await responderOf(1));
    expect(initiator.peer).toEqual({ kind: 'member', index: 1 });
    expect(responder.peer).toEqual({ kind: 'member', index: 0 });
    expect(initiator.transcript).toEqual(responder.transcript);
    expect(initiator.keys).toEqual(responder.keys);
    expect(initiator.keys.initiator).not.toEqual(initiator.keys.responder);
    expect(initiator.suite).toBe(SUITE.AES_256_GCM);
    expect([initiator.ownSid, initiator.peerSid]).toEqual([responder.peerSid, responder.ownSid]);
    expect(sameCommittee(responder.peerCommittee, COMMITTEE)).toBe(true);
  });

  it('has frames of the documented sizes, and a COOKIE shorter than a HELLO', async () => {
    const { frames } = await shake(await initiatorOf(0, [1]), await responderOf(1));
    const { hello, cookie, init, resp, auth } = frames;
    expect([hello, cookie, init, resp, auth].map((frame) => frame.length)).toEqual([160, 57, 1462, 4639, 3518]);
    expect([HELLO_BYTES, COOKIE_BYTES, INIT_BYTES, RESP_BYTES]).toEqual([160, 57, 1462, 4639]);
  });

  it('makes other keys every time', async () => {
    const responder = await responderOf(1);
    const first = await shake(await initiatorOf(0, [1]), responder);
    const second = await shake(await initiatorOf(0, [1]), responder);
    expect(first.initiator.keys.initiator).not.toEqual(second.initiator.keys.initiator);
    expect(first.initiator.transcript).not.toEqual(second.initiator.transcript);
  });

  it('uses what the responder prefers of what was offered', async () => {
    const responder = await responderOf(1, { suites: [SUITE.CHACHA20_POLY1305, SUITE.AES_256_GCM] });
    const { initiator } = await shake(await initiatorOf(0, [1]), responder);
    expect(initiator.suite).toBe(SUITE.CHACHA20_POLY1305);
    const picky = await initiatorOf(0, [1], { suites: [SUITE.CHACHA20_POLY1305] });
    const strict = await responderOf(1, { suites: [SUITE.AES_256_GCM] });
    expect(strict.onHello(picky.hellos[0] as Buffer, CONNECTION, NOW_MS)).toMatchObject({ reason: 'no-common-suite' });
  });

  it('finds out who lives at an address, among all members', async () => {
    const searching = await initiatorOf(0, [1, 2, 3]);
    const responder = await responderOf(2);
    const answers = searching.hellos.map((hello) => responder.onHello(hello, CONNECTION, NOW_MS).kind);
    expect(answers).toEqual(['refused', 'reply', 'refused']);
    const { initiator } = await shake(await initiatorOf(0, [1, 2, 3]), responder, 1);
    expect(initiator.peer).toEqual({ kind: 'member', index: 2 });
  });

  it('carries what each side believes of the committee', async () => {
    const other = { epoch: 4, hash: new Uint8Array(32).fill(1) };
    const { initiator, responder } = await shake(await initiatorOf(0, [1], { committee: other }), await responderOf(1));
    expect(sameCommittee(responder.peerCommittee, other)).toBe(true);
    expect(sameCommittee(initiator.peerCommittee, COMMITTEE)).toBe(true);
  });
});

describe('a client', () => {
  it('may be anonymous; the responder proves to be a member', async () => {
    const client = new Initiator(party(undefined), CLIENT_TARGET, NOW_MS);
    const { initiator, responder } = await shake(client, await responderOf(2));
    expect(initiator.peer).toEqual({ kind: 'member', index: 2 });
    expect(responder.peer).toEqual({ kind: 'client', nodeId: undefined });
    expect(initiator.keys).toEqual(responder.keys);
  });

  it('may prove a key of its own, and is still no validator, whosever key it is', async () => {
    const client = new Initiator(party(identity(0)), CLIENT_TARGET, NOW_MS);
    const { responder } = await shake(client, await responderOf(2));
    expect(responder.peer).toEqual({ kind: 'client', nodeId: identity(0).nodeId });
  });

  it('refuses a responder other than the one it named', async () => {
    const responder = await responderOf(2);
    const client = new Initiator(party(undefined), { mode: 'client', responders: [MEMBERS[1] as never] }, NOW_MS);
    await expect(shake(client, responder)).rejects.toThrow('wrong-identity');
  });

  it('is turned away where clients are not allowed', async () => {
    const client = new Initiator(party(undefined), CLIENT_TARGET, NOW_MS);
    const responder = await responderOf(2, { allowClients: false });
    expect(responder.onHello(client.hellos[0] as Buffer, CONNECTION, NOW_MS)).toMatchObject({ reason: 'no-clients' });
  });
});

describe('what is refused (C4, C9)', () => {
  it('another network', async () => {
    const stranger = await initiatorOf(0, [1], { chainId: new Uint8Array(32).fill(1) });
    const step = (await responderOf(1)).onHello(stranger.hellos[0] as Buffer, CONNECTION, NOW_MS);
    expect(step).toEqual({ kind: 'refused', reason: 'wrong-network' });
  });

  it('a network that only pretends to be ours: the chain is in the prologue, not only in the HELLO', async () => {
    const chainId = Uint8Array.from(CHAIN);
    const initiator = new Initiator({ ...party(identity(0)), chainId }, await targetOf(0, [1]), NOW_MS);
    const responder = await responderOf(1);
    const cookie = expectStep(responder.onHello(initiator.hellos[0] as Buffer, CONNECTION, NOW_MS), 'reply').frame;
    const init = expectStep(await initiator.receive(cookie), 'reply').frame;
    const resp = expectStep(await responder.onInit(init, CONNECTION, NOW_MS), 'reply').frame;
    // From here on the two sides differ in nothing but the chain.
    chainId[0] = 0;
    expect(await initiator.receive(resp)).toEqual({ kind: 'refused', reason: 'bad-box' });
  });

  it('a suite that was not offered', async () => {
    const initiator = await initiatorOf(0, [1], { suites: [SUITE.AES_256_GCM] });
    const responder = await responderOf(1);
    const cookie = expectStep(responder.onHello(initiator.hellos[0] as Buffer, CONNECTION, NOW_MS), 'reply').frame;
    const init = expectStep(await initiator.receive(cookie), 'reply').frame;
    const resp = expectStep(await responder.onInit(init, CONNECTION, NOW_MS), 'reply').frame;
    resp[5 + 1088 + 32 + 8] = SUITE.CHACHA20_POLY1305;
    expect(await initiator.receive(resp)).toEqual({ kind: 'refused', reason: 'no-common-suite' });
  });

  it('a member that signs as another', async () => {
    // Member 2 has somehow got the gate key of the pair (0, 1): the filter falls, the authentication does not.
    const impostor = new Initiator(party(identity(2)), await targetOf(0, [1]), NOW_MS);
    await expect(shake(impostor, await responderOf(1))).rejects.toThrow('wrong-identity');
    const liar = { ...identity(2), nodeId: identity(0).nodeId };
    const forger = new Initiator(party(liar), await targetOf(0, [1]), NOW_MS);
    await expect(shake(forger, await responderOf(1))).rejects.toThrow('bad-signature');
  });

  it('one good signature out of two, on either side', async () => {
    const [good, other] = [identity(0), identity(3)];
    const halves = [
      { ...good, ed25519: other.ed25519 },
      { ...good, signing: other.signing },
    ];
    for (const half of halves) {
      const initiator = new Initiator(party(half), await targetOf(0, [1]), NOW_MS);
      await expect(shake(initiator, await responderOf(1))).rejects.toThrow('bad-signature');
      const responder = await responderOf(0, { who: half });
      await expect(shake(await initiatorOf(1, [0]), responder)).rejects.toThrow('bad-signature');
    }
  });

  it('frames before their time, and data frames in a handshake', async () => {
    const { frames } = await shake(await initiatorOf(0, [1]), await responderOf(1));
    const responder = await responderOf(1);
    expect(await responder.onAuth(frames.auth, CONNECTION, NOW_MS)).toMatchObject({ reason: 'unexpected' });
    expect(await responder.onInit(frames.init, CONNECTION, NOW_MS)).toMatchObject({ reason: 'bad-cookie' });
    const initiator = await initiatorOf(0, [1]);
    expect(await initiator.receive(frames.resp)).toMatchObject({ reason: 'unexpected' });
    expect(await initiator.receive(Buffer.from('Q1 data'))).toMatchObject({ reason: 'unexpected' });
    expect(await initiator.receive(frames.cookie)).toMatchObject({ reason: 'bad-cookie' });
  });
});

describe('cookies and slots', () => {
  async function untilInit() {
    const initiator = await initiatorOf(0, [1]);
    const responder = await responderOf(1);
    const cookie = expectStep(responder.onHello(initiator.hellos[0] as Buffer, CONNECTION, NOW_MS), 'reply').frame;
    const init = expectStep(await initiator.receive(cookie), 'reply').frame;
    return { initiator, responder, init };
  }

  it('stores nothing for a HELLO', async () => {
    const initiator = await initiatorOf(0, [1]);
    const responder = await responderOf(1);
    for (let i = 0; i < 100; i++) responder.onHello(initiator.hellos[0] as Buffer, i, NOW_MS);
    expect(responder.pending).toBe(0);
  });

  it('honours a cookie once', async () => {
    const { responder, init } = await untilInit();
    expect((await responder.onInit(init, CONNECTION, NOW_MS)).kind).toBe('reply');
    expect(await responder.onInit(init, CONNECTION, NOW_MS)).toMatchObject({ reason: 'bad-cookie' });
  });

  it('honours a cookie on its own connection only, and not for long', async () => {
    const { responder, init } = await untilInit();
    expect(await responder.onInit(init, 8, NOW_MS)).toMatchObject({ reason: 'bad-cookie' });
    expect(await responder.onInit(init, CONNECTION, NOW_MS + COOKIE_VALID_MS + 1000)).toMatchObject({
      reason: 'bad-cookie',
    });
    expect((await responder.onInit(init, CONNECTION, NOW_MS + COOKIE_VALID_MS - 1000)).kind).toBe('reply');
  });

  it('honours a cookie of the previous key, not of the one before', async () => {
    const initiator = await initiatorOf(0, [1]);
    const responder = await responderOf(1);
    const hello = initiator.hellos[0] as Buffer;
    responder.onHello(hello, CONNECTION, NOW_MS - 55_000);
    const cookie = expectStep(responder.onHello(hello, CONNECTION, NOW_MS), 'reply').frame;
    const init = expectStep(await initiator.receive(cookie), 'reply').frame;
    responder.onHello(hello, CONNECTION, NOW_MS + 6_000);
    expect((await responder.onInit(init, CONNECTION, NOW_MS + 6_000)).kind).toBe('reply');
  });

  it('keeps one pending handshake per member: a newer INIT replaces it', async () => {
    const { responder, init, initiator } = await untilInit();
    const resp = expectStep(await responder.onInit(init, CONNECTION, NOW_MS), 'reply').frame;
    const auth = expectStep(await initiator.receive(resp), 'authenticated').frame;
    await shake(await initiatorOf(0, [1]), responder);
    expect(responder.pending).toBe(0);
    expect(await responder.onAuth(auth, CONNECTION, NOW_MS)).toMatchObject({ reason: 'unexpected' });
  });

  it('forgets a handshake that takes too long', async () => {
    const { responder, init, initiator } = await untilInit();
    const resp = expectStep(await responder.onInit(init, CONNECTION, NOW_MS), 'reply').frame;
    const auth = expectStep(await initiator.receive(resp), 'authenticated').frame;
    const lateMs = NOW_MS + HANDSHAKE_TIMEOUT_MS + 1;
    expect(await responder.onAuth(auth, CONNECTION, lateMs)).toMatchObject({ reason: 'unexpected' });
    expect(responder.pending).toBe(1);
    responder.expire(lateMs);
    expect(responder.pending).toBe(0);
  });

  it('accepts an AUTH on the connection of its INIT only, and once', async () => {
    const { responder, init, initiator } = await untilInit();
    const resp = expectStep(await responder.onInit(init, CONNECTION, NOW_MS), 'reply').frame;
    const auth = expectStep(await initiator.receive(resp), 'authenticated').frame;
    expect(await responder.onAuth(auth, 8, NOW_MS)).toMatchObject({ reason: 'unexpected' });
    const steps = await Promise.all([
      responder.onAuth(auth, CONNECTION, NOW_MS),
      responder.onAuth(auth, CONNECTION, NOW_MS),
    ]);
    expect(steps.map((step) => step.kind).sort()).toEqual(['accepted', 'refused']);
  });

  it('limits how often a member may make it sign', async () => {
    const responder = await responderOf(1);
    for (let i = 0; i < INIT_BURST_PER_VALIDATOR; i++) await shake(await initiatorOf(0, [1]), responder);
    await expect(shake(await initiatorOf(0, [1]), responder)).rejects.toThrow('too-many');
    await shake(await initiatorOf(2, [1]), responder);
  });

  it('finds a hint when the clocks differ by two minutes, not by four', async () => {
    const responder = await responderOf(1);
    const hello = (await initiatorOf(0, [1])).hellos[0] as Buffer;
    for (const minutes of [-2, 2]) {
      expect(responder.onHello(hello, CONNECTION, NOW_MS + minutes * 60_000).kind).toBe('reply');
    }
    for (const minutes of [-4, 4]) {
      expect(responder.onHello(hello, CONNECTION, NOW_MS + minutes * 60_000)).toMatchObject({ reason: 'unknown-hint' });
    }
  });
});
