import { createHmac, createSecretKey, hkdfSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { SUITE } from '../../src/qzmq/constants.ts';
import {
  aeadKey,
  cipherFor,
  decipherFor,
  expandLabel,
  handshakeKeys,
  openOnce,
  prologue,
  sealOnce,
  trafficKeys,
} from '../../src/qzmq/schedule.ts';
import { describeVectors, hex } from '../crypto/shared-vectors.ts';

const [SS_KEM, SS_DH, TH2] = [Buffer.alloc(32, 1), Buffer.alloc(32, 2), Buffer.alloc(48, 3)];

describe('key schedule', () => {
  it('(C3) gives other keys when either shared secret differs', () => {
    const base = handshakeKeys(SS_KEM, SS_DH, TH2);
    for (const other of [
      handshakeKeys(SS_KEM, Buffer.alloc(32, 9), TH2),
      handshakeKeys(Buffer.alloc(32, 9), SS_DH, TH2),
      handshakeKeys(SS_DH, SS_KEM, TH2),
    ]) {
      expect(other.initiator).not.toEqual(base.initiator);
      expect(other.responder).not.toEqual(base.responder);
      expect(other.handshakeSecret).not.toEqual(base.handshakeSecret);
    }
  });

  it('gives other keys when a transcript differs', () => {
    const base = handshakeKeys(SS_KEM, SS_DH, TH2);
    expect(handshakeKeys(SS_KEM, SS_DH, Buffer.alloc(48, 4)).initiator).not.toEqual(base.initiator);
    const traffic = trafficKeys(base.handshakeSecret, TH2);
    const other = trafficKeys(base.handshakeSecret, Buffer.alloc(48, 4));
    expect(other.initiator).not.toEqual(traffic.initiator);
    const all = [traffic.initiator, traffic.responder, traffic.exporter].map((key) => key.toString('hex'));
    expect(new Set(all).size).toBe(3);
  });

  it('expands labels as HKDF-Expand does', () => {
    // With an empty salt HKDF is extract-then-expand: expand of our own extract must equal it.
    const secret = Buffer.alloc(48, 5);
    const name = Buffer.from('qzmq1 key');
    const info = Buffer.concat([Buffer.from([0, 32, name.length]), name, Buffer.from([0])]);
    const extracted = Buffer.from(hkdfSync('sha384', secret, Buffer.alloc(0), info, 32));
    const prk = createHmac('sha384', Buffer.alloc(48)).update(secret).digest();
    expect(expandLabel(prk, 'key', Buffer.alloc(0), 32)).toEqual(extracted);
  });

  it('separates networks, modes and responders in the prologue', () => {
    const base = prologue(Buffer.alloc(32), 1, Buffer.alloc(32));
    expect(prologue(Buffer.alloc(32, 1), 1, Buffer.alloc(32))).not.toEqual(base);
    expect(prologue(Buffer.alloc(32), 2, Buffer.alloc(32))).not.toEqual(base);
    expect(prologue(Buffer.alloc(32), 1, Buffer.alloc(32, 1))).not.toEqual(base);
  });

  it('opens what it sealed, with the same data around it and suite only', () => {
    const secret = Buffer.alloc(48, 6);
    const box = sealOnce(secret, SUITE.AES_256_GCM, Buffer.from('plain'), Buffer.from('aad'));
    expect(openOnce(secret, SUITE.AES_256_GCM, box, Buffer.from('aad'))?.toString()).toBe('plain');
    expect(openOnce(secret, SUITE.AES_256_GCM, box, Buffer.from('AAD'))).toBeUndefined();
    expect(openOnce(secret, SUITE.CHACHA20_POLY1305, box, Buffer.from('aad'))).toBeUndefined();
    expect(openOnce(secret, SUITE.AES_256_GCM, box.subarray(0, 15), Buffer.from('aad'))).toBeUndefined();
    expect(aeadKey(secret, SUITE.AES_256_GCM).iv.length).toBe(12);
  });
});

interface WycheproofAead {
  readonly testGroups: readonly {
    readonly ivSize: number;
    readonly keySize: number;
    readonly tagSize: number;
    readonly tests: readonly {
      readonly tcId: number;
      readonly key: string;
      readonly iv: string;
      readonly aad: string;
      readonly msg: string;
      readonly ct: string;
      readonly tag: string;
      readonly result: string;
    }[];
  }[];
}

for (const [path, suite] of [
  ['wycheproof/aes_gcm_test.json', SUITE.AES_256_GCM],
  ['wycheproof/chacha20_poly1305_test.json', SUITE.CHACHA20_POLY1305],
] as const) {
  describeVectors<WycheproofAead>(path, (file) => {
    it('agrees with every vector of the sizes that records use', () => {
      const groups = file.testGroups.filter((it) => it.ivSize === 96 && it.keySize === 256 && it.tagSize === 128);
      const tests = groups.flatMap((group) => group.tests);
      expect(tests.length).toBeGreaterThan(50);
      for (const { key, iv, aad, msg, ct, tag, result, tcId } of tests) {
        const aead = { suite, key: createSecretKey(hex(key)), iv: Buffer.from(hex(iv)) };
        const decipher = decipherFor(aead, aead.iv);
        decipher.setAAD(hex(aad), { plaintextLength: hex(ct).length });
        decipher.setAuthTag(hex(tag));
        const opened = decipher.update(hex(ct));
        if (result !== 'valid') {
          expect(() => decipher.final(), `tc ${tcId}`).toThrow();
          continue;
        }
        decipher.final();
        expect(new Uint8Array(opened), `tc ${tcId}`).toEqual(hex(msg));
        const cipher = cipherFor(aead, aead.iv);
        cipher.setAAD(hex(aad), { plaintextLength: hex(msg).length });
        const sealed = Buffer.concat([cipher.update(hex(msg)), cipher.final(), cipher.getAuthTag()]);
        expect(sealed.toString('hex'), `tc ${tcId}`).toBe(ct + tag);
      }
    });
  });
}
