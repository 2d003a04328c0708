// SHAKE256 (FIPS 202 §6.2), the H of FIPS 204 §3.7, over bytes that lie in whole blocks with room for their padding.
import { keccakF } from './keccak';
import { pad, RATE, xorBlock } from './sha3';

/** Suffix 1111 of an extendable output (FIPS 202 §6.2) and the first bit of the padding. */
export const SHAKE_SUFFIX: u8 = 0x1f;

/** Starts a hash in the 200 bytes at `state`. */
@inline
export function shakeInit(state: usize): void {
  for (let i: usize = 0; i < 200; i += 8) store<u64>(state + i, 0);
}

/** Takes `blocks` whole blocks of 136 bytes at `data`. */
export function shakeAbsorb(state: usize, data: usize, blocks: usize): void {
  for (; blocks > 0; blocks--) {
    xorBlock(state, data);
    keccakF(state);
    data += RATE;
  }
}

/**
 * Takes the last `length` bytes at `data`, followed by at least 136 bytes free to write. The first 136 bytes of the
 * output are then at `state`; permute it for more.
 */
export function shakeFinal(state: usize, data: usize, length: usize): void {
  const blocks = length / RATE + 1;
  pad(data + length, data + blocks * RATE, SHAKE_SUFFIX);
  shakeAbsorb(state, data, blocks);
}
