/** The conflict set as one writes it first: a map from hex strings to expiries. */
import type { ConflictKernel } from '../../wasm/kernels.ts';

const KEY_BYTES = 32;

export class NaiveConflictSet implements ConflictKernel {
  readonly #expiries = new Map<string, number>();

  claim(keys: Uint8Array, counts: Uint32Array, expiriesMs: Float64Array): Uint8Array {
    let at = 0;
    return Uint8Array.from(counts, (count, proposal) => {
      const names: string[] = [];
      for (let i = 0; i < count; i++, at += KEY_BYTES) names.push(hex(keys.subarray(at, at + KEY_BYTES)));
      if (names.some((name) => this.#expiries.has(name))) return 0;
      for (const name of names) this.#expiries.set(name, expiriesMs[proposal]!);
      return 1;
    });
  }

  has(key: Uint8Array): boolean {
    return this.#expiries.has(hex(key));
  }

  release(keys: Uint8Array): number {
    const before = this.#expiries.size;
    for (let at = 0; at < keys.length; at += KEY_BYTES) this.#expiries.delete(hex(keys.subarray(at, at + KEY_BYTES)));
    return before - this.#expiries.size;
  }

  expire(nowMs: number): number {
    const before = this.#expiries.size;
    for (const [name, expiry] of this.#expiries) if (expiry < nowMs) this.#expiries.delete(name);
    return before - this.#expiries.size;
  }

  get size(): number {
    return this.#expiries.size;
  }
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
