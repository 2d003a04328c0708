/**
 * Keccak-f[1600] (FIPS 202 §3) in plain JavaScript. There is no 64-bit integer that is fast, so a lane is two 32-bit
 * words: lane i is `state[2i]` (low) and `state[2i + 1]` (high).
 */

const ROUNDS = 24;

/** Round constants ι (FIPS 202 §3.2.5), low and high words interleaved, from the LFSR x⁸ + x⁶ + x⁵ + x⁴ + 1. */
const IOTA = iotaConstants();
/** Where ρ and π (§3.2.2, §3.2.3) send the lanes, as one cycle that starts from lane 1. */
const { PI_LANE, RHO_BITS } = rhoPiCycle();

/** Scratch for the column parities; the permutation is synchronous and never re-entered. */
const parity = new Uint32Array(10);

function iotaConstants(): Uint32Array {
  const constants = new Uint32Array(2 * ROUNDS);
  let lfsr = 1;
  for (let round = 0; round < ROUNDS; round++) {
    for (let j = 0; j < 7; j++) {
      if (lfsr & 1) {
        const bit = 2 ** j - 1;
        const word = 2 * round + (bit >> 5);
        constants[word] = constants[word]! ^ (1 << (bit & 31));
      }
      lfsr = (lfsr << 1) ^ (lfsr & 0x80 ? 0x171 : 0);
    }
  }
  return constants;
}

function rhoPiCycle(): { PI_LANE: Uint8Array; RHO_BITS: Uint8Array } {
  const PI_LANE = new Uint8Array(24);
  const RHO_BITS = new Uint8Array(24);
  let x = 1;
  let y = 0;
  for (let t = 0; t < 24; t++) {
    RHO_BITS[t] = ((t + 1) * (t + 2)) / 2;
    [x, y] = [y, (2 * x + 3 * y) % 5];
    PI_LANE[t] = x + 5 * y;
    RHO_BITS[t] = RHO_BITS[t]! & 63;
  }
  return { PI_LANE, RHO_BITS };
}

/** Permutes `state`: 50 words, see the top of this file. */
export function keccakF(state: Uint32Array): void {
  for (let round = 0; round < ROUNDS; round++) {
    theta(state);
    rhoPi(state);
    chi(state);
    state[0]! ^= IOTA[2 * round]!;
    state[1]! ^= IOTA[2 * round + 1]!;
  }
}

function theta(state: Uint32Array): void {
  for (let x = 0; x < 10; x++) {
    parity[x] = state[x]! ^ state[x + 10]! ^ state[x + 20]! ^ state[x + 30]! ^ state[x + 40]!;
  }
  for (let x = 0; x < 10; x += 2) {
    const before = (x + 8) % 10;
    const after = (x + 2) % 10;
    const low = parity[after]!;
    const high = parity[after + 1]!;
    const flipLow = parity[before]! ^ ((low << 1) | (high >>> 31));
    const flipHigh = parity[before + 1]! ^ ((high << 1) | (low >>> 31));
    for (let y = 0; y < 50; y += 10) {
      state[x + y]! ^= flipLow;
      state[x + y + 1]! ^= flipHigh;
    }
  }
}

function rhoPi(state: Uint32Array): void {
  let low = state[2]!;
  let high = state[3]!;
  for (let t = 0; t < 24; t++) {
    const lane = 2 * PI_LANE[t]!;
    const bits = RHO_BITS[t]!;
    const nextLow = state[lane]!;
    const nextHigh = state[lane + 1]!;
    // A shift by 32 is a shift by 0 in JavaScript; no ρ offset is 0 or 32, so `32 - s` and `64 - s` stay in 1 … 31.
    if (bits < 32) {
      state[lane] = (low << bits) | (high >>> (32 - bits));
      state[lane + 1] = (high << bits) | (low >>> (32 - bits));
    } else {
      state[lane] = (high << (bits - 32)) | (low >>> (64 - bits));
      state[lane + 1] = (low << (bits - 32)) | (high >>> (64 - bits));
    }
    low = nextLow;
    high = nextHigh;
  }
}

function chi(state: Uint32Array): void {
  for (let y = 0; y < 50; y += 10) {
    const a0 = state[y]!;
    const a1 = state[y + 1]!;
    const a2 = state[y + 2]!;
    const a3 = state[y + 3]!;
    for (let x = 0; x < 6; x++) state[y + x]! ^= ~state[y + x + 2]! & state[y + x + 4]!;
    state[y + 6]! ^= ~state[y + 8]! & a0;
    state[y + 7]! ^= ~state[y + 9]! & a1;
    state[y + 8]! ^= ~a0 & a2;
    state[y + 9]! ^= ~a1 & a3;
  }
}
