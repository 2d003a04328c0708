/** SHA3-256 in batches and one by one, and SHAKE256. */
import { type Column, checksum, type RowSpec } from '../harness.ts';
import { type Hash, perLibrary, SHA3, SHAKE256 } from '../libraries.ts';
import { naiveSha3, naiveShake256 } from '../naive/sha3.ts';
import { bytesOf, perKernel } from './kernels.ts';

const NO_PREFIX = new Uint8Array(0);

function digestsOf(digests: readonly Uint8Array[]): number {
  return checksum(digests.map((digest) => digest[0]! | (digest[digest.length - 1]! << 8)));
}

function eachColumn(items: readonly Uint8Array[], hash: Hash): () => Column {
  return () => ({ run: () => digestsOf(items.map((item) => hash(item))) });
}

/** Messages of one length, all together at most 1 MB. */
function messages(length: number): Uint8Array[] {
  const count = Math.max(1, Math.min(100, Math.floor(1e6 / length)));
  return Array.from({ length: count }, (_, i) => bytesOf(length, i));
}

function batch(count: number, length: number, targets: NonNullable<RowSpec['targets']>): RowSpec {
  const items = Array.from({ length: count }, (_, i) => bytesOf(length, i));
  return {
    name: 'sha3-256 batch',
    params: { count, bytes: length },
    operations: count,
    operation: 'hash',
    columns: {
      naive: eachColumn(items, naiveSha3),
      ...perKernel((kernels) => ({ run: () => digestsOf(kernels.sha3_256Each(NO_PREFIX, items)) })),
    },
    libraries: perLibrary(SHA3, (hash) => eachColumn(items, hash)),
    targets,
  };
}

function single(length: number): RowSpec {
  const items = messages(length);
  return {
    name: 'sha3-256',
    params: { bytes: length },
    operations: items.length,
    operation: 'hash',
    columns: {
      ...(length <= 4096 ? { naive: eachColumn(items, naiveSha3) } : {}),
      ...perKernel((kernels) => ({ run: () => digestsOf(items.map((item) => kernels.sha3_256(item))) })),
    },
    libraries: perLibrary(SHA3, (hash) => eachColumn(items, hash)),
  };
}

function shake(length: number, output: number): RowSpec {
  const items = messages(length + output);
  return {
    name: 'shake256',
    params: { bytes: length, output },
    operations: items.length,
    operation: 'hash',
    columns: {
      naive: eachColumn(items, (item) => naiveShake256(item, output)),
      ...perKernel((kernels) => ({ run: () => digestsOf(items.map((item) => kernels.shake256(output, item))) })),
    },
    libraries: perLibrary(SHAKE256, (hash) => eachColumn(items, (item) => hash(item, output))),
  };
}

export function hashRows(): RowSpec[] {
  return [
    batch(1000, 32, { 'node:crypto': 4, 'hash-wasm': 1.3 }),
    batch(1000, 512, { 'node:crypto': 2.5, 'hash-wasm': 1.3 }),
    single(32),
    single(512),
    single(2048),
    single(4096),
    single(65_536),
    single(1_048_576),
    shake(32, 64),
    shake(64, 1024),
  ];
}
