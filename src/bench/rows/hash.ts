/** SHA3-256 in batches and one by one, and Merkle roots. */
import { createHash } from 'node:crypto';
import { type Column, checksum, type RowSpec } from '../harness.ts';
import { type Hash, hashWasmSha3, nobleSha3 } from '../libraries.ts';
import { naiveSha3 } from '../naive/sha3.ts';
import { bytesOf, perKernel } from './kernels.ts';

const nodeSha3: Hash = (message) => createHash('sha3-256').update(message).digest();
const NO_PREFIX = new Uint8Array(0);

/** A column for each library. */
function perLibrary(column: (hash: Hash) => () => Column): NonNullable<RowSpec['libraries']> {
  const libraries = { 'node:crypto': nodeSha3, 'hash-wasm': hashWasmSha3, noble: nobleSha3 };
  return Object.fromEntries(
    Object.entries(libraries).map(([name, hash]) => [name, hash === null ? null : column(hash)]),
  );
}

function digestsOf(digests: readonly Uint8Array[]): number {
  return checksum(digests.map((digest) => digest[0]! | (digest[31]! << 8)));
}

function eachColumn(items: readonly Uint8Array[], hash: Hash): () => Column {
  return () => ({ run: () => digestsOf(items.map((item) => hash(item))) });
}

function batch(count: number, length: number, targets: RowSpec['targets'] = {}): RowSpec {
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
    libraries: perLibrary((hash) => eachColumn(items, hash)),
    targets,
  };
}

function single(length: number): RowSpec {
  const items = Array.from({ length: Math.max(1, Math.min(100, Math.floor(1e6 / length))) }, (_, i) =>
    bytesOf(length, i),
  );
  return {
    name: 'sha3-256',
    params: { bytes: length },
    operations: items.length,
    operation: 'hash',
    columns: {
      ...(length <= 4096 ? { naive: eachColumn(items, naiveSha3) } : {}),
      ...perKernel((kernels) => ({ run: () => digestsOf(items.map((item) => kernels.sha3_256(item))) })),
    },
    libraries: perLibrary((hash) => eachColumn(items, hash)),
  };
}

/** RFC 6962 by its text, over any hash. */
function merkleRoot(hash: Hash, leaves: readonly Uint8Array[]): Uint8Array {
  let level = leaves.map((leaf) => hash(concat(Uint8Array.of(0), leaf)));
  while (level.length > 1) {
    const next: Uint8Array[] = [];
    for (let i = 0; i + 1 < level.length; i += 2) next.push(hash(concat(Uint8Array.of(1), level[i]!, level[i + 1]!)));
    if (level.length % 2 === 1) next.push(level.at(-1)!);
    level = next;
  }
  const count = new Uint8Array(4);
  new DataView(count.buffer).setUint32(0, leaves.length, true);
  return hash(concat(Uint8Array.of(2), count, level[0]!));
}

function concat(...parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

function merkle(count: number, length: number, targets: RowSpec['targets'] = {}): RowSpec {
  const leaves = Array.from({ length: count }, (_, i) => bytesOf(length, i));
  const over = (hash: Hash) => (): Column => ({ run: () => checksum(merkleRoot(hash, leaves)) });
  return {
    name: 'merkle root',
    params: { leaves: count, bytes: length },
    operations: 1,
    operation: 'root',
    columns: {
      naive: over(naiveSha3),
      ...perKernel((kernels) => ({ run: () => checksum(kernels.merkleRoot(leaves)) })),
    },
    libraries: perLibrary(over),
    targets,
  };
}

export function hashRows(): RowSpec[] {
  return [
    batch(1000, 32, { 'node:crypto': 4, 'hash-wasm': 1.3 }),
    batch(1000, 512, { 'node:crypto': 2.5, 'hash-wasm': 1.3 }),
    single(32),
    single(512),
    single(4096),
    single(65_536),
    single(1_048_576),
    merkle(32, 512),
    merkle(1000, 512, { 'node:crypto': 2.5 }),
  ];
}
