import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { nativeMlDsa } from '../../src/crypto/mldsa.ts';
import type { Kernels, SignatureCheck } from '../../src/wasm/kernels.ts';
import { forge, HINT_AT, OMEGA } from './forged.ts';
import { variants } from './variants.ts';

/** Checks per batch of many: the twin and the debug build are slow. */
const MANY: Record<Kernels['name'], number> = {
  wasm: 220,
  'wasm-scalar': 220,
  'wasm-debug': 120,
  twin: 12,
  native: 12,
};
const RUNS: Record<Kernels['name'], number> = { wasm: 60, 'wasm-scalar': 60, 'wasm-debug': 10, twin: 3, native: 3 };

const pairs = Array.from({ length: 5 }, () => nativeMlDsa.keyPair(randomBytes(32)));

async function signed(pair: number, messageBytes: number, contextBytes: number): Promise<SignatureCheck> {
  const { publicKey, sign } = pairs[pair]!;
  const message = new Uint8Array(randomBytes(messageBytes));
  const context = new Uint8Array(randomBytes(contextBytes));
  return { publicKey, message, context, signature: await sign(message, context) };
}

function edited(check: SignatureCheck, part: keyof SignatureCheck, edit: (bytes: Uint8Array) => void): SignatureCheck {
  const bytes = Uint8Array.from(check[part]);
  edit(bytes);
  return { ...check, [part]: bytes };
}

const valid = await Promise.all([
  signed(0, 32, 9),
  signed(1, 0, 0),
  signed(2, 1000, 255),
  signed(3, 135, 3),
  signed(4, 136, 1),
  signed(0, 32, 0),
]);
/** A signature of a small z and an honest hint, for a key that nobody has. */
const forged = forge(
  new Uint8Array(randomBytes(32)),
  Array.from({ length: 5 }, () => new Int32Array(256).fill(7)),
  [[3, 9, 200], [], [0], [255], [1, 2], [7]],
);

/** Every way of being wrong, and a few of being right. */
const cases: readonly SignatureCheck[] = [
  ...valid,
  forged,
  ...[0, 47, 48, 2000, 3247, HINT_AT + 55, 3308].map((at) =>
    edited(valid[at % 6]!, 'signature', (bytes) => {
      bytes[at]! ^= 4;
    }),
  ),
  edited(valid[0]!, 'message', (bytes) => bytes.reverse()),
  edited(valid[0]!, 'context', (bytes) => bytes.fill(1)),
  edited(valid[3]!, 'publicKey', (bytes) => bytes.set([1], 1900)),
  { ...valid[0]!, publicKey: valid[1]!.publicKey },
  { ...valid[0]!, publicKey: new Uint8Array(1952) },
  // Second encodings of the same hint: places not rising, a place twice, padding that is not zero, ends above ω.
  edited(forged, 'signature', (bytes) => bytes.set([9, 3], HINT_AT)),
  edited(forged, 'signature', (bytes) => bytes.set([3, 3], HINT_AT)),
  edited(forged, 'signature', (bytes) => bytes.set([1], HINT_AT + OMEGA - 1)),
  edited(forged, 'signature', (bytes) => bytes.set([255], HINT_AT + OMEGA + 5)),
  { ...valid[0]!, signature: new Uint8Array(3309).fill(255) },
  { ...valid[0]!, signature: new Uint8Array(0) },
  { ...valid[0]!, signature: new Uint8Array(3310) },
  { ...valid[0]!, publicKey: new Uint8Array(1951) },
  { ...valid[0]!, context: new Uint8Array(256) },
];

describe.each(variants)('batches of ML-DSA-65 signatures for $name', (kernels) => {
  const verifier = kernels.createVerifier({ maxKeys: 8 });
  const oneByOne = (checks: readonly SignatureCheck[]): boolean[] => {
    const alone = kernels.createVerifier({ maxKeys: 8 });
    return checks.map((check) => alone.verify(check.publicKey, check.message, check.context, check.signature));
  };

  test('every case is answered as it is alone', () => {
    const answers = verifier.verifyEach(cases);
    expect(answers.slice(0, 7)).toEqual([true, true, true, true, true, true, true]);
    expect(answers.slice(7)).toEqual(cases.slice(7).map(() => false));
    expect(answers).toEqual(oneByOne(cases));
    expect(verifier.verifyEach([])).toEqual([]);
  });

  test('any mixture, in any order', () => {
    const mixtures = fc.array(fc.constantFrom(...cases), { maxLength: 20 });
    const holds = fc.property(mixtures, (mixture) => {
      expect(verifier.verifyEach(mixture)).toEqual(oneByOne(mixture));
    });
    fc.assert(holds, { numRuns: RUNS[kernels.name] });
  });

  test('never throws on any bytes', () => {
    const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
    const check: fc.Arbitrary<SignatureCheck> = fc.record({
      publicKey: fc.oneof(bytes(1952), fc.uint8Array({ maxLength: 40 }), fc.constant(valid[0]!.publicKey)),
      message: fc.uint8Array({ maxLength: 300 }),
      context: fc.uint8Array({ maxLength: 300 }),
      signature: fc.oneof(bytes(3309), fc.uint8Array({ maxLength: 40 }), fc.constant(valid[0]!.signature)),
    });
    const holds = fc.property(fc.array(check, { maxLength: 5 }), (checks) => {
      expect(verifier.verifyEach(checks)).toEqual(checks.map(() => false));
    });
    fc.assert(holds, { numRuns: RUNS[kernels.name] });
    expect(verifier.verifyEach(valid)).toEqual(valid.map(() => true));
  });

  test('more than one call takes, and a message that alone is more', async () => {
    const big = await signed(1, 300_000, 2);
    const many = Array.from({ length: MANY[kernels.name] }, (_, i) => cases[(i * 5) % cases.length]!);
    const checks = [big, ...many, big, edited(big, 'message', (bytes) => bytes.set([0, 1, 2, 3], 299_990)), valid[0]!];
    const expected = new Map(cases.map((check, i) => [check, i < 7]));
    expect(verifier.verifyEach(checks)).toEqual([
      true,
      ...many.map((check) => expected.get(check)!),
      true,
      false,
      true,
    ]);
  });

  test('more keys in a batch than are held, and keys that begin alike', () => {
    const small = kernels.createVerifier({ maxKeys: 2 });
    const like = edited(valid[0]!, 'publicKey', (bytes) => bytes.set([1], 1951));
    const checks = [valid[0]!, valid[1]!, valid[2]!, like, valid[0]!, like, valid[3]!, valid[0]!, valid[1]!];
    for (let i = 0; i < 2; i++) {
      expect(small.verifyEach(checks)).toEqual([true, true, true, false, true, false, true, true, true]);
    }
  });

  test('a key of zeros is not taken for one that memory holds from the beginning', () => {
    const ofZeros = forge(
      new Uint8Array(32),
      Array.from({ length: 5 }, () => new Int32Array(256).fill(7)),
      [[], [1], [], [], [], []],
    );
    expect(kernels.createVerifier({ maxKeys: 1 }).verifyEach([ofZeros, forged])).toEqual([true, true]);
  });
});
