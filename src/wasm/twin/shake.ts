/** SHAKE128 and SHAKE256 (FIPS 202 §6.2) in plain JavaScript: as many bytes as asked for, or a stream of them. */
import { checkOutputBytes } from '../checks.ts';
import { keccakF } from './keccak.ts';
import { absorb, RATE, SUFFIX, squeeze } from './sponge.ts';

/** SHAKE of the concatenation of the parts. Throws `KERNEL_ARGUMENT` for a number of bytes that cannot be had. */
export function shake(strength: keyof typeof RATE, outputBytes: number, parts: readonly Uint8Array[]): Uint8Array {
  checkOutputBytes(outputBytes);
  const state = new Uint32Array(50);
  absorb(state, RATE[strength], SUFFIX.SHAKE, parts);
  const output = new Uint8Array(outputBytes);
  squeeze(state, RATE[strength], output);
  return output;
}

/** The output of SHAKE over the concatenation of the parts, read from its beginning. */
export class Shake {
  readonly #state = new Uint32Array(50);
  readonly #rate: number;
  #at = 0;

  constructor(strength: keyof typeof RATE, ...parts: readonly Uint8Array[]) {
    this.#rate = RATE[strength];
    absorb(this.#state, this.#rate, SUFFIX.SHAKE, parts);
  }

  /** The next `count` bytes. */
  read(count: number): Uint8Array {
    return Uint8Array.from({ length: count }, () => this.next());
  }

  /** The next byte. */
  next(): number {
    if (this.#at === this.#rate) {
      keccakF(this.#state);
      this.#at = 0;
    }
    const byte = (this.#state[this.#at >> 2]! >>> (8 * (this.#at & 3))) & 255;
    this.#at++;
    return byte;
  }
}
