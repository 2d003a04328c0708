// Walks the causal history of one block round by round, downwards: what is reached in a round is one author set, so a
// whole round of parents costs one union per child. Nothing recurses.
import { setAdd, setClear, setHas, setHigh, setLow, setStore } from './author-set';
import {
  AUTHOR, BLOCK, COMMITTED, EQUIVOCATORS, MARK, NEXT, REACHED, ROUND, STATE, STRONG, WALK, WEAK,
  digestOf, firstOf, forgetWalks, keepFrom, parentOf, parentRoundOf, roundAt,
} from './dag-blocks';

/** Number of the current walk; WALK and MARK fields that hold it are its. 0 is none. */
let walk: u32 = 0;
let top: u32 = 0;
/** The next round to look at, and the lowest one with anything reached. */
let cursor: u32 = 0;
let bottom: u32 = 0;
/** Rounds below this one are not entered. */
let limit: u32 = 0;
/** Blocks with any of these in STATE are not walked through; committed ones when their history is committed too. */
let passedOver: u8 = 0;
/** Union of the parents of a round, while it is looked at. */
let strongLow: u64 = 0;
let strongHigh: u64 = 0;

/** Starts anew from `block`, for rounds ≥ from. */
export function walkStart(block: i32, from: u32, stopsAtCommitted: bool): void {
  walk++;
  if (walk == 0) {
    forgetWalks();
    walk = 1;
  }
  limit = max(from, keepFrom);
  passedOver = stopsAtCommitted ? COMMITTED : 0;
  top = load<u32>(BLOCK(block), ROUND);
  cursor = top;
  bottom = top;
  if (top >= limit) reach(top, <u32>load<u16>(BLOCK(block), AUTHOR), block);
}

/** Walks until all that is reached in `round` is known: the parents of every reached block above it were entered. */
export function walkDownTo(round: u32): void {
  for (; cursor > round; cursor--) enterParentsOfRound();
}

/**
 * Walks to the end; what was reached, without committed blocks, goes to `out` sorted by (round, author, digest) and is
 * committed now. Returns how many.
 */
export function walkCommit(out: usize): u32 {
  while (true) {
    enterParentsOfRound();
    if (cursor == bottom) break;
    cursor--;
  }
  let to = out;
  for (let round = bottom; round <= top; round++) {
    const place = roundAt(round);
    if (place == 0 || load<u32>(place, WALK) != walk) continue;
    to = commitReached(place, setLow(place + REACHED), 0, to);
    to = commitReached(place, setHigh(place + REACHED), 64, to);
  }
  return <u32>((to - out) >> 2);
}

/** Enters the parents of all that is reached in the round at the cursor. */
function enterParentsOfRound(): void {
  const place = roundAt(cursor);
  if (place == 0 || load<u32>(place, WALK) != walk) return;
  strongLow = strongHigh = 0;
  enterParentsOf(place, setLow(place + REACHED), setLow(place + EQUIVOCATORS), 0);
  enterParentsOf(place, setHigh(place + REACHED), setHigh(place + EQUIVOCATORS), 64);
  // A block of round 0 has no parents; its `cursor - 1` would wrap.
  if (cursor <= limit || (strongLow | strongHigh) == 0) return;
  const below = roundAt(cursor - 1);
  open(below);
  setStore(below + REACHED, setLow(below + REACHED) | strongLow, setHigh(below + REACHED) | strongHigh);
  bottom = min(bottom, cursor - 1);
  const suspectLow = strongLow & setLow(below + EQUIVOCATORS);
  const suspectHigh = strongHigh & setHigh(below + EQUIVOCATORS);
  if ((suspectLow | suspectHigh) == 0) return;
  markParentsOf(place, setLow(place + REACHED), 0, suspectLow, suspectHigh);
  markParentsOf(place, setHigh(place + REACHED), 64, suspectLow, suspectHigh);
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

/** True when the block at `at`, of an author that was reached, was itself reached and is not passed over. */
@inline
function isWanted(at: usize, isOnlyOne: bool): bool {
  return (load<u8>(at, STATE) & passedOver) == 0 && (isOnlyOne || load<u32>(at, MARK) == walk);
}

/** Unites the parents of what is reached at `place`, among the 64 authors from `base` on, and enters their weak ones. */
function enterParentsOf(place: usize, reached: u64, equivocators: u64, base: u32): void {
  let low: u64 = 0;
  let high: u64 = 0;
  for (let bits = reached; bits != 0; bits &= bits - 1) {
    const author = base + <u32>ctz(bits);
    const isOnlyOne = (bits & (0 - bits) & equivocators) == 0;
    for (let block = firstOf(place, author); block >= 0; block = load<i32>(BLOCK(block), NEXT)) {
      const at = BLOCK(block);
      if (!isWanted(at, isOnlyOne)) continue;
      low |= setLow(at + STRONG);
      high |= setHigh(at + STRONG);
      const weakLow = setLow(at + WEAK);
      const weakHigh = setHigh(at + WEAK);
      if ((weakLow | weakHigh) == 0) continue;
      enterWeak(block, weakLow, 0);
      enterWeak(block, weakHigh, 64);
    }
  }
  strongLow |= low;
  strongHigh |= high;
}

/** Marks the very parents that equivocators made, of what is reached at `place` among the 64 authors from `base` on. */
function markParentsOf(place: usize, reached: u64, base: u32, suspectLow: u64, suspectHigh: u64): void {
  for (let bits = reached; bits != 0; bits &= bits - 1) {
    const author = base + <u32>ctz(bits);
    const isOnlyOne = !setHas(place + EQUIVOCATORS, author);
    for (let block = firstOf(place, author); block >= 0; block = load<i32>(BLOCK(block), NEXT)) {
      const at = BLOCK(block);
      if (!isWanted(at, isOnlyOne)) continue;
      mark(block, setLow(at + STRONG) & suspectLow, 0);
      mark(block, setHigh(at + STRONG) & suspectHigh, 64);
    }
  }
}

@inline
function mark(block: i32, suspects: u64, base: u32): void {
  for (let bits = suspects; bits != 0; bits &= bits - 1) {
    store<u32>(BLOCK(parentOf(block, base + <u32>ctz(bits))), walk, MARK);
  }
}

function enterWeak(block: i32, set: u64, base: u32): void {
  for (let bits = set; bits != 0; bits &= bits - 1) {
    const author = base + <u32>ctz(bits);
    const round = parentRoundOf(block, author);
    if (round >= limit) reach(round, author, parentOf(block, author));
  }
}

/** Commits what is reached at `place` and wanted; writes it sorted by (author, digest); returns where it ends. */
function commitReached(place: usize, reached: u64, base: u32, out: usize): usize {
  let to = out;
  for (let bits = reached; bits != 0; bits &= bits - 1) {
    const author = base + <u32>ctz(bits);
    const isOnlyOne = !setHas(place + EQUIVOCATORS, author);
    const slot = to;
    for (let block = firstOf(place, author); block >= 0; block = load<i32>(BLOCK(block), NEXT)) {
      const at = BLOCK(block);
      if (!isWanted(at, isOnlyOne)) continue;
      store<u8>(at, load<u8>(at, STATE) | COMMITTED, STATE);
      let position = to;
      for (; position > slot && isBefore(block, load<i32>(position - 4)); position -= 4) {
        store<i32>(position, load<i32>(position - 4));
      }
      store<i32>(position, block);
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
