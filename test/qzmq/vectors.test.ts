/**
 * The published vectors: one whole handshake and the first records, byte for byte. `QZMQ_WRITE_VECTORS=1` writes the
 * file anew, after a deliberate change of the protocol.
 */
import { createHash, createHmac } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { ml_dsa65 } from '@noble/post-quantum/ml-dsa.js';
import { describe, expect, it } from 'vitest';
import { hkdfSha384, utf8 } from '../../src/crypto/bytes.ts';
import type { Identity } from '../../src/crypto/identity.ts';
import { SUITE, type Suite } from '../../src/qzmq/constants.ts';
import { Initiator, type InitiatorTarget } from '../../src/qzmq/initiator.ts';
import { INNER, RecordOpener, RecordSealer } from '../../src/qzmq/records.ts';
import {
  CHAIN,
  CLIENT_TARGET,
  COMMITTEE,
  identity,
  member,
  NOW_MS,
  party,
  responderOf,
  seededEphemerals,
  seedOf,
  shake,
  targetOf,
} from './parties.ts';

const FILE = new URL('./qzmq1-vectors.json', import.meta.url);

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

/** The identity with the deterministic variant of ML-DSA (FIPS 204 §3.4), so that a transcript repeats. */
function deterministic(index: number): Identity {
  const { secretKey } = ml_dsa65.keygen(
    hkdfSha384(seedOf(index), utf8('photon-quasar/identity/1'), utf8('ml-dsa-65'), 32),
  );
  return {
    ...identity(index),
    signing: {
      publicKey: identity(index).signing.publicKey,
      sign: async (message, context) => {
        const bytes = typeof context === 'string' ? utf8(context) : context;
        return ml_dsa65.sign(message, secretKey, { context: bytes, extraEntropy: false });
      },
    },
  };
}

async function transcript(name: string, who: Identity | undefined, target: InitiatorTarget, suite: Suite) {
  const initiator = new Initiator(
    party(who, { ephemerals: seededEphemerals(`${name} I`), suites: [suite] }),
    target,
    NOW_MS,
  );
  const responder = await responderOf(1, { who: deterministic(1), ephemerals: seededEphemerals(`${name} R`) });
  const { frames, responder: established } = await shake(initiator, responder);
  const { keys, transcript: th4, ownSid, peerSid } = established;
  const toInitiator = new RecordSealer(keys.responder, suite, peerSid);
  const toResponder = new RecordSealer(keys.initiator, suite, ownSid);
  return {
    name,
    suite,
    frames: Object.fromEntries(Object.entries(frames).map(([key, frame]) => [key, hex(frame)])),
    th4: hex(th4),
    trafficSecrets: { initiator: hex(keys.initiator), responder: hex(keys.responder), exporter: hex(keys.exporter) },
    records: {
      ready: hex(toInitiator.seal(INNER.READY, th4)),
      pong: hex(toInitiator.seal(INNER.PONG, new Uint8Array(0))),
      batch: hex(toResponder.seal(INNER.BATCH, Buffer.from([1, 0, 2, 0xca, 0xfe]))),
    },
  };
}

async function vectors() {
  return {
    about: 'QZMQ/1 handshakes between member 0 (initiator) or a client and member 1 (responder); see docs/qzmq.md',
    chainId: hex(CHAIN),
    epoch: COMMITTEE.epoch,
    committeeHash: hex(COMMITTEE.hash),
    timeMs: NOW_MS,
    connection: 7,
    members: [0, 1].map((index) => ({ masterSeed: hex(seedOf(index)), nodeId: hex(member(index).nodeId) })),
    handshakes: [
      await transcript('validators', deterministic(0), await targetOf(0, [1]), SUITE.AES_256_GCM),
      await transcript('validators chacha', deterministic(0), await targetOf(0, [1]), SUITE.CHACHA20_POLY1305),
      await transcript('anonymous client', undefined, CLIENT_TARGET, SUITE.AES_256_GCM),
    ],
  };
}

describe('qzmq1-vectors.json', () => {
  it('is what this implementation does', async () => {
    const made = await vectors();
    if (process.env.QZMQ_WRITE_VECTORS === '1') writeFileSync(FILE, `${JSON.stringify(made, null, 2)}\n`);
    expect(JSON.parse(readFileSync(FILE, 'utf8'))).toEqual(made);
  });

  it('can be opened with the traffic secrets it lists, by the rules of docs/qzmq.md alone', () => {
    const file = JSON.parse(readFileSync(FILE, 'utf8')) as Awaited<ReturnType<typeof vectors>>;
    for (const { suite, trafficSecrets, records, th4 } of file.handshakes) {
      const opener = new RecordOpener(Buffer.from(trafficSecrets.responder, 'hex'), suite);
      const ready = opener.open(Buffer.from(records.ready, 'hex'));
      expect(ready).toMatchObject({ inner: 1 });
      expect(hex(ready?.body as Buffer)).toBe(th4);
      const inward = new RecordOpener(Buffer.from(trafficSecrets.initiator, 'hex'), suite);
      expect(hex(inward.open(Buffer.from(records.batch, 'hex'))?.body as Buffer)).toBe('010002cafe');
    }
  });

  it('has HELLOs whose hint and MACs follow from the gate secret, computed here anew', async () => {
    const file = JSON.parse(readFileSync(FILE, 'utf8')) as Awaited<ReturnType<typeof vectors>>;
    const shared = (await identity(0).gate.agree(member(1).gateKey)) as Uint8Array;
    const info = Buffer.concat([Buffer.from('qzmq1 gate'), member(0).nodeId, member(1).nodeId]);
    const gate = hkdfSha384(shared, new Uint8Array(0), info, 32);
    const mac = (text: string, ...parts: Uint8Array[]) =>
      hex(createHmac('sha384', gate).update(text).update(Buffer.concat(parts)).digest().subarray(0, 16));
    const hello = Buffer.from(file.handshakes[0]?.frames.hello ?? '', 'hex');
    const minute = Buffer.alloc(4);
    minute.writeUInt32BE(Math.floor(NOW_MS / 60_000));
    expect(hex(hello.subarray(0, 6))).toBe(`${hex(Buffer.from('QZM1'))}0101`);
    expect(hex(hello.subarray(6, 38))).toBe(createHash('sha3-256').update(CHAIN).digest('hex'));
    expect(hex(hello.subarray(38, 54))).toBe(mac('hint', minute, member(1).nodeId));
    expect(hex(hello.subarray(144))).toBe(mac('mac0', hello.subarray(0, 144)));
    const init = Buffer.from(file.handshakes[0]?.frames.init ?? '', 'hex');
    expect(hex(init.subarray(-16))).toBe(mac('mac1', init.subarray(0, -16)));
  });
});
