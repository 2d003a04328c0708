import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { mlKem, nativeMlKem, nobleEncapsulate, nobleMlKem } from '../../src/crypto/mlkem.ts';
import { describeVectors, hex } from './shared-vectors.ts';

const BACK_ENDS = [nativeMlKem, nobleMlKem];

describe('ML-KEM-768', () => {
  it('uses OpenSSL on the pinned runtime', () => {
    expect(mlKem.name).toBe('native');
  });

  for (const owner of BACK_ENDS) {
    for (const sender of BACK_ENDS) {
      it(`lets ${sender.name} agree with a key of ${owner.name}`, async () => {
        const keys = owner.keyPair(randomBytes(64));
        const made = await sender.encapsulate(keys.publicKey);
        expect(made?.secret.length).toBe(32);
        expect(await keys.decapsulate(made?.ciphertext as Uint8Array)).toEqual(made?.secret);
      });
    }
  }

  it('gives a secret of its own for a forged ciphertext, the same on both back ends', async () => {
    const seed = randomBytes(64);
    const made = await nativeMlKem.encapsulate(nativeMlKem.keyPair(seed).publicKey);
    const forged = Uint8Array.from(made?.ciphertext as Uint8Array);
    forged[500] = (forged[500] ?? 0) ^ 1;
    const [native, noble] = await Promise.all(BACK_ENDS.map((backEnd) => backEnd.keyPair(seed).decapsulate(forged)));
    expect(native).toEqual(noble);
    expect(native).not.toEqual(made?.secret);
  });

  it('refuses keys and ciphertexts that are none', async () => {
    for (const backEnd of BACK_ENDS) {
      expect(await backEnd.encapsulate(new Uint8Array(1184).fill(255))).toBeUndefined();
      expect(await backEnd.encapsulate(new Uint8Array(1183))).toBeUndefined();
      expect(await backEnd.keyPair(randomBytes(64)).decapsulate(new Uint8Array(1087))).toBeUndefined();
      expect(() => backEnd.keyPair(new Uint8Array(63))).toThrow(expect.objectContaining({ code: 'CRYPTO_SEED_SIZE' }));
    }
  });
});

interface WycheproofDecaps {
  readonly testGroups: readonly {
    readonly tests: readonly {
      readonly tcId: number;
      readonly seed: string;
      readonly ek?: string;
      readonly c: string;
      readonly K: string;
      readonly result: string;
    }[];
  }[];
}

describeVectors<WycheproofDecaps>('wycheproof/mlkem_768_test.json', (file) => {
  it('decapsulates every vector', async () => {
    for (const { seed, ek, c, K, result, tcId } of file.testGroups.flatMap((group) => group.tests)) {
      for (const backEnd of BACK_ENDS) {
        if (hex(seed).length !== 64) {
          expect(() => backEnd.keyPair(hex(seed)), `tc ${tcId}`).toThrow();
          continue;
        }
        const keys = backEnd.keyPair(hex(seed));
        if (ek !== undefined && result === 'valid') expect(keys.publicKey).toEqual(hex(ek));
        const secret = await keys.decapsulate(hex(c));
        if (result === 'valid') expect(secret, `tc ${tcId}, ${backEnd.name}`).toEqual(hex(K));
        else if (secret !== undefined) expect(secret, `tc ${tcId}, ${backEnd.name}`).not.toEqual(hex(K));
      }
    }
  });
});

interface WycheproofEncaps {
  readonly testGroups: readonly {
    readonly tests: readonly {
      readonly tcId: number;
      readonly m: string;
      readonly ek: string;
      readonly c: string;
      readonly K: string;
      readonly result: string;
    }[];
  }[];
}

describeVectors<WycheproofEncaps>('wycheproof/mlkem_768_encaps_test.json', (file) => {
  it('encapsulates every vector, and both back ends refuse the same keys', async () => {
    for (const { m, ek, c, K, result, tcId } of file.testGroups.flatMap((group) => group.tests)) {
      const made = nobleEncapsulate(hex(ek), hex(m));
      const native = await nativeMlKem.encapsulate(hex(ek));
      expect(native !== undefined, `tc ${tcId}`).toBe(result === 'valid');
      if (result !== 'valid') expect(made, `tc ${tcId}`).toBeUndefined();
      else {
        expect(made?.ciphertext, `tc ${tcId}`).toEqual(hex(c));
        expect(made?.secret, `tc ${tcId}`).toEqual(hex(K));
      }
    }
  });
});

interface AcvpKem {
  readonly testGroups: readonly {
    readonly parameterSet: string;
    readonly function: string;
    readonly tests: readonly { readonly ek: string; readonly m: string; readonly c: string; readonly k: string }[];
  }[];
}

describeVectors<AcvpKem>('acvp/ML-KEM-encapDecap-FIPS203.json.gz', (file) => {
  it('encapsulates every vector of ML-KEM-768', () => {
    const group = file.testGroups.find((it) => it.parameterSet === 'ML-KEM-768' && it.function === 'encapsulation');
    expect(group?.tests.length).toBe(25);
    for (const { ek, m, c, k } of group?.tests ?? []) {
      const made = nobleEncapsulate(hex(ek), hex(m));
      expect(made?.ciphertext).toEqual(hex(c));
      expect(made?.secret).toEqual(hex(k));
    }
  });
});
