/** Gradients as they travel, in plain TypeScript; assembly/gradient-code.ts describes the code. */
import { BLOCK, blocksOf } from '../learn-checks.ts';

const { fround } = Math;

const GREATEST = 127;
const MAX_EXPONENT = 33;
const MIN_EXPONENT = -64;
/** Added and taken away again, it rounds a small double to the nearest integer, to the even one of two as near. */
const ROUNDER = 1.5 * 2 ** 52;

/** 2^e for every exponent from MIN_EXPONENT to −MIN_EXPONENT. */
const POWERS = Float64Array.from({ length: 1 - 2 * MIN_EXPONENT }, (_, i) => powerOfTwo(i + MIN_EXPONENT));

/** By doubling and halving, which is exact; engines are free in what `**` gives. */
function powerOfTwo(e: number): number {
  let power = 1;
  for (let i = 0; i < Math.abs(e); i++) power *= e < 0 ? 0.5 : 2;
  return power;
}

/** The code, or undefined if a number is not finite or too great. */
export function encodeGradient(gradient: Float32Array): Uint8Array | undefined {
  const blocks = blocksOf(gradient.length);
  const code = new Uint8Array(blocks + gradient.length);
  const bits = new Uint32Array(gradient.buffer, gradient.byteOffset, gradient.length);
  for (let block = 0; block < blocks; block++) {
    const end = Math.min((block + 1) * BLOCK, gradient.length);
    let greatest = 0;
    for (let i = block * BLOCK; i < end; i++) greatest = Math.max(greatest, bits[i]! & 0x7fff_ffff);
    const e = Math.max(MIN_EXPONENT, (greatest >>> 23) - 127 - 6 + ((greatest & 0x7f_ffff) > 0x7e_0000 ? 1 : 0));
    if (e > MAX_EXPONENT) return undefined;
    code[block] = e;
    const factor = POWERS[-e - MIN_EXPONENT]!;
    for (let i = block * BLOCK; i < end; i++) code[blocks + i] = fround(gradient[i]! * factor) + ROUNDER - ROUNDER;
  }
  return code;
}

/** What was encoded, or undefined if no gradient has this code. */
export function decodeGradient(code: Uint8Array, parameters: number): Float32Array | undefined {
  const gradient = new Float32Array(parameters);
  const blocks = blocksOf(parameters);
  const bytes = new Int8Array(code.buffer, code.byteOffset, code.length);
  for (let block = 0; block < blocks; block++) {
    const e = bytes[block]!;
    if (e < MIN_EXPONENT || e > MAX_EXPONENT) return undefined;
    const factor = POWERS[e - MIN_EXPONENT]!;
    const end = Math.min((block + 1) * BLOCK, parameters);
    let greatest = 0;
    for (let i = block * BLOCK; i < end; i++) {
      greatest = Math.max(greatest, Math.abs(bytes[blocks + i]!));
      gradient[i] = bytes[blocks + i]! * factor;
    }
    if (greatest > GREATEST || (2 * greatest < GREATEST && e > MIN_EXPONENT)) return undefined;
  }
  return gradient;
}
