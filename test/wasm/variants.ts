/** The kernels under test: the core in its three builds and the twin, built first where missing. */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Kernels } from '../../src/wasm/kernels.ts';
import { loadKernels } from '../../src/wasm/load.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
if (!['core.wasm', 'core.scalar.wasm', 'core.debug.wasm'].every((name) => existsSync(`${ROOT}build/${name}`))) {
  execFileSync(process.execPath, ['scripts/build-wasm.ts'], { cwd: ROOT, stdio: 'inherit' });
}

export const twin: Kernels = loadKernels({ kind: 'twin' });
export const cores: readonly Kernels[] = (['wasm', 'wasm-scalar', 'wasm-debug'] as const).map((kind) =>
  loadKernels({ kind }),
);
export const variants: readonly Kernels[] = [twin, ...cores];
