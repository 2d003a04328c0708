// Many ML-DSA-65 signatures in one call. The host lays them out one after the other as jobs.
import { HASH_BYTES, PUBLIC_KEY_BYTES, SIGNATURE_BYTES } from './mldsa-parameters';
import { mldsaStart, mldsaVerify } from './mldsa';
import { mldsaExpand, mldsaHolds, mldsaKeyAddress } from './mldsa-key';
import { mldsaSignatureAddress } from './mldsa-signature';

// A job: the slot of its key, bytes of M′, the public key, the signature and three bytes of nothing, 64 bytes for tr, M′,
// and at least 136 bytes for the padding of H, up to a multiple of 8.
const KEY_AT: usize = 8;
const SIGNATURE_AT: usize = KEY_AT + PUBLIC_KEY_BYTES;
const HASHED_AT: usize = SIGNATURE_AT + SIGNATURE_BYTES + 3;
const PADDING: usize = 136;

/**
 * Checks `count` jobs at `jobs` in order and writes 1 or 0 for each to `out`. A slot that holds another key than its job
 * names is filled with that one first; so one slot may serve several keys of a batch in turn.
 */
export function mldsaVerifyEach(jobs: usize, count: u32, out: usize): void {
  for (let i: u32 = 0; i < count; i++) {
    const slot = <usize>load<u32>(jobs);
    const length = HASH_BYTES + <usize>load<u32>(jobs, 4);
    memory.copy(mldsaKeyAddress(), jobs + KEY_AT, PUBLIC_KEY_BYTES);
    memory.copy(mldsaSignatureAddress(), jobs + SIGNATURE_AT, SIGNATURE_BYTES);
    if (mldsaHolds(slot) == 0) mldsaExpand(slot);
    mldsaStart(slot, jobs + HASHED_AT);
    store<u8>(out + <usize>i, <u8>mldsaVerify(slot, jobs + HASHED_AT, length));
    jobs += (HASHED_AT + length + PADDING + 7) & ~7;
  }
}
