// The blocks of the DAG by handle.
import { alloc } from './arena';
import { SET_BYTES, setAdd, setClear, setHas, setRemove, setStore } from './author-set';
import { linkAdd, linkAuthor, linkNext, linkParent, linksFree, linksReserve } from './dag-links';
import {
  AUTHORS, DONE, EQUIVOCATORS, OLDER, ROUND_SPAN_MAX,
  closeRound, firstOf, forgetRoundWalks, growRing, openRound, ringSize, roundAt, roundsInit, setFirst,
} from './dag-rounds';

// Fields of blocks are arrays of their own: the blocks of a round mostly have neighbouring handles, and whoever looks at
// one field of all of them reads few cache lines.

/** States. COMMITTED is kept for blocks of equivocators only; for the others it is DONE of their round. */
const LIVE: u8 = 1;
export const COMMITTED: u8 = 2;
/** Not the oldest in its slot. */
const LATER: u8 = 4;
/** Links such a block: its list of them is valid. */
const LINKS_LATER: u8 = 8;

// A record is 8 bytes: round u32, author u8, state u8.
const AUTHOR: usize = 4;
const STATE: usize = 5;

/** Of a record: the round and the states that make a parent plain, LIVE and not LATER. */
const PLAIN: u64 = (<u64>(LIVE | LATER) << 40) | 0xffffffff;

/** Two rounds above the highest is still none that means "empty". */
const ROUND_MAX: u32 = 0xfffffffc;
const FIRST_BLOCKS: u32 = 64;

// Answers of insert below 0, known to src/wasm/dag.ts.
const FULL: i32 = -1;
const NO_MEMORY: i32 = -2;
const BAD_ROUND: i32 = -3;
const BAD_AUTHOR: i32 = -4;
const BAD_PARENT: i32 = -5;
const BAD_PARENT_ROUND: i32 = -6;
const TWO_PARENTS: i32 = -7;

/** Where the host puts the digest and the parents (i32) of a block before insert. */
export const INPUT_DIGEST = memory.data(32, 16);
export const INPUT_PARENTS = memory.data(128 * 4, 16);

export let authorsCount: u32 = 0;
let maxBlocks: u32 = 0;
let capacity: u32 = 0;
/** Sets of authors: of the parents in the round before; of the blocks of the next round that link this one. */
let strongs: usize = 0;
let supports: usize = 0;
let digests: usize = 0;
let records: usize = 0;
/** i32: next block of the same slot, or −1; the links to later blocks of a slot, valid where the state LINKS_LATER. */
let nexts: usize = 0;
let laters: usize = 0;
/** u32: the walk that reached this very block; kept for blocks of equivocators only. */
let marks: usize = 0;
/** Stack of free handles, i32. */
let free: usize = 0;
let freeCount: u32 = 0;
/** Bytes of all the above for one block. */
const BLOCK_BYTES: u64 = 2 * SET_BYTES + 32 + 8 + 4 * 4;
/** Handles from here on were never used. */
let used: u32 = 0;

/** Rounds from here on are kept; links to lower ones are dead, their handles may belong to other blocks. */
export let keepFrom: u32 = 0;
/** Bounds of the rounds held; of no meaning while size is 0. */
let lowest: u32 = 0;
export let highest: u32 = 0;
export let size: u32 = 0;

@inline
export function strongOf(handle: i32): usize {
  return strongs + (<usize>handle << 4);
}

@inline
export function supportOf(handle: i32): usize {
  return supports + (<usize>handle << 4);
}

@inline
function recordOf(handle: i32): usize {
  return records + (<usize>handle << 3);
}

@inline
export function roundOf(handle: i32): u32 {
  return load<u32>(recordOf(handle));
}

@inline
export function authorOf(handle: i32): u32 {
  return <u32>load<u8>(recordOf(handle), AUTHOR);
}

@inline
export function stateOf(handle: i32): u8 {
  return load<u8>(recordOf(handle), STATE);
}

/** Marks a block of an equivocator committed. */
@inline
export function setCommitted(handle: i32): void {
  store<u8>(recordOf(handle), stateOf(handle) | COMMITTED, STATE);
}

@inline
export function nextOf(handle: i32): i32 {
  return load<i32>(nexts + (<usize>handle << 2));
}

@inline
function latersOf(handle: i32): i32 {
  return load<i32>(laters + (<usize>handle << 2));
}

@inline
export function markOf(handle: i32): u32 {
  return load<u32>(marks + (<usize>handle << 2));
}

@inline
export function mark(handle: i32, walk: u32): void {
  store<u32>(marks + (<usize>handle << 2), walk);
}

@inline
export function digestOf(handle: i32): usize {
  return digests + (<usize>handle << 5);
}

export function isLive(handle: i32): bool {
  return <u32>handle < used && stateOf(handle) != 0;
}

export function isCommitted(handle: i32): bool {
  return (stateOf(handle) & COMMITTED) != 0 || setHas(roundAt(roundOf(handle)) + DONE, authorOf(handle));
}

export function commit(handle: i32): void {
  const place = roundAt(roundOf(handle));
  const author = authorOf(handle);
  if (setHas(place + EQUIVOCATORS, author)) setCommitted(handle);
  else setAdd(place + DONE, author);
}

/** The parent by `author` that `block` has in the round before, which is live: its strong set must have the author. */
export function parentOf(block: i32, author: u32): i32 {
  if ((stateOf(block) & LINKS_LATER) != 0) {
    for (let node = latersOf(block); node >= 0; node = linkNext(node)) {
      if (linkAuthor(node) == author) return linkParent(node);
    }
  }
  return firstOf(roundAt(roundOf(block) - 1), author);
}

/** Sets up an empty arena. False when there is no memory. */
export function blocksInit(count: u32, bound: u32): bool {
  assert(count >= 1 && count <= 128 && bound >= 1);
  authorsCount = count;
  maxBlocks = bound;
  return growBlocks(min(FIRST_BLOCKS, bound)) && roundsInit(count);
}

/** How many links of the block at hand dag-links has to keep. */
let keptCount: u32 = 0;

/** Inserts the block whose digest and `count` parents the host has put in place. Its handle, or a code below 0. */
export function insert(round: u32, author: u32, count: u32): i32 {
  assert(count <= 128);
  if (round > ROUND_MAX || round < keepFrom) return BAD_ROUND;
  if (author >= authorsCount) return BAD_AUTHOR;
  const handle = take(round);
  if (handle < 0) return handle;
  const code = uniteParents(handle, round, count);
  if (code < 0) return code;
  if (keptCount > 0 && !linksReserve(keptCount)) return NO_MEMORY;
  // Nothing outside of the new block's own fields has changed up to here, so a refused block leaves no trace.
  claim(handle, round);
  setClear(supportOf(handle));
  store<u64>(recordOf(handle), (<u64>LIVE << 40) | (<u64>author << 32) | round);
  const digest = digestOf(handle);
  for (let i: usize = 0; i < 32; i += 8) store<u64>(digest + i, load<u64>(INPUT_DIGEST + i));
  const place = openRound(round);
  if (keptCount > 0) keepLinks(handle, place, round, author, count);
  else support(author, count);
  enter(handle, place, author);
  return handle;
}

/**
 * Checks the parents that the host put in place and unites those in the round before. 0 or a code. Mostly all are the
 * oldest in their slots of the round before: then one comparison for each is all it takes.
 */
@inline
function uniteParents(handle: i32, round: u32, count: u32): i32 {
  const plain = (<u64>LIVE << 40) | <u64>(round - 1);
  let low: u64 = 0;
  let high: u64 = 0;
  let odd: u64 = 0;
  const end = INPUT_PARENTS + (<usize>count << 2);
  for (let input = INPUT_PARENTS; input < end; input += 4) {
    const parent = load<i32>(input);
    if (<u32>parent >= used) return BAD_PARENT;
    const record = load<u64>(recordOf(parent));
    odd |= (record ^ plain) & PLAIN;
    const author = (record >> 32) & 255;
    const bit = <u64>1 << author;
    const isLow = (author >> 6) - 1;
    low |= bit & isLow;
    high |= bit & ~isLow;
  }
  if (odd != 0 || <u32>(popcnt(low) + popcnt(high)) != count) return uniteAnyParents(handle, round, count);
  keptCount = 0;
  setStore(strongOf(handle), low, high);
  return 0;
}

/** The same with a look at each. */
function uniteAnyParents(handle: i32, round: u32, count: u32): i32 {
  let low: u64 = 0;
  let high: u64 = 0;
  let weakLow: u64 = 0;
  let weakHigh: u64 = 0;
  let kept: u32 = 0;
  for (let i: u32 = 0; i < count; i++) {
    const parent = load<i32>(INPUT_PARENTS + (<usize>i << 2));
    const record = load<u64>(recordOf(parent));
    const state = <u32>(record >> 40);
    if (state == 0) return BAD_PARENT;
    const parentRound = <u32>record;
    if (parentRound >= round) return BAD_PARENT_ROUND;
    const author = <u32>(record >> 32) & 255;
    const isWeak = parentRound + 1 != round;
    kept += <u32>(isWeak || (state & LATER) != 0);
    const bit = <u64>1 << <u64>author;
    if (author < 64) {
      if ((low & bit) != 0) return TWO_PARENTS;
      low |= bit;
      if (isWeak) weakLow |= bit;
    } else {
      if ((high & bit) != 0) return TWO_PARENTS;
      high |= bit;
      if (isWeak) weakHigh |= bit;
    }
  }
  keptCount = kept;
  setStore(strongOf(handle), low & ~weakLow, high & ~weakHigh);
  return 0;
}

/** Enters the author among the supporters of all parents: each is the oldest in its slot of the round before. */
@inline
function support(author: u32, count: u32): void {
  const at = supports + <usize>(author >> 3);
  const bit = <u8>1 << <u8>(author & 7);
  const end = INPUT_PARENTS + (<usize>count << 2);
  for (let input = INPUT_PARENTS; input < end; input += 4) {
    const set = at + (<usize>load<i32>(input) << 4);
    store<u8>(set, load<u8>(set) | bit);
  }
}

/** The same where some parents are not; those links are kept. */
function keepLinks(handle: i32, place: usize, round: u32, author: u32, count: u32): void {
  let older = load<i32>(place, OLDER);
  let later: i32 = -1;
  for (let i: u32 = 0; i < count; i++) {
    const parent = load<i32>(INPUT_PARENTS + (<usize>i << 2));
    const distance = round - roundOf(parent);
    if (distance > 1) {
      older = linkAdd(older, handle, author, parent, authorOf(parent), distance);
      continue;
    }
    setAdd(supportOf(parent), author);
    if ((stateOf(parent) & LATER) != 0) later = linkAdd(later, handle, author, parent, authorOf(parent), 1);
  }
  store<i32>(place, older, OLDER);
  if (later < 0) return;
  store<i32>(laters + (<usize>handle << 2), later);
  store<u8>(recordOf(handle), LIVE | LINKS_LATER, STATE);
}

/** The handle that the next block gets; makes room for it and for its round. */
function take(round: u32): i32 {
  if (size == maxBlocks) return FULL;
  if (size > 0) {
    const span = max(round, highest) - min(round, lowest);
    if (span >= ROUND_SPAN_MAX) return FULL;
    if (span >= ringSize && !growRing(1 << (32 - clz(span)))) return NO_MEMORY;
  }
  if (freeCount > 0) return load<i32>(free + (<usize>(freeCount - 1) << 2));
  if (used == capacity && !growBlocks(min(2 * capacity, maxBlocks))) return NO_MEMORY;
  return used;
}

@inline
function claim(handle: i32, round: u32): void {
  if (<u32>handle == used) used++;
  else freeCount--;
  lowest = size == 0 ? round : min(round, lowest);
  highest = size == 0 ? round : max(round, highest);
  size++;
}

/** Enters the block into its round. */
@inline
function enter(handle: i32, place: usize, author: u32): void {
  const next = nexts + (<usize>handle << 2);
  if (!setHas(place + AUTHORS, author)) {
    store<i32>(next, -1);
    setFirst(place, author, handle);
    setAdd(place + AUTHORS, author);
    return;
  }
  const first = firstOf(place, author);
  if (setHas(place + DONE, author)) setCommitted(first);
  setRemove(place + DONE, author);
  setAdd(place + EQUIVOCATORS, author);
  store<i32>(next, nextOf(first));
  store<i32>(nexts + (<usize>first << 2), handle);
  store<u8>(recordOf(handle), stateOf(handle) | LATER, STATE);
}

/** Frees every block of a round below `from`, in (round, author) order. */
export function collect(from: u32): void {
  if (from <= keepFrom) return;
  keepFrom = from;
  if (size == 0) return;
  for (let round = lowest; round < from && round <= highest; round++) {
    const place = roundAt(round);
    if (place == 0) continue;
    for (let author: u32 = 0; author < authorsCount; author++) {
      if (!setHas(place + AUTHORS, author)) continue;
      for (let handle = firstOf(place, author); handle >= 0; handle = nextOf(handle)) release(handle);
    }
    linksFree(load<i32>(place, OLDER));
    closeRound(place);
  }
  lowest = max(lowest, from);
}

@inline
function release(handle: i32): void {
  if ((stateOf(handle) & LINKS_LATER) != 0) linksFree(latersOf(handle));
  store<u8>(recordOf(handle), 0, STATE);
  store<i32>(free + (<usize>freeCount << 2), handle);
  freeCount++;
  size--;
}

/** Makes every WALK and mark "of no walk", before numbers of walks begin anew. */
export function forgetWalks(): void {
  forgetRoundWalks();
  for (let handle: u32 = 0; handle < used; handle++) mark(handle, 0);
}

/** Where the arrays of a region that growBlocks fills go on. */
let next: usize = 0;

/** The next `to` items of `bytes` each, which begin with what is at `from`. */
function move(from: usize, to: u32, bytes: usize): usize {
  const at = next;
  next += <usize>to * bytes;
  memory.copy(at, from, <usize>capacity * bytes);
  return at;
}

/** Gives every array room for `to` blocks. False, and nothing done, without memory. */
function growBlocks(to: u32): bool {
  next = alloc(<u64>to * BLOCK_BYTES);
  if (next == 0) return false;
  // From wide to narrow, so that each is aligned.
  strongs = move(strongs, to, SET_BYTES);
  supports = move(supports, to, SET_BYTES);
  digests = move(digests, to, 32);
  records = move(records, to, 8);
  nexts = move(nexts, to, 4);
  laters = move(laters, to, 4);
  marks = move(marks, to, 4);
  free = move(free, to, 4);
  capacity = to;
  return true;
}
