/** ML-DSA-65 verification: a key that was used before, and one that never was. */
import { createPublicKey, generateKeyPairSync, type KeyObject, sign, verify } from 'node:crypto';
import { ml_dsa65 } from '@noble/post-quantum/ml-dsa.js';
import { type Column, checksum, type RowSpec } from '../harness.ts';
import { bytesOf, KERNELS, perKernel } from './kernels.ts';

/** What a block header's signature is over. */
const MESSAGE = bytesOf(32, 1);
const CONTEXT = new TextEncoder().encode('bench context');

interface Signed {
  readonly raw: Uint8Array;
  readonly key: KeyObject;
  readonly signature: Uint8Array;
}

/** Signatures of different keys; every third one is broken, so that both answers are in the checksum. */
function signatures(count: number): Signed[] {
  return Array.from({ length: count }, (_, i) => {
    const { publicKey: key, privateKey } = generateKeyPairSync('ml-dsa-65');
    const raw = new Uint8Array(key.export({ format: 'raw-public' }));
    const signature = new Uint8Array(sign(null, MESSAGE, { key: privateKey, context: CONTEXT }));
    if (i % 3 === 2) signature[20]! ^= 1;
    return { raw, key, signature };
  });
}

function column(all: readonly Signed[], isValid: (signed: Signed) => boolean): () => Column {
  return () => ({ run: () => checksum(all.map((signed) => Number(isValid(signed)))) });
}

function imported(raw: Uint8Array): KeyObject {
  return createPublicKey({ key: Buffer.from(raw), format: 'raw-public', asymmetricKeyType: 'ml-dsa-65' });
}

function byNoble({ raw, signature }: Signed): boolean {
  return ml_dsa65.verify(signature, MESSAGE, raw, { context: CONTEXT });
}

function row(
  name: string,
  keys: number,
  maxKeys: number,
  byNode: (signed: Signed) => boolean,
  targets: NonNullable<RowSpec['targets']>,
): RowSpec {
  const all = signatures(keys);
  return {
    name,
    params: { keys },
    operations: keys,
    operation: 'signature',
    columns: {
      ...perKernel((kernels) => {
        const verifier = kernels.createVerifier({ maxKeys });
        return column(all, ({ raw, signature }) => verifier.verify(raw, MESSAGE, CONTEXT, signature))();
      }),
    },
    libraries: { 'node:crypto': column(all, byNode), noble: column(all, byNoble) },
    targets,
  };
}

/** Together in one call, and with the same core one by one. */
function batchRow(keys: number): RowSpec {
  const all = signatures(keys);
  const checks = all.map(({ raw, signature }) => ({ publicKey: raw, message: MESSAGE, context: CONTEXT, signature }));
  return {
    name: 'ml-dsa-65 verify batch, held keys',
    params: { keys },
    operations: keys,
    operation: 'signature',
    columns: {
      ...perKernel((kernels) => {
        const verifier = kernels.createVerifier({ maxKeys: keys });
        return { run: () => checksum(verifier.verifyEach(checks).map(Number)) };
      }),
      'one by one': () => {
        const verifier = KERNELS.simd.createVerifier({ maxKeys: keys });
        return column(all, ({ raw, signature }) => verifier.verify(raw, MESSAGE, CONTEXT, signature))();
      },
    },
    libraries: {
      'node:crypto': column(all, ({ key, signature }) => verify(null, MESSAGE, { key, context: CONTEXT }, signature)),
    },
  };
}

export function mldsaRows(): RowSpec[] {
  const options = { context: CONTEXT };
  const known = ({ key, signature }: Signed) => verify(null, MESSAGE, { key, ...options }, signature);
  const fresh = ({ raw, signature }: Signed) => verify(null, MESSAGE, { key: imported(raw), ...options }, signature);
  const heldTargets = { 'node:crypto': 12, noble: 90 };
  return [
    row('ml-dsa-65 verify, held keys', 4, 4, known, heldTargets),
    row('ml-dsa-65 verify, held keys', 100, 100, known, heldTargets),
    row('ml-dsa-65 verify, new keys', 4, 1, fresh, { 'node:crypto': 2.2 }),
    batchRow(4),
    batchRow(100),
  ];
}
