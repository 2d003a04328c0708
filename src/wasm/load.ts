/** Loads the kernels in Node: `build/core.wasm`, or its scalar twin where the engine has no SIMD. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { PqError } from '../errors.ts';
import { createCoreKernels } from './core.ts';
import type { Kernels } from './kernels.ts';
import { createTwinKernels } from './twin/kernels.ts';
import { type WasmModule, wasm } from './webassembly.ts';

const FILES = { wasm: 'core.wasm', 'wasm-scalar': 'core.scalar.wasm', 'wasm-debug': 'core.debug.wasm' } as const;
type CoreKind = keyof typeof FILES;

export interface LoadOptions {
  readonly kind?: Kernels['name'];
}

const modules = new Map<CoreKind, WasmModule>();

/**
 * The kernels. Which ones: `options.kind`; else the twin when the environment says `PQ_KERNELS=twin`; else the core,
 * without SIMD where the engine has none. Modules are compiled once per process. Throws `WASM_MISSING` when the core
 * was not built.
 */
export function loadKernels(options: LoadOptions = {}): Kernels {
  const kind = options.kind ?? (process.env.PQ_KERNELS === 'twin' ? 'twin' : defaultKind());
  return kind === 'twin' ? createTwinKernels() : createCoreKernels(compiled(kind), kind);
}

/** SHA-256, hex, of the file build/core.wasm: which core this is. Throws `WASM_MISSING` when it was not built. */
export function wasmHash(): string {
  return createHash('sha256').update(readCore('wasm')).digest('hex');
}

function defaultKind(): CoreKind {
  if (modules.has('wasm')) return 'wasm';
  return wasm.validate(readCore('wasm')) ? 'wasm' : 'wasm-scalar';
}

function compiled(kind: CoreKind): WasmModule {
  let module = modules.get(kind);
  if (module === undefined) {
    module = new wasm.Module(readCore(kind));
    modules.set(kind, module);
  }
  return module;
}

/** The bytes of a core. This file runs as src/wasm/load.ts and as build/wasm/load.js; the core lies in build/ for both. */
function readCore(kind: CoreKind): Uint8Array<ArrayBuffer> {
  const folder = import.meta.url.endsWith('.ts') ? '../../build/' : '../';
  const path = new URL(folder + FILES[kind], import.meta.url);
  try {
    return Uint8Array.from(readFileSync(path));
  } catch (cause) {
    throw new PqError('WASM_MISSING', 'build the core first: npm run build:wasm', { path: path.pathname }, cause);
  }
}
