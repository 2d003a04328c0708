import { createHash, randomBytes } from 'node:crypto';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { compose, FASTEST, LONG_MESSAGE_BYTES } from '../../src/wasm/fastest.ts';
import { loadKernels } from '../../src/wasm/load.ts';
import { openKernels } from '../../src/wasm/open.ts';
import { hashing } from '../support/hashing.ts';
import { codeOf } from '../support/hostile.ts';
import { cores, twin } from './variants.ts';

const BUILD = new URL('../../build/', import.meta.url);
const oracle = (bytes: Uint8Array): Uint8Array => new Uint8Array(createHash('sha3-256').update(bytes).digest());
const leaves = Array.from({ length: 9 }, (_, i) => new Uint8Array(i * 1000).fill(i));

afterEach(() => {
  vi.unstubAllEnvs();
  vi.unstubAllGlobals();
});

describe('the fastest of each', () => {
  test('computes the same as one for everything, on both sides of every choice', async () => {
    const fastest = loadKernels();
    expect([fastest.name, fastest.verifies]).toEqual(['wasm', true]);
    for (const kernels of [fastest, await openKernels({ core: new URL('core.wasm', BUILD) })]) {
      for (const length of [0, 1, LONG_MESSAGE_BYTES - 1, LONG_MESSAGE_BYTES, LONG_MESSAGE_BYTES + 1, 100_000]) {
        const bytes = new Uint8Array(randomBytes(length));
        const cut = Math.floor(length / 3);
        expect(kernels.sha3_256(bytes)).toEqual(oracle(bytes));
        expect(kernels.sha3_256(bytes.subarray(0, cut), bytes.subarray(cut))).toEqual(oracle(bytes));
      }
      expect(kernels.merkleRoot(leaves)).toEqual(hashing.merkleRoot(leaves));
      expect(kernels.merklePath(leaves, 8)).toEqual(twin.merklePath(leaves, 8));
      expect(kernels.shake256(50, leaves[2]!)).toEqual(twin.shake256(50, leaves[2]!));
    }
  });

  test('is put together as the table says', () => {
    const called: string[] = [];
    const [core, native] = (['core', 'native'] as const).map((name) => ({
      ...cores[0]!,
      sha3_256: (...parts: readonly Uint8Array[]) => {
        called.push(name);
        return cores[0]!.sha3_256(...parts);
      },
    }));
    for (const choice of [FASTEST.node, FASTEST.browser]) {
      const kernels = compose(choice, { core: core!, native: native! });
      kernels.sha3_256(new Uint8Array(LONG_MESSAGE_BYTES - 1));
      kernels.sha3_256(new Uint8Array(LONG_MESSAGE_BYTES - 1), new Uint8Array(1));
    }
    expect(called).toEqual(['core', 'native', 'core', 'core']);
  });

  test('an engine without WebAssembly has OpenSSL for hashes and signatures, and twins for the rest', async () => {
    vi.stubGlobal('WebAssembly', undefined);
    vi.resetModules();
    const { loadKernels: load } = await import('../../src/wasm/load.ts');
    const kernels = load();
    expect([kernels.name, kernels.verifies]).toEqual(['native', false]);
    expect(kernels.merkleRoot(leaves)).toEqual(hashing.merkleRoot(leaves));
    expect(kernels.sha3_256Each(leaves[1]!, leaves)).toEqual(hashing.sha3_256Each(leaves[1]!, leaves));
    expect(kernels.createTally({ stakes: [1], requiredVotes: 1, validity: 1, maxOpen: 1 }).open()).toBe(0);
  });
});

describe('PQ_KERNELS', () => {
  test.each([
    ['twin', 'twin'],
    ['scalar', 'wasm-scalar'],
    ['', 'wasm'],
  ])('%j takes %s for everything', (value, name) => {
    vi.stubEnv('PQ_KERNELS', value);
    expect(loadKernels()).toMatchObject({ name, verifies: true });
  });

  test('is refused when it names none', () => {
    vi.stubEnv('PQ_KERNELS', 'fastest');
    expect(codeOf(() => loadKernels())).toBe('KERNEL_OPTIONS');
    expect(loadKernels({ kind: 'wasm' }).name).toBe('wasm');
  });
});
