// Walks the causal history of one block round by round, downwards: what is reached in a round is one author set, and a
// round below is known as soon as all that is left of it was reached, mostly after a few of its children. Nothing
// recurses.
import { setAdd, setClear, setHas, setHigh, setLow, setStore } from './author-set';
import {
  COMMITTED, authorOf, digestOf, forgetWalks, keepFrom, mark, markOf, nextOf, parentOf, roundOf, setCommitted, stateOf,
  strongOf,
} from './dag-blocks';
import { linkAuthor, linkChild, linkChildAuthor, linkDistance, linkNext, linkParent } from './dag-links';
import { AUTHORS, DONE, EQUIVOCATORS, OLDER, REACHED, WALK, firstOf, roundAt } from './dag-rounds';

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
/** What is reached in the round below the one at hand, and what of it a union can still add. */
let foundLow: u64 = 0;
let foundHigh: u64 = 0;
let leftLow: u64 = 0;
let leftHigh: u64 = 0;

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
  let place = roundAt(cursor);
  while (cursor > round) {
    const below = roundAt(cursor - 1);
    enterParentsOfRound(place, below);
    place = below;
    cursor--;
  }
}

/**
 * Walks to the end; what was reached, without committed blocks, goes to `out` sorted by (round, author, digest) and is
 * committed now. Returns how many.
 */
export function walkCommit(out: usize): u32 {
  let place = roundAt(cursor);
  while (true) {
    const below = cursor > limit ? roundAt(cursor - 1) : 0;
    enterParentsOfRound(place, below);
    if (cursor == bottom) break;
    place = below;
    cursor--;
  }
  let to = out;
  for (let round = bottom; round <= top; round++) {
    const reached = roundAt(round);
    if (reached == 0 || load<u32>(reached, WALK) != walk) continue;
    const low = wantedLow(reached);
    const high = wantedHigh(reached);
    if (((low & setLow(reached + EQUIVOCATORS)) | (high & setHigh(reached + EQUIVOCATORS))) != 0) {
      to = commitReached(reached, low, 0, to);
      to = commitReached(reached, high, 64, to);
      continue;
    }
    setStore(reached + DONE, setLow(reached + DONE) | low, setHigh(reached + DONE) | high);
    to = writeFirsts(reached, low, 0, to);
    to = writeFirsts(reached, high, 64, to);
  }
  return <u32>((to - out) >> 2);
}

/** Enters the parents of all that is reached in the round at the cursor, which is `place`, above the one at `below`. */
function enterParentsOfRound(place: usize, below: usize): void {
  if (place == 0 || load<u32>(place, WALK) != walk) return;
  const low = wantedLow(place);
  const high = wantedHigh(place);
  if (load<i32>(place, OLDER) >= 0) enterOlder(place, low, high);
  if (below == 0 || cursor <= limit) return;
  const isOpen = load<u32>(below, WALK) == walk;
  const reachedLow = isOpen ? setLow(below + REACHED) : 0;
  const reachedHigh = isOpen ? setHigh(below + REACHED) : 0;
  const suspectLow = setLow(below + EQUIVOCATORS);
  const suspectHigh = setHigh(below + EQUIVOCATORS);
  foundLow = foundHigh = 0;
  leftLow = setLow(below + AUTHORS) & ~(reachedLow | suspectLow);
  leftHigh = setHigh(below + AUTHORS) & ~(reachedHigh | suspectHigh);
  if (passedOver != 0) {
    leftLow &= ~setLow(below + DONE);
    leftHigh &= ~setHigh(below + DONE);
  }
  unite(place, low, setLow(place + EQUIVOCATORS), 0);
  unite(place, high, setHigh(place + EQUIVOCATORS), 64);
  if ((suspectLow | suspectHigh) != 0) {
    markParentsOf(place, low, 0, suspectLow, suspectHigh);
    markParentsOf(place, high, 64, suspectLow, suspectHigh);
  }
  if ((foundLow | foundHigh) == 0) return;
  store<u32>(below, walk, WALK);
  setStore(below + REACHED, reachedLow | foundLow, reachedHigh | foundHigh);
  bottom = min(bottom, cursor - 1);
}

/** True when `block`, of a round already known, was reached. */
export function walkHas(block: i32): bool {
  const place = roundAt(roundOf(block));
  if (load<u32>(place, WALK) != walk) return false;
  const author = authorOf(block);
  if (!setHas(place + REACHED, author)) return false;
  return !setHas(place + EQUIVOCATORS, author) || markOf(block) == walk;
}

function reach(round: u32, author: u32, block: i32): void {
  const place = roundAt(round);
  if (passedOver != 0 && setHas(place + DONE, author)) return;
  if (load<u32>(place, WALK) != walk) {
    store<u32>(place, walk, WALK);
    setClear(place + REACHED);
  }
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

/** Unites the parents of what is wanted at `place`, among the 64 authors from `base` on, until nothing is left to find. */
@inline
function unite(place: usize, wanted: u64, equivocators: u64, base: u32): void {
  for (let bits = wanted; bits != 0 && (leftLow | leftHigh) != 0; bits &= bits - 1) {
    const isOnlyOne = (bits & (0 - bits) & equivocators) == 0;
    let block = firstOf(place, base + <u32>ctz(bits));
    while (block >= 0) {
      if (isWanted(block, isOnlyOne)) {
        const low = leftLow & setLow(strongOf(block));
        const high = leftHigh & setHigh(strongOf(block));
        foundLow |= low;
        foundHigh |= high;
        leftLow ^= low;
        leftHigh ^= high;
      }
      block = isOnlyOne ? -1 : nextOf(block);
    }
  }
}

/** Marks the very parents that equivocators made, of what is wanted at `place` among the 64 authors from `base` on. */
function markParentsOf(place: usize, wanted: u64, base: u32, suspectLow: u64, suspectHigh: u64): void {
  for (let bits = wanted; bits != 0; bits &= bits - 1) {
    const author = base + <u32>ctz(bits);
    const isOnlyOne = !setHas(place + EQUIVOCATORS, author);
    for (let block = firstOf(place, author); block >= 0; block = nextOf(block)) {
      if (!isWanted(block, isOnlyOne)) continue;
      const low = setLow(strongOf(block)) & suspectLow;
      const high = setHigh(strongOf(block)) & suspectHigh;
      foundLow |= low;
      foundHigh |= high;
      markParents(block, low, 0);
      markParents(block, high, 64);
    }
  }
}

@inline
function markParents(block: i32, suspects: u64, base: u32): void {
  for (let bits = suspects; bits != 0; bits &= bits - 1) mark(parentOf(block, base + <u32>ctz(bits)), walk);
}

/** Enters the parents, of rounds below the next one, of what is wanted at `place`. */
function enterOlder(place: usize, low: u64, high: u64): void {
  for (let node = load<i32>(place, OLDER); node >= 0; node = linkNext(node)) {
    const child = linkChildAuthor(node);
    if ((((child < 64 ? low : high) >> <u64>(child & 63)) & 1) == 0) continue;
    if (!isWanted(linkChild(node), !setHas(place + EQUIVOCATORS, child))) continue;
    // A child has a round ≥ its distance; one below the limit may be collected.
    const round = cursor - linkDistance(node);
    if (round >= limit) reach(round, linkAuthor(node), linkParent(node));
  }
}

/** Writes the first blocks of those of the 64 authors from `base` on that `authors` has; returns where they end. */
@inline
function writeFirsts(place: usize, authors: u64, base: u32, out: usize): usize {
  let to = out;
  for (let bits = authors; bits != 0; bits &= bits - 1) {
    store<i32>(to, firstOf(place, base + <u32>ctz(bits)));
    to += 4;
  }
  return to;
}

/**
 * Commits what is wanted at `place`, of the 64 authors from `base` on; writes it sorted by (author, digest); returns where
 * it ends.
 */
function commitReached(place: usize, wanted: u64, base: u32, out: usize): usize {
  let to = out;
  for (let bits = wanted; bits != 0; bits &= bits - 1) {
    const author = base + <u32>ctz(bits);
    const first = firstOf(place, author);
    if (setHas(place + EQUIVOCATORS, author)) {
      to = commitSlot(first, to);
      continue;
    }
    setAdd(place + DONE, author);
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
