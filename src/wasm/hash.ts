/** SHA3-256, SHAKE128 and SHAKE256 through the core. What is too big for the staging area is streamed. */
import { checkOutputBytes } from './checks.ts';
import { DIGEST_BYTES, lengthOf, RATE_BYTES, STAGING_BYTES_MAX, type Staging } from './staging.ts';

/** Rates in bytes: 1600 − 2 · 128 and 1600 − 2 · 256 bits (FIPS 202 §6.2). */
const SHAKE_RATES = { 128: 168, 256: 136 } as const;
/** Output bytes read at once, a multiple of both rates. */
const OUTPUT_BYTES_MAX = SHAKE_RATES[128] * SHAKE_RATES[256] * 16;

/** Digests that share an array buffer. */
const DIGESTS_PER_COPY = 32;

export class CoreHash {
  readonly #staging: Staging;

  constructor(staging: Staging) {
    this.#staging = staging;
  }

  /** SHA3-256 of the concatenation of the parts. */
  sha3_256(parts: readonly Uint8Array[]): Uint8Array {
    const { core, at, out } = this.#staging;
    const length = lengthOf(parts);
    if (length > STAGING_BYTES_MAX) return this.#streamed(parts);
    this.#staging.put(parts, length, RATE_BYTES);
    core.exports.sha3(at, length, out);
    return this.#staging.digest(out);
  }

  #streamed(parts: readonly Uint8Array[]): Uint8Array {
    const { core, at, out } = this.#staging;
    core.exports.sha3Init();
    const held = this.#staging.stream(parts, RATE_BYTES, (blocks) => core.exports.sha3Absorb(at, blocks));
    core.exports.sha3Final(at, held, out);
    return this.#staging.digest(out);
  }

  /** SHA3-256 of `prefix ‖ item` for every item. */
  sha3_256Each(prefix: Uint8Array, items: readonly Uint8Array[]): Uint8Array[] {
    const staging = this.#staging;
    const digests = new Array<Uint8Array>(items.length);
    for (let first = 0; first < items.length; ) {
      const portion = staging.portion(prefix.length, items, first);
      if (portion.count === 0) {
        digests[first] = this.#streamed([prefix, items[first]!]);
        first++;
        continue;
      }
      const { lengths, data, out } = staging.stage(prefix, items, first, portion.count, portion.bytes);
      staging.core.exports.sha3Each(staging.at, prefix.length, lengths, portion.count, data, out);
      this.#takeDigests(out, portion.count, digests, first);
      first += portion.count;
    }
    return digests;
  }

  /**
   * Copies digests out of the core, several in one array buffer: one for each would be most of the cost of hashing a short
   * item, and one for all would stay as long as any of them is held.
   */
  #takeDigests(out: number, count: number, digests: Uint8Array[], first: number): void {
    for (let from = 0; from < count; from += DIGESTS_PER_COPY) {
      const some = Math.min(DIGESTS_PER_COPY, count - from);
      const start = out + DIGEST_BYTES * from;
      const copy = this.#staging.core.u8.slice(start, start + DIGEST_BYTES * some);
      for (let i = 0; i < some; i++)
        digests[first + from + i] = copy.subarray(DIGEST_BYTES * i, DIGEST_BYTES * (i + 1));
    }
  }

  /** SHAKE of the concatenation of the parts. Throws `KERNEL_ARGUMENT` for a number of bytes that cannot be had. */
  shake(strength: keyof typeof SHAKE_RATES, outputBytes: number, parts: readonly Uint8Array[]): Uint8Array {
    checkOutputBytes(outputBytes);
    const { core, at } = this.#staging;
    const rate = SHAKE_RATES[strength];
    const length = lengthOf(parts);
    if (length > STAGING_BYTES_MAX || outputBytes > OUTPUT_BYTES_MAX)
      return this.#streamedShake(rate, outputBytes, parts);
    const out = (at + length + rate + 7) & ~7;
    this.#staging.put(parts, length, 2 * rate + 8 + outputBytes);
    core.exports.xof(rate, at, length, out, outputBytes);
    return core.u8.slice(out, out + outputBytes);
  }

  #streamedShake(rate: number, outputBytes: number, parts: readonly Uint8Array[]): Uint8Array {
    const { core, at } = this.#staging;
    core.exports.xofInit();
    const held = this.#staging.stream(parts, rate, (blocks) => core.exports.xofAbsorb(rate, at, blocks));
    core.exports.xofFinal(rate, at, held);
    core.reserve(at + OUTPUT_BYTES_MAX + rate);
    const output = new Uint8Array(outputBytes);
    for (let done = 0; done < outputBytes; done += OUTPUT_BYTES_MAX) {
      const count = Math.min(outputBytes - done, OUTPUT_BYTES_MAX);
      core.exports.xofRead(rate, at, count);
      output.set(core.u8.subarray(at, at + count), done);
    }
    return output;
  }
}
