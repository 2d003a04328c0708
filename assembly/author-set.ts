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

/** to ∪= from */
@inline
export function setUnite(to: usize, from: usize): void {
  if (ASC_FEATURE_SIMD) {
    v128.store(to, v128.or(v128.load(to), v128.load(from)));
  } else {
    store<u64>(to, load<u64>(to) | load<u64>(from));
    store<u64>(to, load<u64>(to, 8) | load<u64>(from, 8), 8);
  }
}

/** to = a ∩ b; true when it has a member. */
@inline
export function setMeet(to: usize, a: usize, b: usize): bool {
  if (ASC_FEATURE_SIMD) {
    const both = v128.and(v128.load(a), v128.load(b));
    v128.store(to, both);
    return v128.any_true(both);
  } else {
    const low = load<u64>(a) & load<u64>(b);
    const high = load<u64>(a, 8) & load<u64>(b, 8);
    store<u64>(to, low);
    store<u64>(to, high, 8);
    return (low | high) != 0;
  }
}

/** to = a ∖ b */
@inline
export function setWithout(to: usize, a: usize, b: usize): void {
  if (ASC_FEATURE_SIMD) {
    v128.store(to, v128.andnot(v128.load(a), v128.load(b)));
  } else {
    store<u64>(to, load<u64>(a) & ~load<u64>(b));
    store<u64>(to, load<u64>(a, 8) & ~load<u64>(b, 8), 8);
  }
}

/** True when a ∩ b has a member. */
@inline
export function setsMeet(a: usize, b: usize): bool {
  if (ASC_FEATURE_SIMD) {
    return v128.any_true(v128.and(v128.load(a), v128.load(b)));
  } else {
    return ((load<u64>(a) & load<u64>(b)) | (load<u64>(a, 8) & load<u64>(b, 8))) != 0;
  }
}
