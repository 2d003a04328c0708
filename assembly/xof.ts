// SHAKE128 and SHAKE256 (FIPS 202 §6.2) as the host asks for them: any number of bytes in, any number out. The rate says
// which of the two: 168 or 136 bytes.
import { keccakF } from './keccak';
import { pad } from './sha3';
import { SHAKE_SUFFIX, shakeInit } from './shake';

const STATE = memory.data(200, 16);
/** Whether the block that is in the state was given out. */
let isRead = false;

/** Starts a streamed hash. */
export function xofInit(): void {
  shakeInit(STATE);
}

/** Takes `blocks` whole blocks of `rate` bytes at `data`. */
export function xofAbsorb(rate: usize, data: usize, blocks: usize): void {
  for (; blocks > 0; blocks--) {
    for (let i: usize = 0; i < rate; i += 8) store<u64>(STATE + i, load<u64>(STATE + i) ^ load<u64>(data + i));
    keccakF(STATE);
    data += rate;
  }
}

/** Takes the last `length` bytes at `data`, followed by at least `rate` bytes free to write. Then output can be read. */
export function xofFinal(rate: usize, data: usize, length: usize): void {
  const blocks = length / rate + 1;
  pad(data + length, data + blocks * rate, SHAKE_SUFFIX);
  xofAbsorb(rate, data, blocks);
  isRead = false;
}

/**
 * The next `length` bytes of the output to `out`, followed by at least `rate` bytes free to write. All but the last call
 * take whole blocks: what is left of a block is lost.
 */
export function xofRead(rate: usize, out: usize, length: usize): void {
  for (let left = <isize>length; left > 0; left -= <isize>rate) {
    if (isRead) keccakF(STATE);
    isRead = true;
    for (let i: usize = 0; i < rate; i += 8) store<u64>(out + i, load<u64>(STATE + i));
    out += rate;
  }
}

/** All of it: SHAKE of the `length` bytes at `data` (room as above), `outLength` bytes to `out` (room as above). */
export function xof(rate: usize, data: usize, length: usize, out: usize, outLength: usize): void {
  xofInit();
  xofFinal(rate, data, length);
  xofRead(rate, out, outLength);
}
