/** The conflict set: claims of fresh keys, clashes, and expiry. */
import type { ConflictKernel } from '../../wasm/kernels.ts';
import { type Column, checksum, type RowSpec } from '../harness.ts';
import { NaiveConflictSet } from '../naive/conflict.ts';
import { bytesOf, perKernel } from './kernels.ts';

const SEED = bytesOf(16, 1);

/** A user's quick way: a Map of strings that Buffer makes. */
class StringMap implements ConflictKernel {
  readonly #expiries = new Map<string, number>();

  claim(keys: Uint8Array, counts: Uint32Array, expiriesMs: Float64Array): Uint8Array {
    const buffer = Buffer.from(keys.buffer, keys.byteOffset, keys.length);
    const claimed = new Uint8Array(counts.length);
    let at = 0;
    for (let proposal = 0; proposal < counts.length; proposal++) {
      const names: string[] = [];
      for (let i = 0; i < counts[proposal]!; i++, at += 32) names.push(buffer.toString('latin1', at, at + 32));
      if (names.some((name) => this.#expiries.has(name))) continue;
      for (const name of names) this.#expiries.set(name, expiriesMs[proposal]!);
      claimed[proposal] = 1;
    }
    return claimed;
  }

  has(key: Uint8Array): boolean {
    return this.#expiries.has(Buffer.from(key.buffer, key.byteOffset, 32).toString('latin1'));
  }

  release(keys: Uint8Array): number {
    const before = this.size;
    const buffer = Buffer.from(keys.buffer, keys.byteOffset, keys.length);
    for (let at = 0; at < keys.length; at += 32) this.#expiries.delete(buffer.toString('latin1', at, at + 32));
    return before - this.size;
  }

  expire(nowMs: number): number {
    const before = this.size;
    for (const [name, expiry] of this.#expiries) if (expiry < nowMs) this.#expiries.delete(name);
    return before - this.size;
  }

  get size(): number {
    return this.#expiries.size;
  }
}

type Setup = (set: ConflictKernel) => Column;

function row(
  name: string,
  keys: number,
  operations: number,
  operation: string,
  setup: Setup,
  targets: NonNullable<RowSpec['targets']> = {},
): RowSpec {
  const fresh = perKernel((kernels) => setup(kernels.createConflictSet({ maxKeys: 1_000_000, seed: SEED })));
  return {
    name,
    params: { keys },
    operations,
    operation,
    columns: {
      naive: () => setup(new NaiveConflictSet()),
      ...fresh,
    },
    libraries: { 'Map of strings': () => setup(new StringMap()) },
    targets,
  };
}

/** One batch of `count` fresh keys, one per proposal, and again, when all of them clash. */
function claimRow(count: number): RowSpec {
  const keys = bytesOf(32 * count, count);
  const counts = new Uint32Array(count).fill(1);
  const expiries = Float64Array.from({ length: count }, (_, i) => 1000 + ((i * 7919) % 1000));
  const setup: Setup = (set) => ({
    prepare: () => {
      set.expire(Number.MAX_SAFE_INTEGER);
    },
    run: () => checksum(set.claim(keys, counts, expiries)),
  });
  return row('conflict check-and-claim', count, count, 'key', setup, { twin: 3, 'Map of strings': 10 });
}

function clashRow(count: number): RowSpec {
  const keys = bytesOf(32 * count, count);
  const counts = new Uint32Array(count).fill(1);
  const expiries = new Float64Array(count).fill(1000);
  return row('conflict check, all clash', count, count, 'key', (set) => {
    set.claim(keys, counts, expiries);
    return { run: () => checksum(set.claim(keys, counts, expiries)) };
  });
}

/** Between commits. */
const COMMIT_MS = 10;

/** A steady state: per commit a batch of keys comes and an old one expires, over many that stay. */
function steadyRow(held: number, batch: number): RowSpec {
  const commits = held / batch;
  const batches = Array.from({ length: 2 * commits }, (_, i) => bytesOf(32 * batch, i));
  const counts = new Uint32Array(batch).fill(1);
  return row('conflict commit: claim and expire', held, batch, 'key', (set) => {
    let now = 0;
    const step = (): number => {
      const expiries = new Float64Array(batch).fill(COMMIT_MS * (now + commits));
      const claimed = set.claim(batches[now % batches.length]!, counts, expiries);
      now++;
      return checksum(claimed) + set.expire(COMMIT_MS * now);
    };
    for (let i = 0; i < 2 * commits; i++) step();
    return { run: step };
  });
}

/** One batch of `count` claimed keys, released. */
function releaseRow(count: number): RowSpec {
  const keys = bytesOf(32 * count, count);
  const counts = new Uint32Array(count).fill(1);
  const expiries = Float64Array.from({ length: count }, (_, i) => 1000 + ((i * 7919) % 1000));
  return row('conflict release', count, count, 'key', (set) => ({
    prepare: () => {
      set.claim(keys, counts, expiries);
    },
    run: () => set.release(keys),
  }));
}

export function conflictRows(): RowSpec[] {
  return [claimRow(10_000), clashRow(10_000), releaseRow(10_000), steadyRow(50_000, 500)];
}
