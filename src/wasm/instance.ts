/** One running copy of the core with its memory, and the views that survive growth. */
import { PqError } from '../errors.ts';
import { type WasmMemory, type WasmModule, wasm } from './webassembly.ts';

const PAGE_BYTES = 65_536;

/** What `assembly/index.ts` exports. Pointers and lengths are i32. */
export interface CoreExports {
  readonly memory: WasmMemory;
  heapBase(): number;
  sha3(data: number, length: number, out: number): void;
  sha3Init(): void;
  sha3Absorb(data: number, blocks: number): void;
  sha3Final(data: number, length: number, out: number): void;
  sha3Each(prefix: number, prefixLength: number, lengths: number, count: number, data: number, out: number): void;
  merkleRoot(lengths: number, count: number, data: number, digests: number, out: number): void;
  merkleFold(digests: number, count: number, out: number): void;
}

/** An instance of the core. Views are re-made after growth: read them from here each time, never keep one. */
export class CoreInstance {
  readonly exports: CoreExports;
  /** First byte that belongs to the host. */
  readonly heapBase: number;
  u8: Uint8Array<ArrayBuffer>;
  u16: Uint16Array<ArrayBuffer>;
  i32: Int32Array<ArrayBuffer>;
  u32: Uint32Array<ArrayBuffer>;
  f64: Float64Array<ArrayBuffer>;

  constructor(module: WasmModule) {
    this.exports = new wasm.Instance(module).exports as CoreExports;
    this.heapBase = this.exports.heapBase();
    const { buffer } = this.exports.memory;
    this.u8 = new Uint8Array(buffer);
    this.u16 = new Uint16Array(buffer);
    this.i32 = new Int32Array(buffer);
    this.u32 = new Uint32Array(buffer);
    this.f64 = new Float64Array(buffer);
  }

  /** Makes the memory reach at least to address `end`. Throws `WASM_MEMORY` when the machine has no more. */
  reserve(end: number): void {
    if (end <= this.u8.length) return;
    const pages = Math.ceil((end - this.u8.length) / PAGE_BYTES);
    try {
      this.exports.memory.grow(pages);
    } catch (cause) {
      throw new PqError('WASM_MEMORY', 'give the process more memory or lower the bounds', { pages }, cause);
    }
    this.refresh();
  }

  /** Re-makes the views if the memory grew: growth detaches its old buffer, which leaves them empty. */
  refresh(): void {
    if (this.u8.length !== 0) return;
    const { buffer } = this.exports.memory;
    this.u8 = new Uint8Array(buffer);
    this.u16 = new Uint16Array(buffer);
    this.i32 = new Int32Array(buffer);
    this.u32 = new Uint32Array(buffer);
    this.f64 = new Float64Array(buffer);
  }
}
