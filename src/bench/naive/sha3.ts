/** SHA3-256 and SHAKE256 as one writes them first: 64-bit lanes as BigInts, the steps of FIPS 202 §3.2 one after the other. */

const MASK = (1n << 64n) - 1n;
const RATE_BYTES = 136;

function rotate(lane: bigint, bits: number): bigint {
  return ((lane << BigInt(bits)) | (lane >> BigInt(64 - bits))) & MASK;
}

/** Bit t of the LFSR of FIPS 202 §3.2.5. */
function* lfsr(): Generator<number, never> {
  for (let state = 1; ; state = (state << 1) ^ (state & 0x80 ? 0x171 : 0)) yield state & 1;
}

function keccakF(start: readonly bigint[]): bigint[] {
  let lanes = [...start];
  const bits = lfsr();
  for (let round = 0; round < 24; round++) {
    const columns = [0, 1, 2, 3, 4].map((x) => [0, 5, 10, 15, 20].reduce((sum, y) => sum ^ lanes[x + y]!, 0n));
    lanes = lanes.map((lane, i) => lane ^ columns[(i + 4) % 5]! ^ rotate(columns[(i + 1) % 5]!, 1));
    const moved = [...lanes];
    for (let t = 0, x = 1, y = 0; t < 24; t++) {
      const lane = rotate(lanes[x + 5 * y]!, (((t + 1) * (t + 2)) / 2) % 64);
      [x, y] = [y, (2 * x + 3 * y) % 5];
      moved[x + 5 * y] = lane;
    }
    lanes = moved.map((lane, i) => {
      const row = i - (i % 5);
      return lane ^ (~moved[row + ((i + 1) % 5)]! & MASK & moved[row + ((i + 2) % 5)]!);
    });
    for (let j = 0; j < 7; j++) if (bits.next().value) lanes[0]! ^= 1n << BigInt(2 ** j - 1);
  }
  return lanes;
}

export function naiveSha3(message: Uint8Array): Uint8Array {
  return sponge(message, 0x06, 32);
}

export function naiveShake256(message: Uint8Array, outputBytes: number): Uint8Array {
  return sponge(message, 0x1f, outputBytes);
}

function sponge(message: Uint8Array, suffix: number, outputBytes: number): Uint8Array {
  const padded = new Uint8Array((Math.floor(message.length / RATE_BYTES) + 1) * RATE_BYTES);
  padded.set(message);
  padded[message.length] = suffix;
  padded[padded.length - 1]! |= 0x80;
  let lanes = new Array<bigint>(25).fill(0n);
  const view = new DataView(padded.buffer);
  for (let at = 0; at < padded.length; at += RATE_BYTES) {
    lanes = keccakF(lanes.map((lane, i) => (i < RATE_BYTES / 8 ? lane ^ view.getBigUint64(at + 8 * i, true) : lane)));
  }
  const output: number[] = [];
  for (; output.length < outputBytes; lanes = keccakF(lanes)) {
    for (const lane of lanes.slice(0, RATE_BYTES / 8))
      for (let shift = 0n; shift < 64n; shift += 8n) output.push(Number((lane >> shift) & 255n));
  }
  return Uint8Array.from(output.slice(0, outputBytes));
}
