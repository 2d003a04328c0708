import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { hkdfSha384 } from '../../src/crypto/bytes.ts';
import { ed25519KeyPair, ed25519Verify, x25519KeyPair } from '../../src/crypto/curves.ts';
import { describeVectors, hex } from './shared-vectors.ts';

describe('Ed25519', () => {
  it('reproduces test 2 of RFC 8032 §7.1', async () => {
    const keys = ed25519KeyPair(hex('4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb'));
    expect(keys.publicKey).toEqual(hex('3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c'));
    const signature = keys.sign(hex('72'));
    expect(signature).toEqual(
      hex(
        '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00',
      ),
    );
    expect(await ed25519Verify(keys.publicKey, hex('72'), signature)).toBe(true);
    expect(await ed25519Verify(keys.publicKey, hex('73'), signature)).toBe(false);
  });

  it('answers false for malformed input', async () => {
    const keys = ed25519KeyPair(randomBytes(32));
    expect(await ed25519Verify(new Uint8Array(31), hex('72'), new Uint8Array(64))).toBe(false);
    expect(await ed25519Verify(keys.publicKey, hex('72'), new Uint8Array(63))).toBe(false);
    expect(await ed25519Verify(new Uint8Array(32).fill(255), hex('72'), new Uint8Array(64))).toBe(false);
  });
});

describe('X25519', () => {
  it('agrees both ways', async () => {
    const [a, b] = [x25519KeyPair(randomBytes(32)), x25519KeyPair(randomBytes(32))];
    expect(await a.agree(b.publicKey)).toEqual(await b.agree(a.publicKey));
  });

  it('refuses seeds and peers of a wrong size', async () => {
    expect(() => x25519KeyPair(new Uint8Array(33))).toThrow(expect.objectContaining({ code: 'CRYPTO_SEED_SIZE' }));
    expect(await x25519KeyPair(randomBytes(32)).agree(new Uint8Array(31))).toBeUndefined();
  });
});

interface WycheproofX25519 {
  readonly testGroups: readonly {
    readonly tests: readonly {
      readonly tcId: number;
      readonly public: string;
      readonly private: string;
      readonly shared: string;
      readonly result: string;
    }[];
  }[];
}

describeVectors<WycheproofX25519>('wycheproof/x25519_test.json', (file) => {
  it('agrees with every vector, and refuses every all-zero result', async () => {
    let refused = 0;
    for (const test of file.testGroups.flatMap((group) => group.tests)) {
      const shared = await x25519KeyPair(hex(test.private)).agree(hex(test.public));
      if (/^0+$/.test(test.shared)) {
        expect(shared, `tc ${test.tcId}`).toBeUndefined();
        refused++;
      } else expect(shared, `tc ${test.tcId}`).toEqual(hex(test.shared));
    }
    expect(refused).toBeGreaterThan(0);
  });
});

interface WycheproofHkdf {
  readonly testGroups: readonly {
    readonly tests: readonly {
      readonly tcId: number;
      readonly ikm: string;
      readonly salt: string;
      readonly info: string;
      readonly size: number;
      readonly okm: string;
      readonly result: string;
    }[];
  }[];
}

describeVectors<WycheproofHkdf>('wycheproof/hkdf_sha384_test.json', (file) => {
  it('derives every vector', () => {
    for (const { ikm, salt, info, size, okm, result, tcId } of file.testGroups.flatMap((group) => group.tests)) {
      const derive = () => hkdfSha384(hex(ikm), hex(salt), hex(info), size);
      if (result === 'valid') expect(derive(), `tc ${tcId}`).toEqual(hex(okm));
      else expect(derive, `tc ${tcId}`).toThrow();
    }
  });
});
