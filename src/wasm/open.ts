/** Opens the kernels anywhere: in a browser, in Deno or Bun, in Node. */
import { PqError } from '../errors.ts';
import { createCoreKernels } from './core.ts';
import { compose, FASTEST } from './fastest.ts';
import type { Kernels } from './kernels.ts';
import { wasm } from './webassembly.ts';

/** The bytes of a core, or where they are: whatever `fetch` takes, and `file:` URLs in Node. */
export type CoreSource = Uint8Array | URL | string;

export interface OpenOptions {
  /** `core.wasm`. Default: the file of this package, found from `import.meta.url`. */
  readonly core?: CoreSource;
  /** `core.scalar.wasm`, read only where the engine has no SIMD. Default: likewise. */
  readonly scalar?: CoreSource;
}

/**
 * Reads and compiles the core, and returns its kernels: with SIMD, or the scalar build of the same source where the engine
 * has none (`name` says which). Throws `WASM_MISSING` when a core cannot be read, `WASM_INVALID` when the engine takes
 * neither.
 */
export async function openKernels(options: OpenOptions = {}): Promise<Kernels> {
  const core = await read(options.core ?? new URL('../core.wasm', import.meta.url));
  if (wasm.validate(core)) return fastest(createCoreKernels(await wasm.compile(core), 'wasm'));
  const scalar = await read(options.scalar ?? new URL('../core.scalar.wasm', import.meta.url));
  if (wasm.validate(scalar)) return fastest(createCoreKernels(await wasm.compile(scalar), 'wasm-scalar'));
  throw new PqError('WASM_INVALID', 'The engine takes neither core: give the bytes of core.wasm and core.scalar.wasm.');
}

/** The same anywhere: what only Node has, this file does not know. */
function fastest(core: Kernels): Kernels {
  return compose(FASTEST.browser, { core });
}

async function read(source: CoreSource): Promise<Uint8Array<ArrayBuffer>> {
  // A copy: nobody may change the bytes between the check and the compilation.
  if (source instanceof Uint8Array) return Uint8Array.from(source);
  const url = String(source);
  try {
    return url.startsWith('file:') ? readLocal(new URL(url)) : await download(url);
  } catch (cause) {
    throw new PqError(
      'WASM_MISSING',
      `The core cannot be read from ${url}: give its place or its bytes.`,
      { url },
      cause,
    );
  }
}

async function download(url: string): Promise<Uint8Array<ArrayBuffer>> {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`HTTP ${response.status}`);
  return new Uint8Array(await response.arrayBuffer());
}

interface FileSystem {
  readFileSync(path: URL): Uint8Array;
}

/** In Node, whose `fetch` takes no file. Asked of the running process: an import would keep browsers out. */
function readLocal(url: URL): Uint8Array<ArrayBuffer> {
  const host = globalThis as { readonly process?: { getBuiltinModule?(name: string): unknown } };
  const fs = host.process?.getBuiltinModule?.('node:fs') as FileSystem | undefined;
  if (fs === undefined) throw new Error('Files can be read in Node only.');
  return Uint8Array.from(fs.readFileSync(url));
}
