/**
 * What this folder uses of the WebAssembly JavaScript API. The `es2024` library has no types for it and the `dom` one
 * brings a browser's whole world; this says the same for Node and the browser and clashes with neither.
 */
declare const moduleBrand: unique symbol;

/** A compiled module: code without state, instantiated as often as needed. */
export interface WasmModule {
  readonly [moduleBrand]: true;
}

export interface WasmMemory {
  readonly buffer: ArrayBuffer;
  /** Adds pages of 64 KiB; earlier views of `buffer` are detached. Throws RangeError when there is no more memory. */
  grow(pages: number): number;
}

interface WasmInstance {
  readonly exports: object;
}

interface WasmApi {
  readonly Module: new (bytes: Uint8Array<ArrayBuffer>) => WasmModule;
  readonly Instance: new (module: WasmModule, imports?: object) => WasmInstance;
  validate(bytes: Uint8Array<ArrayBuffer>): boolean;
  /** Compiles off the main thread; what a browser should use for a module of more than 4 KB. */
  compile(bytes: Uint8Array<ArrayBuffer>): Promise<WasmModule>;
}

export const wasm: WasmApi = (globalThis as unknown as { readonly WebAssembly: WasmApi }).WebAssembly;

/** False in an engine that may not compile code at run time. */
export const hasWebAssembly = wasm !== undefined;
