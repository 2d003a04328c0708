/** The kernels under test: the twin, and the core in its three builds (global-setup.ts builds them). */
import type { Kernels } from '../../src/wasm/kernels.ts';
import { loadKernels } from '../../src/wasm/load.ts';

export const twin: Kernels = loadKernels({ kind: 'twin' });
export const cores: readonly Kernels[] = (['wasm', 'wasm-scalar', 'wasm-debug'] as const).map((kind) =>
  loadKernels({ kind }),
);
export const variants: readonly Kernels[] = [twin, ...cores];
