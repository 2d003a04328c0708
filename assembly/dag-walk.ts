// Walks the causal history of one block round by round, downwards: what is reached in a round is one author set, so a
// whole round of parents costs one union per child. Nothing recurses.
import { setAdd, setClear, setHas, setHigh, setLow, setStore } from './author-set';
import {
  COMMITTED, DONE, EQUIVOCATORS, LINKS_WEAKLY, REACHED, WALK,
  authorOf, digestOf, firstOf, forgetWalks, keepFrom, mark, markOf, nextOf, parentOf, roundAt, roundOf, setCommitted, stateOf,
  strongOf, weakOf, weakRoundOf,
} from './dag-blocks';

/** Number of the current walk; WALK of a round and marks of blocks that hold it are its. 0 is none. */
let walk: u32 = 0;
let top: u32 = 0;
/** The next round to look at, and the lowest one with anything reached. */
let cursor: u32 = 0;
let bottom: u32 = 0;
/** Rounds below this one are not entered. */
let limit: u32 = 0;
/** Blocks with any of these states are not walked through; committed ones when their history is committed too. */
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
  top = roundOf(block);
  cursor = top;
  bottom = top;
  if (top >= limit) reach(top, authorOf(block), block);
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
    to = commitReached(place, wantedLow(place), setLow(place + EQUIVOCATORS), 0, to);
    to = commitReached(place, wantedHigh(place), setHigh(place + EQUIVOCATORS), 64, to);
  }
  return <u32>((to - out) >> 2);
}

/** Enters the parents of all that is reached in the round at the cursor. */
function enterParentsOfRound(): void {
  const place = roundAt(cursor);
  if (place == 0 || load<u32>(place, WALK) != walk) return;
  strongLow = strongHigh = 0;
  enterParentsOf(place, wantedLow(place), setLow(place + EQUIVOCATORS), 0);
  enterParentsOf(place, wantedHigh(place), setHigh(place + EQUIVOCATORS), 64);
  // A block of round 0 has no parents; its `cursor - 1` would wrap.
  if (cursor <= limit || (strongLow | strongHigh) == 0) return;
  const below = roundAt(cursor - 1);
  open(below);
  setStore(below + REACHED, setLow(below + REACHED) | strongLow, setHigh(below + REACHED) | strongHigh);
  bottom = min(bottom, cursor - 1);
  const suspectLow = strongLow & setLow(below + EQUIVOCATORS);
  const suspectHigh = strongHigh & setHigh(below + EQUIVOCATORS);
  if ((suspectLow | suspectHigh) == 0) return;
  markParentsOf(place, wantedLow(place), 0, suspectLow, suspectHigh);
  markParentsOf(place, wantedHigh(place), 64, suspectLow, suspectHigh);
}

/** True when `block`, of a round already known, was reached. */
export function walkHas(block: i32): bool {
  const place = roundAt(roundOf(block));
  if (load<u32>(place, WALK) != walk) return false;
  const author = authorOf(block);
  if (!setHas(place + REACHED, author)) return false;
  return !setHas(place + EQUIVOCATORS, author) || markOf(block) == walk;
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
  if (setHas(place + EQUIVOCATORS, author)) mark(block, walk);
  bottom = min(bottom, round);
}

/** Authors reached at `place`, without those whose only block is passed over. */
@inline
function wantedLow(place: usize): u64 {
  return setLow(place + REACHED) & (passedOver == 0 ? ~(<u64>0) : ~setLow(place + DONE));
}

@inline
function wantedHigh(place: usize): u64 {
  return setHigh(place + REACHED) & (passedOver == 0 ? ~(<u64>0) : ~setHigh(place + DONE));
}

/** True when the block, of an author that is wanted, was itself reached and is not passed over. */
@inline
function isWanted(block: i32, isOnlyOne: bool): bool {
  return isOnlyOne || (markOf(block) == walk && (stateOf(block) & passedOver) == 0);
}

/** Unites the parents of what is wanted at `place`, among the 64 authors from `base` on, and enters their weak ones. */
function enterParentsOf(place: usize, wanted: u64, equivocators: u64, base: u32): void {
  let low: u64 = 0;
  let high: u64 = 0;
  for (let bits = wanted; bits != 0; bits &= bits - 1) {
    const isOnlyOne = (bits & (0 - bits) & equivocators) == 0;
    let block = firstOf(place, base + <u32>ctz(bits));
    while (block >= 0) {
      if (isWanted(block, isOnlyOne)) {
        low |= setLow(strongOf(block));
        high |= setHigh(strongOf(block));
        if ((stateOf(block) & LINKS_WEAKLY) != 0) {
          enterWeak(block, setLow(weakOf(block)), 0);
          enterWeak(block, setHigh(weakOf(block)), 64);
        }
      }
      block = isOnlyOne ? -1 : nextOf(block);
    }
  }
  strongLow |= low;
  strongHigh |= high;
}

/** Marks the very parents that equivocators made, of what is wanted at `place` among the 64 authors from `base` on. */
function markParentsOf(place: usize, wanted: u64, base: u32, suspectLow: u64, suspectHigh: u64): void {
  for (let bits = wanted; bits != 0; bits &= bits - 1) {
    const author = base + <u32>ctz(bits);
    const isOnlyOne = !setHas(place + EQUIVOCATORS, author);
    for (let block = firstOf(place, author); block >= 0; block = nextOf(block)) {
      if (!isWanted(block, isOnlyOne)) continue;
      markParents(block, setLow(strongOf(block)) & suspectLow, 0);
      markParents(block, setHigh(strongOf(block)) & suspectHigh, 64);
    }
  }
}

@inline
function markParents(block: i32, suspects: u64, base: u32): void {
  for (let bits = suspects; bits != 0; bits &= bits - 1) mark(parentOf(block, base + <u32>ctz(bits)), walk);
}

function enterWeak(block: i32, set: u64, base: u32): void {
  for (let bits = set; bits != 0; bits &= bits - 1) {
    const author = base + <u32>ctz(bits);
    const round = weakRoundOf(block, author);
    if (round >= limit) reach(round, author, parentOf(block, author));
  }
}

/** Commits what is wanted at `place`; writes it sorted by (author, digest); returns where it ends. */
function commitReached(place: usize, wanted: u64, equivocators: u64, base: u32, out: usize): usize {
  let to = out;
  const done = place + DONE + <usize>(base >> 3);
  store<u64>(done, load<u64>(done) | (wanted & ~equivocators));
  for (let bits = wanted; bits != 0; bits &= bits - 1) {
    const first = firstOf(place, base + <u32>ctz(bits));
    if ((bits & (0 - bits) & equivocators) != 0) {
      to = commitSlot(first, to);
      continue;
    }
    setCommitted(first);
    store<i32>(to, first);
    to += 4;
  }
  return to;
}

/** The same for the blocks of an equivocator, of which `first` is the first. */
function commitSlot(first: i32, out: usize): usize {
  let to = out;
  for (let block = first; block >= 0; block = nextOf(block)) {
    if (!isWanted(block, false)) continue;
    setCommitted(block);
    let position = to;
    for (; position > out && isBefore(block, load<i32>(position - 4)); position -= 4) {
      store<i32>(position, load<i32>(position - 4));
    }
    store<i32>(position, block);
    to += 4;
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
