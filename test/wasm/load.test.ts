import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { createCoreKernels } from '../../src/wasm/core.ts';
import { loadKernels, wasmHash } from '../../src/wasm/load.ts';
import { wasm } from '../../src/wasm/webassembly.ts';
import { cores, twin } from './variants.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const bytes = Uint8Array.from(readFileSync(`${ROOT}build/core.wasm`));

afterEach(() => {
  vi.unstubAllEnvs();
});

describe('loading', () => {
  test('the core by default, the twin where the environment says so, and what the caller asks for', () => {
    expect(loadKernels().name).toBe('wasm');
    expect([twin, ...cores].map((kernels) => kernels.name)).toEqual(['twin', 'wasm', 'wasm-scalar', 'wasm-debug']);
    vi.stubEnv('PQ_KERNELS', 'twin');
    expect(loadKernels().name).toBe('twin');
    expect(loadKernels({ kind: 'wasm-scalar' }).name).toBe('wasm-scalar');
  });

  test('the hash is of the file that is loaded', () => {
    expect(wasmHash()).toBe(createHash('sha256').update(bytes).digest('hex'));
  });

  test('an engine that refuses the vector instructions gets the scalar core', async () => {
    const refusing = vi.spyOn(wasm, 'validate').mockReturnValue(false);
    vi.resetModules();
    const fresh = await import('../../src/wasm/load.ts');
    expect(fresh.loadKernels().name).toBe('wasm-scalar');
    refusing.mockRestore();
  });

  test('stateful kernels own their memory', () => {
    const options = { stakes: [1, 1, 1, 1], quorum: 3, maxBlocks: 8 };
    const [first, second] = [loadKernels().createDag(options), loadKernels().createDag(options)];
    first.insert(1, 0, new Uint8Array(32), []);
    expect([first.size, second.size]).toEqual([1, 0]);
  });

  test('a browser can do it: compiled asynchronously from bytes, by files that import nothing of Node', async () => {
    const kernels = createCoreKernels(await wasm.compile(bytes), 'wasm');
    const expected = createHash('sha3-256').update('abc').digest();
    expect(kernels.sha3_256(new TextEncoder().encode('abc'))).toEqual(new Uint8Array(expected));
    for (const folder of ['src/wasm', 'src/wasm/twin']) {
      for (const name of readdirSync(ROOT + folder).filter((file) => file.endsWith('.ts'))) {
        if (name === 'load.ts') continue;
        const source = readFileSync(`${ROOT}${folder}/${name}`, 'utf8');
        expect(source, `${folder}/${name}`).not.toMatch(/from '(node:|[^.])/);
      }
    }
  });
});
