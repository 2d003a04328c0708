// Stakes of the committee, u64 each, and their sums over author sets.

/** Stakes of authors 0 … 127; the host fills them before stakeInit, absent authors are 0. */
export const STAKES = memory.data(128 * 8, 16);
/** Sum of stake by (byte of a set, value of that byte). */
const SUMS = memory.data(16 * 256 * 8, 16);

/** Bytes of a set that can be other than 0. */
let bytes: usize = 0;
/** True when all authors have the stake 1, so that a sum is a population count. */
let isCount: bool = false;
/** The quorum, which the host sets; and what it is after quorumInit. */
export const QUORUM = memory.data(8, 8);
let quorum: u64 = 0;
/** The smallest and the largest stake. */
let least: u64 = 0;
let most: u64 = 0;

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

/**
 * Takes over stakes and quorum where sums are compared with the quorum alone: k authors of one stake s hold Q exactly
 * when k ≥ ⌈Q / s⌉, so equal stakes become 1.
 */
export function quorumInit(authors: u32): void {
  const stake = stakeOfAuthor(0);
  quorum = load<u64>(QUORUM);
  least = most = stake;
  for (let author: u32 = 1; author < authors; author++) {
    least = min(least, stakeOfAuthor(author));
    most = max(most, stakeOfAuthor(author));
  }
  isCount = least == most && most > 0;
  if (isCount) {
    quorum = (quorum - 1) / stake + 1;
    least = most = 1;
    for (let author: u32 = 0; author < authors; author++) store<u64>(STAKES + (<usize>author << 3), 1);
  }
  stakeInit(authors);
}

/** True when the authors of a set, given as its two halves, hold a quorum. */
@inline
export function isQuorum(low: u64, high: u64): bool {
  return stakeOf(low, high) >= quorum;
}

/** What the authors of a set that holds a quorum have beyond it. */
@inline
export function stakeOverQuorum(low: u64, high: u64): u64 {
  return stakeOf(low, high) - quorum;
}

/** True when the stake of a set, of mostly few authors, is above `stake`. */
@inline
export function weighsMore(low: u64, high: u64, stake: u64): bool {
  const count = <u64>(popcnt(low) + popcnt(high));
  // At most 128 times a stake below 2^53.
  return count * most > stake && (count * least > stake || sumIsAbove(low, high, stake));
}

function sumIsAbove(low: u64, high: u64, stake: u64): bool {
  let left = stake;
  for (let half: u32 = 0; half < 2; half++) {
    for (let bits = half == 0 ? low : high; bits != 0; bits &= bits - 1) {
      const own = stakeOfAuthor((half << 6) + <u32>ctz(bits));
      if (own > left) return true;
      left -= own;
    }
  }
  return false;
}

/** Sums of safe integers: no overflow. */
@inline
function stakeOf(low: u64, high: u64): u64 {
  return isCount ? <u64>(popcnt(low) + popcnt(high)) : weighted(low, high);
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
