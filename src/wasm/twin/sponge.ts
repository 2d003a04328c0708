/**
 * The sponge of FIPS 202 §4 over bytes, in plain JavaScript: what SHA3 and SHAKE differ in is the rate and the suffix. A
 * state is 50 words, as `keccak.ts` has it.
 */
import { keccakF } from './keccak.ts';

/** Domain bits and the first bit of the padding: 01 for SHA3, 1111 for SHAKE (FIPS 202 §6.1, §6.2, appendix B.2). */
export const SUFFIX = { SHA3: 0x06, SHAKE: 0x1f } as const;
/** Rates in bytes: 1600 bits less twice the strength (FIPS 202 §6). */
export const RATE = { 128: 168, 256: 136 } as const;

const block = new Uint8Array(RATE[128]);

function xorBlock(state: Uint32Array, rate: number, bytes: Uint8Array, offset: number): void {
  for (let word = 0, at = offset; word < rate / 4; word++, at += 4) {
    state[word]! ^= bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
  }
}

/** Takes the concatenation of the parts and its padding into a fresh state; the first block of output is in it then. */
export function absorb(state: Uint32Array, rate: number, suffix: number, parts: readonly Uint8Array[]): void {
  let held = 0;
  for (const part of parts) {
    let at = 0;
    if (held > 0) {
      at = Math.min(rate - held, part.length);
      block.set(at === part.length ? part : part.subarray(0, at), held);
      held += at;
      if (held < rate) continue;
      xorBlock(state, rate, block, 0);
      keccakF(state);
    }
    for (; at + rate <= part.length; at += rate) {
      xorBlock(state, rate, part, at);
      keccakF(state);
    }
    held = part.length - at;
    block.set(at === 0 ? part : part.subarray(at), 0);
  }
  // The last bit of pad10*1 ends the block (FIPS 202 §5.1).
  block.fill(0, held, rate);
  block[held] = suffix;
  block[rate - 1]! |= 0x80;
  xorBlock(state, rate, block, 0);
  keccakF(state);
}

/** Fills `output`, permuting between blocks. */
export function squeeze(state: Uint32Array, rate: number, output: Uint8Array): void {
  for (let at = 0; at < output.length; ) {
    const count = Math.min(rate, output.length - at);
    for (let i = 0; i < count; i++) output[at + i] = state[i >> 2]! >>> (8 * (i & 3));
    at += count;
    if (at < output.length) keccakF(state);
  }
}
