// The hash of 32-byte keys in a table that strangers fill: MULTILINEAR-HM (Lemire, Kaser, "Strongly universal string
// hashing is fast", 2014) of eight 32-bit words. Whatever two keys differ in, their hashes are independent and uniform over
// the secrets, which nobody outside knows; docs/decisions/conflict-keys-hash.md says why that is enough.
import { sipHash } from './siphash';

/** Nine u64. */
const SECRETS = memory.data(9 * 8, 16);

/** Takes over the seed. */
export function keyHashInit(): void {
  for (let i: usize = 0; i < 9; i++) store<u64>(SECRETS + (i << 3), sipHash(i));
}

/** (word + secret) · (next word + next secret), mod 2^64, of words `i` and `i` + 1 of the key. */
@inline
function product(key: usize, i: usize): u64 {
  const word = key + (i << 2);
  const secret = SECRETS + (i << 3);
  return (<u64>load<u32>(word) + load<u64>(secret)) * (<u64>load<u32>(word, 4) + load<u64>(secret, 8));
}

/** The upper half of the sum: of up to 33 top bits the family is strongly universal. */
@inline
export function keyHash(key: usize): u32 {
  const sum = load<u64>(SECRETS, 64) + product(key, 0) + product(key, 2) + product(key, 4) + product(key, 6);
  return <u32>(sum >> 32);
}
