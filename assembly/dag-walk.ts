// Walks the causal history of one block round by round, downwards: what is reached in a round is one author set, so a
// whole round of parents costs one union per child. Nothing recurses.
import { setClear, setHas, setAdd, setsMeet, setMeet, setUnite } from './author-set';
import {
  AUTHOR, BLOCK, COMMITTED, EQUIVOCATORS, MARK, NEXT, REACHED, ROUND, STATE, STRONG, WALK, WEAK,
  digestOf, firstOf, forgetWalks, keepFrom, parentOf, parentRoundOf, roundAt,
} from './dag-blocks';

const SCRATCH = memory.data(16, 16);

/** Number of the current walk; WALK and MARK fields that hold it are its. 0 is none. */
let walk: u32 = 0;
let top: u32 = 0;
/** The next round to look at, and the lowest one with anything reached. */
let cursor: u32 = 0;
let bottom: u32 = 0;
/** Rounds below this one are not entered. */
let limit: u32 = 0;
/** Committed blocks are not walked through: their history is committed too. */
let stopsAtCommitted: bool = false;

/** Starts anew from `block`, for rounds ≥ from. */
export function walkStart(block: i32, from: u32, stops: bool): void {
  walk++;
  if (walk == 0) {
    forgetWalks();
    walk = 1;
  }
  limit = max(from, keepFrom);
  stopsAtCommitted = stops;
  top = load<u32>(BLOCK(block), ROUND);
  cursor = top;
  bottom = top;
  if (top >= limit) reach(top, <u32>load<u16>(BLOCK(block), AUTHOR), block);
}

/** Walks until all that is reached in `round` is known: the parents of every reached block above it were entered. */
export function walkDownTo(round: u32): void {
  for (; cursor > round; cursor--) enterParentsOfRound();
}

/** Walks to the end; what was reached, without committed blocks, goes to `out` sorted by (round, author, digest). */
export function walkSorted(out: usize): u32 {
  while (true) {
    enterParentsOfRound();
    if (cursor == bottom) break;
    cursor--;
  }
  let to = out;
  for (let round = bottom; round <= top; round++) {
    const place = roundAt(round);
    if (place == 0 || load<u32>(place, WALK) != walk) continue;
    to = listReached(place, load<u64>(place, REACHED), 0, to);
    to = listReached(place, load<u64>(place, REACHED + 8), 64, to);
  }
  return <u32>((to - out) >> 2);
}

/** Enters the parents of all that is reached in the round at the cursor. */
@inline
function enterParentsOfRound(): void {
  const place = roundAt(cursor);
  if (place == 0 || load<u32>(place, WALK) != walk) return;
  enterParentsOf(place, load<u64>(place, REACHED), 0);
  enterParentsOf(place, load<u64>(place, REACHED + 8), 64);
}

/** True when `block`, of a round already known, was reached. */
export function walkHas(block: i32): bool {
  const at = BLOCK(block);
  const place = roundAt(load<u32>(at, ROUND));
  if (load<u32>(place, WALK) != walk) return false;
  const author = <u32>load<u16>(at, AUTHOR);
  if (!setHas(place + REACHED, author)) return false;
  return !setHas(place + EQUIVOCATORS, author) || load<u32>(at, MARK) == walk;
}

/** Prepares the round at `place` for this walk. */
@inline
function open(place: usize): void {
  if (load<u32>(place, WALK) == walk) return;
  store<u32>(place, walk, WALK);
  setClear(place + REACHED);
}

function reach(round: u32, author: u32, block: i32): void {
  const place = roundAt(round);
  open(place);
  setAdd(place + REACHED, author);
  if (setHas(place + EQUIVOCATORS, author)) store<u32>(BLOCK(block), walk, MARK);
  bottom = min(bottom, round);
}

@inline
function isWanted(block: i32): bool {
  return !(stopsAtCommitted && (load<u8>(BLOCK(block), STATE) & COMMITTED) != 0);
}

/** Enters the parents of what is reached at `place` among the 64 authors from `base` on. */
function enterParentsOf(place: usize, reached: u64, base: u32): void {
  for (let bits = reached; bits != 0; bits &= bits - 1) {
    const author = base + <u32>ctz(bits);
    let block = firstOf(place, author);
    if (!setHas(place + EQUIVOCATORS, author)) {
      if (isWanted(block)) enterParents(block);
      continue;
    }
    for (; block >= 0; block = load<i32>(BLOCK(block), NEXT)) {
      if (load<u32>(BLOCK(block), MARK) == walk && isWanted(block)) enterParents(block);
    }
  }
}

@inline
function enterParents(block: i32): void {
  const at = BLOCK(block);
  const round = load<u32>(at, ROUND);
  // A block of round 0 has no parents; its `round - 1` would wrap.
  if (round > limit && (load<u64>(at, STRONG) | load<u64>(at, STRONG + 8)) != 0) {
    const place = roundAt(round - 1);
    open(place);
    setUnite(place + REACHED, at + STRONG);
    bottom = min(bottom, round - 1);
    if (setsMeet(at + STRONG, place + EQUIVOCATORS)) markStrong(block, place);
  }
  const low = load<u64>(at, WEAK);
  const high = load<u64>(at, WEAK + 8);
  if ((low | high) != 0) {
    enterWeak(block, low, 0);
    enterWeak(block, high, 64);
  }
}

/** Marks the very parents of `block` that equivocators made. */
function markStrong(block: i32, place: usize): void {
  setMeet(SCRATCH, BLOCK(block) + STRONG, place + EQUIVOCATORS);
  for (let half: u32 = 0; half < 2; half++) {
    for (let bits = load<u64>(SCRATCH + (<usize>half << 3)); bits != 0; bits &= bits - 1) {
      store<u32>(BLOCK(parentOf(block, (half << 6) + <u32>ctz(bits))), walk, MARK);
    }
  }
}

function enterWeak(block: i32, set: u64, base: u32): void {
  for (let bits = set; bits != 0; bits &= bits - 1) {
    const author = base + <u32>ctz(bits);
    const round = parentRoundOf(block, author);
    if (round >= limit) reach(round, author, parentOf(block, author));
  }
}

/** Writes what is reached at `place` and wanted, sorted by (author, digest); returns where it ends. */
function listReached(place: usize, reached: u64, base: u32, out: usize): usize {
  let to = out;
  for (let bits = reached; bits != 0; bits &= bits - 1) {
    const author = base + <u32>ctz(bits);
    let block = firstOf(place, author);
    if (!setHas(place + EQUIVOCATORS, author)) {
      if (isWanted(block)) {
        store<i32>(to, block);
        to += 4;
      }
      continue;
    }
    const slot = to;
    for (; block >= 0; block = load<i32>(BLOCK(block), NEXT)) {
      if (load<u32>(BLOCK(block), MARK) != walk || !isWanted(block)) continue;
      let at = to;
      for (; at > slot && isBefore(block, load<i32>(at - 4)); at -= 4) store<i32>(at, load<i32>(at - 4));
      store<i32>(at, block);
      to += 4;
    }
  }
  return to;
}

/** Order by digest. */
function isBefore(a: i32, b: i32): bool {
  const left = digestOf(a);
  const right = digestOf(b);
  for (let i: usize = 0; i < 32; i += 8) {
    const x = bswap(load<u64>(left + i));
    const y = bswap(load<u64>(right + i));
    if (x != y) return x < y;
  }
  return false;
}
