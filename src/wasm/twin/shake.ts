/** SHAKE128 and SHAKE256 (FIPS 202 §6.2) in plain JavaScript, as a stream of output bytes. */
import { keccakF } from './keccak.ts';

/** Rates: 1600 − 2 · 128 and 1600 − 2 · 256 bits (FIPS 202 §6.2). */
const RATES = { 128: 168, 256: 136 } as const;

/** The output of SHAKE over the concatenation of the parts, read from its beginning. */
export class Shake {
  readonly #state = new Uint32Array(50);
  readonly #rate: number;
  #at = 0;

  constructor(strength: keyof typeof RATES, ...parts: readonly Uint8Array[]) {
    this.#rate = RATES[strength];
    for (const part of parts) for (const byte of part) this.#take(byte);
    // Suffix 1111 and the first pad bit, then the last bit of pad10*1 (FIPS 202 §6.2, §5.1).
    this.#xor(this.#at, 0x1f);
    this.#xor(this.#rate - 1, 0x80);
    this.#at = this.#rate;
  }

  /** The next `count` bytes. */
  read(count: number): Uint8Array {
    return Uint8Array.from({ length: count }, () => this.next());
  }

  /** The next byte. */
  next(): number {
    if (this.#at === this.#rate) this.#permute();
    const byte = (this.#state[this.#at >> 2]! >>> (8 * (this.#at & 3))) & 255;
    this.#at++;
    return byte;
  }

  #take(byte: number): void {
    this.#xor(this.#at++, byte);
    if (this.#at === this.#rate) this.#permute();
  }

  #xor(at: number, byte: number): void {
    this.#state[at >> 2]! ^= byte << (8 * (at & 3));
  }

  #permute(): void {
    keccakF(this.#state);
    this.#at = 0;
  }
}
