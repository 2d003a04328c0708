/** Loads the kernels in Node: on `build/core.wasm`, or its scalar twin where the engine has no SIMD. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { PqError } from '../errors.ts';
import { createCoreKernels } from './core.ts';
import { compose, FASTEST } from './fastest.ts';
import type { Kernels } from './kernels.ts';
import { createTwinKernels } from './twin/kernels.ts';
import { hasWebAssembly, type WasmModule, wasm } from './webassembly.ts';

const FILES = { wasm: 'core.wasm', 'wasm-scalar': 'core.scalar.wasm', 'wasm-debug': 'core.debug.wasm' } as const;
type CoreKind = keyof typeof FILES;

export interface LoadOptions {
  /** One implementation for everything, for tests and measurements, in place of the fastest for each operation. */
  readonly kind?: Exclude<Kernels['name'], 'native'>;
}

const modules = new Map<CoreKind, WasmModule>();

/**
 * The kernels: of each operation the fastest implementation that this process can have, as `fastest.ts` says; or one
 * for everything, which `options.kind` names, or the environment (`PQ_KERNELS=twin` or `scalar`). Modules are compiled once per
 * process. Throws `WASM_MISSING` when the core was not built, `KERNEL_OPTIONS` for an environment that names none.
 */
export function loadKernels(options: LoadOptions = {}): Kernels {
  const kind = options.kind ?? kindOf(process.env.PQ_KERNELS ?? '');
  if (kind === 'twin') return createTwinKernels();
  if (kind !== undefined) return createCoreKernels(compiled(kind), kind);
  const native: Kernels = { ...createTwinKernels(nativeSha3), name: 'native' };
  if (!hasWebAssembly) return compose(FASTEST.nodeWithoutWebAssembly, { native, twin: native });
  const core = defaultKind();
  return compose(FASTEST.node, { native, core: createCoreKernels(compiled(core), core) });
}

/** What the environment asks for: undefined for the fastest of each. */
function kindOf(name: string): LoadOptions['kind'] {
  if (name === '') return undefined;
  if (name === 'twin') return 'twin';
  if (name === 'scalar') return 'wasm-scalar';
  throw new PqError('KERNEL_OPTIONS', 'set PQ_KERNELS to twin or scalar, or not at all', { PQ_KERNELS: name });
}

/** SHA3-256 by OpenSSL. */
function nativeSha3(...parts: readonly Uint8Array[]): Uint8Array {
  const hash = createHash('sha3-256');
  for (const part of parts) hash.update(part);
  return new Uint8Array(hash.digest());
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
