// Stakes of the committee, u64 each, and their sums over author sets.

/** Stakes of authors 0 … 127; the host fills them before stakeInit, absent authors are 0. */
export const STAKES = memory.data(128 * 8, 16);
/** Sum of stake by (byte of a set, value of that byte). */
const SUMS = memory.data(16 * 256 * 8, 16);

/** Bytes of a set that can be other than 0. */
let bytes: usize = 0;
/** The one stake that all authors have, or 0 if they differ: then a sum is a population count. */
let uniform: u64 = 0;

export function stakesAddress(): usize {
  return STAKES;
}

@inline
export function stakeOfAuthor(author: u32): u64 {
  return load<u64>(STAKES + (<usize>author << 3));
}

/** Takes over the stakes of `authors` authors. */
export function stakeInit(authors: u32): void {
  assert(authors >= 1 && authors <= 128);
  bytes = (<usize>authors + 7) >> 3;
  uniform = stakeOfAuthor(0);
  for (let author: u32 = 1; author < authors; author++) if (stakeOfAuthor(author) != uniform) uniform = 0;
  for (let byte: usize = 0; byte < bytes; byte++) {
    const sums = SUMS + (byte << 11);
    store<u64>(sums, 0);
    for (let bits: u32 = 1; bits < 256; bits++) {
      const top = 31 - clz(bits);
      const rest = load<u64>(sums + (<usize>(bits ^ (1 << top)) << 3));
      store<u64>(sums + (<usize>bits << 3), rest + stakeOfAuthor((<u32>byte << 3) + top));
    }
  }
}

/** Stake of the authors in a set, given as its two halves. Sums of safe integers: no overflow. */
@inline
export function stakeOf(low: u64, high: u64): u64 {
  return uniform != 0 ? uniform * (popcnt(low) + popcnt(high)) : weighted(low, high);
}

function weighted(low: u64, high: u64): u64 {
  let sum: u64 = 0;
  let sums = SUMS;
  for (; low != 0; low >>= 8) {
    sum += load<u64>(sums + <usize>((low & 255) << 3));
    sums += 2048;
  }
  sums = SUMS + 8 * 2048;
  for (; high != 0; high >>= 8) {
    sum += load<u64>(sums + <usize>((high & 255) << 3));
    sums += 2048;
  }
  return sum;
}
