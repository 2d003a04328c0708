// SHA3-256 (FIPS 202 §6.1) over bytes that the host staged, one by one and in batches.
import { keccakF } from './keccak';
import { keccakF2 } from './keccak-pair';

/** Rate of SHA3-256: 1600 − 2 · 256 bits. */
export const RATE: usize = 136;
const DIGEST: usize = 32;

/** One state; and two interleaved ones, as keccakF2 wants them. */
const ONE = memory.data(200, 16);
const PAIR = memory.data(400, 16);

/** Suffix 01 of SHA3 (FIPS 202 §6.1) and the first bit of the padding. */
const SHA3_SUFFIX: u8 = 0x06;

/** Xors one block of 17 lanes at `block` into the state at `state`. */
@inline
export function xorBlock(state: usize, block: usize): void {
  for (let i: usize = 0; i < RATE; i += 8) store<u64>(state + i, load<u64>(state + i) ^ load<u64>(block + i));
}

/**
 * Pads a message in place: `suffix` (domain bits and the first pad bit), zeros, the last pad bit (FIPS 202 §5.1, B.2).
 * The bytes from `end` to `limit` (a block boundary, > end) must be free to write.
 */
@inline
export function pad(end: usize, limit: usize, suffix: u8): void {
  // Bytes up to the last whole lanes, then lanes: what follows the limit may be another message.
  const lanes = limit - ((limit - end) & ~7);
  for (let at = end; at < lanes; at++) store<u8>(at, 0);
  for (let at = lanes; at < limit; at += 8) store<u64>(at, 0);
  store<u8>(end, suffix);
  store<u8>(limit - 1, load<u8>(limit - 1) | 0x80);
}

/** Starts a streamed hash. */
export function sha3Init(): void {
  for (let i: usize = 0; i < 200; i += 8) store<u64>(ONE + i, 0);
}

/** Takes `blocks` whole blocks of 136 bytes at `data` into the streamed hash. */
export function sha3Absorb(data: usize, blocks: usize): void {
  for (; blocks > 0; blocks--) {
    xorBlock(ONE, data);
    keccakF(ONE);
    data += RATE;
  }
}

/** Takes the last `length` bytes at `data` (followed by at least 136 bytes free to write); the digest goes to `out`. */
export function sha3Final(data: usize, length: usize, out: usize): void {
  const blocks = length / RATE + 1;
  pad(data + length, data + blocks * RATE, SHA3_SUFFIX);
  sha3Absorb(data, blocks);
  for (let i: usize = 0; i < DIGEST; i += 8) store<u64>(out + i, load<u64>(ONE + i));
}

/** SHA3-256 of the `length` bytes at `data` (followed by at least 136 bytes free to write) to `out`. */
export function sha3(data: usize, length: usize, out: usize): void {
  sha3Init();
  sha3Final(data, length, out);
}

/**
 * SHA3-256 of `count` messages to `out`, 32 bytes each. `lengths`: u32 of each message without prefix. Message i lies at
 * the start of its own ⌊length / 136⌋ + 1 blocks from `data` on, and its first `prefixLength` bytes, which count, are
 * filled here from `prefix`.
 */
export function sha3Each(prefix: usize, prefixLength: usize, lengths: usize, count: u32, data: usize, out: usize): void {
  let at = data;
  for (let i: u32 = 0; i < count; i++) {
    const length = prefixLength + <usize>load<u32>(lengths + (<usize>i << 2));
    const blocks = length / RATE + 1;
    for (let j: usize = 0; j < prefixLength; j++) store<u8>(at + j, load<u8>(prefix + j));
    pad(at + length, at + blocks * RATE, SHA3_SUFFIX);
    at += blocks * RATE;
  }
  if (ASC_FEATURE_SIMD) {
    eachInPairs(prefixLength, lengths, count, data, out);
  } else {
    eachInTurn(prefixLength, lengths, 0, count, data, out);
  }
}

/** Hashes the padded messages from number `first` on, one after the other. */
function eachInTurn(prefixLength: usize, lengths: usize, first: u32, count: u32, data: usize, out: usize): void {
  for (let i = first; i < count; i++) {
    const blocks = (prefixLength + <usize>load<u32>(lengths + (<usize>i << 2))) / RATE + 1;
    sha3Init();
    sha3Absorb(data, blocks);
    for (let j: usize = 0; j < DIGEST; j += 8) store<u64>(out + (<usize>i << 5) + j, load<u64>(ONE + j));
    data += blocks * RATE;
  }
}

/**
 * Hashes the padded messages two at a time. Each half of the interleaved state works through messages of its own and
 * takes the next one when it is done, so messages of different lengths keep both halves busy.
 */
function eachInPairs(prefixLength: usize, lengths: usize, count: u32, data: usize, out: usize): void {
  let next: u32 = 0;
  let nextAt = data;
  let left0: usize = 0;
  let left1: usize = 0;
  let at0: usize = 0;
  let at1: usize = 0;
  let out0: usize = 0;
  let out1: usize = 0;
  while (true) {
    if (left0 == 0 && next < count) {
      left0 = (prefixLength + <usize>load<u32>(lengths + (<usize>next << 2))) / RATE + 1;
      at0 = nextAt;
      nextAt += left0 * RATE;
      out0 = out + (<usize>next << 5);
      next++;
      for (let i: usize = 0; i < 400; i += 16) store<u64>(PAIR + i, 0);
    }
    if (left1 == 0 && next < count) {
      left1 = (prefixLength + <usize>load<u32>(lengths + (<usize>next << 2))) / RATE + 1;
      at1 = nextAt;
      nextAt += left1 * RATE;
      out1 = out + (<usize>next << 5);
      next++;
      for (let i: usize = 0; i < 400; i += 16) store<u64>(PAIR + i, 0, 8);
    }
    if (left0 == 0 || left1 == 0) break;
    for (let i: usize = 0; i < RATE; i += 8) {
      const at = PAIR + (i << 1);
      const block = v128.load64_lane(at1 + i, v128.load64_zero(at0 + i), 1);
      v128.store(at, v128.xor(v128.load(at), block));
    }
    keccakF2(PAIR);
    at0 += RATE;
    at1 += RATE;
    if (--left0 == 0) squeeze(PAIR, out0);
    if (--left1 == 0) squeeze(PAIR + 8, out1);
  }
  // One half may be in the middle of a last message: it goes on alone.
  if (left0 != 0) finishAlone(PAIR, at0, left0, out0);
  if (left1 != 0) finishAlone(PAIR + 8, at1, left1, out1);
}

/** Writes the digest of one half of the interleaved state. */
@inline
function squeeze(half: usize, out: usize): void {
  for (let i: usize = 0; i < DIGEST; i += 8) store<u64>(out + i, load<u64>(half + (i << 1)));
}

function finishAlone(half: usize, at: usize, blocks: usize, out: usize): void {
  for (let i: usize = 0; i < 200; i += 8) store<u64>(ONE + i, load<u64>(half + (i << 1)));
  sha3Absorb(at, blocks);
  for (let i: usize = 0; i < DIGEST; i += 8) store<u64>(out + i, load<u64>(ONE + i));
}
