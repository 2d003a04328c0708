/** SHA3-256 (FIPS 202 §6.1) in plain JavaScript. */
import { absorb, RATE, SUFFIX, squeeze } from './sponge.ts';

const DIGEST_BYTES = 32;

const state = new Uint32Array(50);

/** SHA3-256 of the concatenation of the parts. */
export function sha3_256(...parts: readonly Uint8Array[]): Uint8Array {
  state.fill(0);
  absorb(state, RATE[256], SUFFIX.SHA3, parts);
  const digest = new Uint8Array(DIGEST_BYTES);
  squeeze(state, RATE[256], digest);
  return digest;
}
