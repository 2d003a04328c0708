import { createPublicKey, verify as nodeVerify, randomBytes } from 'node:crypto';
import { ml_dsa65 } from '@noble/post-quantum/ml-dsa.js';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type MlDsaKeyPair, nativeMlDsa } from '../../src/crypto/mldsa.ts';
import type { Kernels, SignatureVerifier } from '../../src/wasm/kernels.ts';
import { codeOf } from './codes.ts';
import { BETA, type Forged, forge, GAMMA1, HINT_AT, OMEGA } from './forged.ts';
import { variants } from './variants.ts';

/** How many of many like cases a variant gets: one in this many. */
const THINNED: Record<Kernels['name'], number> = { wasm: 1, 'wasm-scalar': 1, 'wasm-debug': 20, twin: 60, native: 60 };
const NOTHING = new Uint8Array(0);

function byNode({ publicKey, message, context, signature }: Forged): boolean {
  const key = createPublicKey({ key: Buffer.from(publicKey), format: 'raw-public', asymmetricKeyType: 'ml-dsa-65' });
  return nodeVerify(null, message, { key, context }, signature);
}

function byNoble({ publicKey, message, context, signature }: Forged): boolean {
  return ml_dsa65.verify(signature, message, publicKey, { context });
}

async function signed(keys: MlDsaKeyPair, message: Uint8Array, context: Uint8Array): Promise<Forged> {
  return { publicKey: keys.publicKey, message, context, signature: await keys.sign(message, context) };
}

/** The same with one bit of one part flipped. */
function flipped(from: Forged, part: keyof Forged, at: number, bit: number): Forged {
  const bytes = Uint8Array.from(from[part]);
  bytes[at]! ^= 1 << bit;
  return { ...from, [part]: bytes };
}

const keys = nativeMlDsa.keyPair(randomBytes(32));
const valid = await signed(keys, randomBytes(100), randomBytes(9));

describe.each(variants)('ML-DSA-65 verification of $name', (kernels) => {
  const each = THINNED[kernels.name];
  const verifier: SignatureVerifier = kernels.createVerifier({ maxKeys: 8 });
  const check = ({ publicKey, message, context, signature }: Forged) =>
    verifier.verify(publicKey, message, context, signature);

  test('accepts what OpenSSL and noble sign, with messages and contexts of every length around the block ends', async () => {
    const lengths = [0, 1, 68, 69, 70, 71, 135, 136, 205, 206, 207, 341, 8638, 8639, 17_342, 17_343, 100_000];
    for (const [i, length] of lengths.entries()) {
      const message = randomBytes(length);
      const context = randomBytes([0, 1, 255][i % 3]!);
      expect(check(await signed(keys, message, context)), `${length} bytes`).toBe(true);
    }
    // Portions of a staged message end at 8704 bytes with tr and the two bytes before the context.
    for (const length of [8637, 8638, 8639]) expect(check(await signed(keys, randomBytes(length), NOTHING))).toBe(true);
    const { secretKey, publicKey } = ml_dsa65.keygen(randomBytes(32));
    const { message, context } = valid;
    const signature = ml_dsa65.sign(message, secretKey, { context });
    expect(check({ publicKey, message, context, signature })).toBe(true);
  });

  test('accepts signatures of many keys, as they come', async () => {
    for (let i = 0; i < Math.max(4, 100 / each); i++) {
      const some = await signed(nativeMlDsa.keyPair(randomBytes(32)), randomBytes(i), randomBytes(i));
      expect(check(some), `number ${i}`).toBe(true);
      expect(check(flipped(some, 'publicKey', (i * 31) % 1952, i & 7))).toBe(false);
    }
  });

  test('refuses a signature with a bit flipped in any byte, as OpenSSL and noble do', () => {
    expect(check(valid)).toBe(true);
    for (let at = 0; at < 3309; at += each) {
      const damaged = flipped(valid, 'signature', at, (at * 5) & 7);
      expect(check(damaged), `byte ${at}`).toBe(byNode(damaged));
      expect(check(damaged), `byte ${at}`).toBe(false);
      if (at % 120 === 0) expect(byNoble(damaged)).toBe(false);
    }
    expect(check(valid)).toBe(true);
  });

  test('refuses another key, message or context', () => {
    for (let at = 0; at < 1952; at += 13 * each) expect(check(flipped(valid, 'publicKey', at, at & 7))).toBe(false);
    for (let at = 0; at < 100; at += 3) expect(check(flipped(valid, 'message', at, at & 7))).toBe(false);
    for (let at = 0; at < 9; at++) expect(check(flipped(valid, 'context', at, at & 7))).toBe(false);
    // The length of the context is signed: bytes do not move between context and message.
    const moved = Buffer.concat([valid.context.subarray(8), valid.message]);
    expect(check({ ...valid, context: valid.context.subarray(0, 8), message: moved })).toBe(false);
  });

  test('answers false to wrong lengths, and goes on', () => {
    const longer = (bytes: Uint8Array) => Buffer.concat([bytes, Uint8Array.of(0)]);
    for (const length of [0, 1, 47, 48, 3247, 3248, 3303, 3308]) {
      expect(check({ ...valid, signature: valid.signature.subarray(0, length) })).toBe(false);
    }
    for (const length of [0, 5, 31, 32, 1951]) {
      expect(check({ ...valid, publicKey: valid.publicKey.subarray(0, length) })).toBe(false);
    }
    expect(check({ ...valid, signature: longer(valid.signature) })).toBe(false);
    expect(check({ ...valid, publicKey: longer(valid.publicKey) })).toBe(false);
    expect(check({ ...valid, context: new Uint8Array(256) })).toBe(false);
    expect(check({ ...valid, context: new Uint8Array(100_000) })).toBe(false);
    expect(check(valid)).toBe(true);
  });

  test('answers like OpenSSL, and never throws, on any bytes', () => {
    const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
    const parts = fc.record({
      publicKey: fc.oneof(bytes(1952), fc.constant(valid.publicKey), fc.constant(new Uint8Array(1952).fill(255))),
      message: fc.uint8Array({ maxLength: 300 }),
      context: fc.uint8Array({ maxLength: 255 }),
      signature: fc.oneof(bytes(3309), fc.constantFrom(new Uint8Array(3309), new Uint8Array(3309).fill(255))),
      hint: fc.uint8Array({ minLength: OMEGA + 6, maxLength: OMEGA + 6 }),
    });
    const holds = fc.property(parts, ({ hint, ...given }) => {
      expect(check(given)).toBe(byNode(given));
      // Random hints are nearly all malformed; an empty one lets the rest be looked at.
      for (const tail of [hint, new Uint8Array(OMEGA + 6)]) {
        const signature = Uint8Array.from(given.signature);
        signature.set(tail, HINT_AT);
        expect(check({ ...given, signature })).toBe(byNode({ ...given, signature }));
      }
    });
    fc.assert(holds, { numRuns: Math.ceil(200 / each) });
  });
});

/** Small z of random coefficients; `edit` may spoil it. */
function someZ(edit: (z: Int32Array[]) => void = () => undefined): Int32Array[] {
  const z = Array.from({ length: 5 }, () => {
    const random = new Uint32Array(new Uint8Array(randomBytes(1024)).buffer);
    return Int32Array.from(random, (word) => (word % (2 * (GAMMA1 - BETA) - 1)) - (GAMMA1 - BETA - 1));
  });
  edit(z);
  return z;
}

const NO_HINT = [[], [], [], [], [], []];

describe('signatures that fit but for one rule', () => {
  const verifiers = variants.map((kernels) => kernels.createVerifier({ maxKeys: 2 }));

  /** What all say, which must be the same. */
  function verdict(forged: Forged): boolean {
    const answers = verifiers.map((each) =>
      each.verify(forged.publicKey, forged.message, forged.context, forged.signature),
    );
    const all = [...answers, byNode(forged), byNoble(forged)];
    expect(new Set(all).size, `twin, cores, OpenSSL, noble: ${all}`).toBe(1);
    return all[0]!;
  }

  test('z below γ₁ − β in absolute value is accepted, from γ₁ − β on refused, wherever it is', () => {
    const bound = GAMMA1 - BETA;
    const rho = randomBytes(32);
    for (const place of [0, 1, 2, 3, 4, 100, 255]) {
      const s = place % 5;
      for (const value of [bound - 1, 1 - bound, bound, -bound, bound + 1, GAMMA1, 1 - GAMMA1]) {
        const z = someZ((all) => {
          all[s]![place] = value;
        });
        expect(verdict(forge(rho, z, NO_HINT)), `${value} at ${place}`).toBe(Math.abs(value) < bound);
      }
    }
    for (const value of [bound - 1, 1 - bound, 0]) {
      const z = someZ((all) => {
        for (const polynomial of all) polynomial.fill(value);
      });
      expect(verdict(forge(rho, z, NO_HINT)), `all ${value}`).toBe(true);
    }
  });

  test('hints of every weight are used as the standard says', () => {
    for (let run = 0; run < 12; run++) {
      const weight = [0, 1, 6, 20, 54, 55][run % 6]!;
      const flat = new Set<number>();
      const within = run < 6 ? 6 * 256 : 256;
      while (flat.size < weight) flat.add(randomBytes(2).readUInt16LE() % within);
      const hints = NO_HINT.map((_, r) => [...flat].filter((at) => at >> 8 === r).map((at) => at & 255));
      const rising = hints.map((places) => places.sort((a, b) => a - b));
      expect(verdict(forge(randomBytes(32), someZ(), rising)), `weight ${weight}`).toBe(true);
    }
  });

  test('a hint where r₀ is 0 steps down', () => {
    const zeros = someZ((all) => {
      for (const polynomial of all) polynomial.fill(0);
    });
    expect(verdict(forge(randomBytes(32), zeros, [[0, 1, 6, 255], [], [3], [], [], [9]]))).toBe(true);
  });

  test('a hint in any other encoding is refused', () => {
    const forged = forge(randomBytes(32), someZ(), [[3, 9, 200], [], [0], [255], [1, 2], [7]]);
    expect(verdict(forged)).toBe(true);
    const ends = HINT_AT + OMEGA;
    const mangled = (edit: (signature: Uint8Array) => void): Forged => {
      const signature = forged.signature.slice();
      edit(signature);
      return { ...forged, signature };
    };
    const cases: Record<string, (signature: Uint8Array) => void> = {
      'places swapped': (y) => y.set([9, 3], HINT_AT),
      'a place twice': (y) => y.set([3, 3], HINT_AT),
      'last padding byte set': (y) => y.set([1], ends - 1),
      'first padding byte set': (y) => y.set([1], HINT_AT + 8),
      'an end that falls': (y) => y.set([3, 2], ends),
      'an end above ω': (y) => y.set([56], ends + 5),
      'the highest end': (y) => y.set([255], ends + 5),
      'all ends above ω': (y) => y.fill(56, ends),
      'the padding counted in': (y) => y.set([55], ends + 5),
      'a hint less': (y) => y.set([7], ends + 5),
    };
    for (const [name, edit] of Object.entries(cases)) expect(verdict(mangled(edit)), name).toBe(false);
  });

  test('an end above ω is refused where what it counts in would fit', () => {
    // The 56th place would be the first end, 50, which rises: only the bound on the ends forbids it.
    const fifty = Array.from({ length: 50 }, (_, i) => 5 * i);
    const full = [fifty, [], [], [], [], [1, 2, 3, 4, 5]];
    expect(verdict(forge(randomBytes(32), someZ(), full))).toBe(true);
    const tooMany = [...full.slice(0, 5), [1, 2, 3, 4, 5, 50]];
    expect(verdict(forge(randomBytes(32), someZ(), tooMany))).toBe(false);
  });

  test('an end that falls is refused however the places behind it are read', () => {
    for (const third of [
      [20, 21],
      [9, 20, 21],
    ]) {
      const { signature, ...rest } = forge(randomBytes(32), someZ(), [[3, 9], [], third, [], [], []]);
      expect(verdict({ signature, ...rest })).toBe(true);
      const falling = signature.slice();
      falling.set([3, 9, 20, 21, 0], HINT_AT);
      falling.set([2, 1, 4, 4, 4, 4], HINT_AT + OMEGA);
      expect(verdict({ signature: falling, ...rest })).toBe(false);
    }
  });
});

describe.each(variants)('expanded keys of $name', (kernels) => {
  test('more keys than are held, in any order', async () => {
    const verifier = kernels.createVerifier({ maxKeys: 2 });
    const all = [];
    for (let i = 0; i < 4; i++) {
      const pair = nativeMlDsa.keyPair(randomBytes(32));
      all.push(await signed(pair, Uint8Array.of(i), NOTHING));
    }
    for (const i of [0, 0, 1, 0, 2, 0, 1, 3, 2, 1, 0, 0, 3]) {
      const { publicKey, message, context, signature } = all[i]!;
      expect(verifier.verify(publicKey, message, context, signature)).toBe(true);
      expect(verifier.verify(publicKey, message, context, all[(i + 1) % 4]!.signature)).toBe(false);
    }
  });

  test('a key that begins like another one is another one', () => {
    const verifier = kernels.createVerifier({ maxKeys: 8 });
    const { message, context, signature } = valid;
    for (const at of [6, 15, 16, 1000, 1951]) {
      const { publicKey } = flipped(valid, 'publicKey', at, 7);
      expect(verifier.verify(publicKey, message, context, signature)).toBe(false);
      expect(verifier.verify(valid.publicKey, message, context, signature)).toBe(true);
    }
  });

  test('what the caller does with its arrays afterwards changes nothing', () => {
    const verifier = kernels.createVerifier({ maxKeys: 8 });
    const { message, context, signature } = valid;
    const publicKey = Buffer.from(valid.publicKey);
    expect(verifier.verify(publicKey, message, context, signature)).toBe(true);
    publicKey[1000]! ^= 1;
    expect(verifier.verify(publicKey, message, context, signature)).toBe(false);
    expect(verifier.verify(valid.publicKey, message, context, signature)).toBe(true);
  });

  test('refuses bounds that are none', () => {
    for (const maxKeys of [0, -1, 1.5, 2 ** 30, Number.NaN]) {
      expect(codeOf(() => kernels.createVerifier({ maxKeys }))).toBe('KERNEL_OPTIONS');
    }
  });
});
