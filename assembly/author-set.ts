// Sets of up to 128 authors: 16 bytes, author a is bit a, aligned to 16.

export const SET_BYTES: usize = 16;

@inline
export function setClear(set: usize): void {
  store<u64>(set, 0);
  store<u64>(set, 0, 8);
}

@inline
export function setHas(set: usize, author: u32): bool {
  return ((load<u8>(set + (author >> 3)) >> <u8>(author & 7)) & 1) != 0;
}

@inline
export function setAdd(set: usize, author: u32): void {
  const at = set + ((author >> 6) << 3);
  store<u64>(at, load<u64>(at) | (<u64>1 << <u64>(author & 63)));
}

@inline
export function setRemove(set: usize, author: u32): void {
  const at = set + ((author >> 6) << 3);
  store<u64>(at, load<u64>(at) & ~(<u64>1 << <u64>(author & 63)));
}

/** Authors 0 … 63 of a set, and 64 … 127. */
@inline
export function setLow(set: usize): u64 {
  return load<u64>(set);
}

@inline
export function setHigh(set: usize): u64 {
  return load<u64>(set, 8);
}

@inline
export function setStore(set: usize, low: u64, high: u64): void {
  store<u64>(set, low);
  store<u64>(set, high, 8);
}
