/** The kernels that make the columns of every row, by the names of the columns. */
import type { Kernels } from '../../wasm/kernels.ts';
import { loadKernels } from '../../wasm/load.ts';

export const KERNELS: Readonly<Record<'twin' | 'scalar' | 'simd', Kernels>> = {
  twin: loadKernels({ kind: 'twin' }),
  scalar: loadKernels({ kind: 'wasm-scalar' }),
  simd: loadKernels({ kind: 'wasm' }),
};

/** One column per implementation. */
export function perKernel<T>(make: (kernels: Kernels) => T): Record<string, () => T> {
  return Object.fromEntries(Object.entries(KERNELS).map(([name, kernels]) => [name, () => make(kernels)]));
}

/** Numbers that look random and are the same in every column and run. */
export function pseudoRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state >>> 8;
  };
}

/** The upper bits: the lower ones of such a generator come again after 2^16 bytes. */
export function bytesOf(length: number, seed: number): Uint8Array {
  const next = pseudoRandom(seed);
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i++) bytes[i] = next() >>> 16;
  return bytes;
}
