import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { mlDsa, nativeMlDsa, nobleMlDsa } from '../../src/crypto/mldsa.ts';
import { kernelCheck, verify, verifySync } from '../../src/crypto/verify.ts';
import { loadKernels } from '../../src/wasm/load.ts';
import { describeVectors, hex } from './shared-vectors.ts';

const BACK_ENDS = [nativeMlDsa, nobleMlDsa];
const MESSAGE = Buffer.from('what is signed');

describe('ML-DSA-65', () => {
  it('uses OpenSSL on the pinned runtime', () => {
    expect(mlDsa.name).toBe('native');
  });

  it('makes the same key from the same seed on both back ends', () => {
    const seed = randomBytes(32);
    expect(nativeMlDsa.keyPair(seed).publicKey).toEqual(nobleMlDsa.keyPair(seed).publicKey);
  });

  for (const signer of BACK_ENDS) {
    for (const verifier of BACK_ENDS) {
      it(`signs with ${signer.name} what ${verifier.name} verifies, and only with the same context`, async () => {
        const keys = signer.keyPair(randomBytes(32));
        const signature = await keys.sign(MESSAGE, 'context A');
        expect(await verifier.verify(keys.publicKey, MESSAGE, 'context A', signature)).toBe(true);
        expect(verifier.verifySync(keys.publicKey, MESSAGE, Buffer.from('context A'), signature)).toBe(true);
        expect(await verifier.verify(keys.publicKey, MESSAGE, 'context B', signature)).toBe(false);
        expect(await verifier.verify(keys.publicKey, MESSAGE, '', signature)).toBe(false);
        expect(await verifier.verify(keys.publicKey, Buffer.from('other'), 'context A', signature)).toBe(false);
      });
    }
  }

  it('agrees on both back ends about signatures with one bit flipped: all are refused', async () => {
    const keys = nativeMlDsa.keyPair(randomBytes(32));
    const signature = await keys.sign(MESSAGE, 'c');
    for (let at = 0; at < signature.length; at += 97) {
      const damaged = Uint8Array.from(signature);
      damaged[at] = (damaged[at] ?? 0) ^ (1 << (at % 8));
      for (const backEnd of BACK_ENDS) expect(backEnd.verifySync(keys.publicKey, MESSAGE, 'c', damaged)).toBe(false);
    }
  });

  it('answers false, and never throws, for malformed public input', async () => {
    const keys = nativeMlDsa.keyPair(randomBytes(32));
    const signature = await keys.sign(MESSAGE, 'c');
    const cases: [Uint8Array, Uint8Array | string, Uint8Array][] = [
      [new Uint8Array(0), 'c', signature],
      [keys.publicKey.subarray(1), 'c', signature],
      [new Uint8Array(1952).fill(255), 'c', signature],
      [keys.publicKey, 'c', new Uint8Array(0)],
      [keys.publicKey, 'c', new Uint8Array(3309)],
      [keys.publicKey, 'c', new Uint8Array(3310)],
      [keys.publicKey, new Uint8Array(256), signature],
    ];
    for (const [key, context, bytes] of cases) {
      for (const backEnd of BACK_ENDS) {
        expect(backEnd.verifySync(key, MESSAGE, context, bytes)).toBe(false);
        expect(await backEnd.verify(key, MESSAGE, context, bytes)).toBe(false);
      }
      expect(verifySync(key, MESSAGE, context, bytes)).toBe(false);
      expect(await verify(key, MESSAGE, context, bytes)).toBe(false);
    }
  });

  it('refuses wrong seeds and contexts above 255 bytes with a code', async () => {
    for (const backEnd of BACK_ENDS) {
      expect(() => backEnd.keyPair(new Uint8Array(31))).toThrow(expect.objectContaining({ code: 'CRYPTO_SEED_SIZE' }));
      const keys = backEnd.keyPair(randomBytes(32));
      await expect(keys.sign(MESSAGE, new Uint8Array(256))).rejects.toMatchObject({ code: 'CRYPTO_CONTEXT_TOO_LONG' });
      const longest = await keys.sign(MESSAGE, new Uint8Array(255));
      expect(backEnd.verifySync(keys.publicKey, MESSAGE, new Uint8Array(255), longest)).toBe(true);
    }
  });

  it('keeps verifying when more keys pass by than it remembers', async () => {
    const keys = nativeMlDsa.keyPair(randomBytes(32));
    const signature = await keys.sign(MESSAGE, 'c');
    const stranger = Uint8Array.from(keys.publicKey);
    for (let i = 0; i < 1100; i++) {
      new DataView(stranger.buffer).setUint32(0, i);
      nativeMlDsa.verifySync(stranger, MESSAGE, 'c', new Uint8Array(3309));
    }
    expect(nativeMlDsa.verifySync(keys.publicKey, MESSAGE, 'c', signature)).toBe(true);
  });
});

describe('the check by the kernels', () => {
  it('says what OpenSSL says, with the context as text or as bytes', async () => {
    const keys = nativeMlDsa.keyPair(randomBytes(32));
    const signature = await keys.sign(MESSAGE, 'Grüße');
    for (const kind of ['wasm', 'wasm-scalar', 'twin'] as const) {
      const check = kernelCheck(loadKernels({ kind }), 2)!;
      expect(check(keys.publicKey, MESSAGE, 'Grüße', signature)).toBe(true);
      expect(check(keys.publicKey, MESSAGE, Buffer.from('Grüße'), signature)).toBe(true);
      expect(check(keys.publicKey, MESSAGE, 'Gruesse', signature)).toBe(false);
      expect(check(keys.publicKey, MESSAGE, new Uint8Array(256), signature)).toBe(false);
    }
  });

  it('is left to OpenSSL where that is faster', () => {
    expect(kernelCheck({ ...loadKernels(), verifies: false }, 2)).toBeUndefined();
  });
});

interface WycheproofSign {
  readonly testGroups: readonly {
    readonly privateSeed: string;
    readonly publicKey: string | null;
    readonly tests: readonly {
      readonly tcId: number;
      readonly msg?: string;
      readonly ctx?: string;
      readonly sig: string;
      readonly result: 'valid' | 'invalid';
    }[];
  }[];
}

describeVectors<WycheproofSign>('wycheproof/mldsa_65_sign_seed_test.json', (file) => {
  it('agrees with every vector that has a message', { timeout: 120_000 }, async () => {
    let checked = 0;
    for (const { privateSeed, publicKey, tests } of file.testGroups) {
      for (const { msg, ctx, sig, result, tcId } of tests) {
        if (publicKey === null) {
          for (const { keyPair } of BACK_ENDS) expect(() => keyPair(hex(privateSeed)), `tc ${tcId}`).toThrow();
          continue;
        }
        if (msg === undefined) continue;
        for (const backEnd of BACK_ENDS) {
          expect(backEnd.keyPair(hex(privateSeed)).publicKey).toEqual(hex(publicKey));
          const valid = backEnd.verifySync(hex(publicKey), hex(msg), hex(ctx ?? ''), hex(sig));
          expect(valid, `tc ${tcId}, ${backEnd.name}`).toBe(result === 'valid');
        }
        checked++;
      }
    }
    expect(checked).toBeGreaterThan(60);
  });
});

interface AcvpSigVer {
  readonly testGroups: readonly {
    readonly parameterSet: string;
    readonly signatureInterface: string;
    readonly preHash: string;
    readonly tests: readonly {
      readonly tcId: number;
      readonly testPassed: boolean;
      readonly pk: string;
      readonly message: string;
      readonly context: string;
      readonly signature: string;
    }[];
  }[];
}

describeVectors<AcvpSigVer>('acvp/ML-DSA-sigVer-FIPS204.json.gz', (file) => {
  it('agrees with every external, pure vector of ML-DSA-65', async () => {
    const groups = file.testGroups.filter(
      (group) =>
        group.parameterSet === 'ML-DSA-65' && group.signatureInterface === 'external' && group.preHash === 'pure',
    );
    const tests = groups.flatMap((group) => group.tests);
    expect(tests.length).toBe(15);
    for (const { pk, message, context, signature, testPassed, tcId } of tests) {
      for (const backEnd of BACK_ENDS) {
        const valid = await backEnd.verify(hex(pk), hex(message), hex(context), hex(signature));
        expect(valid, `tc ${tcId}, ${backEnd.name}`).toBe(testPassed);
      }
    }
  });
});

interface AcvpKeyGen {
  readonly testGroups: readonly {
    readonly parameterSet: string;
    readonly tests: readonly { readonly seed: string; readonly pk: string }[];
  }[];
}

describeVectors<AcvpKeyGen>('acvp/ML-DSA-keyGen-FIPS204.json.gz', (file) => {
  it('makes the keys of every vector of ML-DSA-65', () => {
    const tests = file.testGroups.filter((group) => group.parameterSet === 'ML-DSA-65').flatMap((group) => group.tests);
    expect(tests.length).toBe(25);
    for (const { seed, pk } of tests) {
      for (const backEnd of BACK_ENDS) expect(backEnd.keyPair(hex(seed)).publicKey).toEqual(hex(pk));
    }
  });
});
