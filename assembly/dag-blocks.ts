// The blocks of the DAG by handle and the live rounds as a ring.
//
// A slot (round, author) with one block, the normal case, is told by author sets alone. Equivocators, the authors with
// more than one block in a round, are looked at block by block.
import { alloc, regrow } from './arena';
import { setAdd, setClear, setHas, setStore } from './author-set';

// What the commit rule and the walks read of a block is one cache line, at BLOCK(handle):
/** Set: authors of the parents in the round before. */
export const STRONG: usize = 0;
/** Set: authors of the older parents. */
export const WEAK: usize = 16;
/** Set: authors with a block in the next round that links this one. */
export const SUPPORT: usize = 32;
/** u32. */
export const ROUND: usize = 48;
/** i32: next block of the same slot, or −1. */
export const NEXT: usize = 52;
/** u32: the walk that reached this very block; kept for blocks of equivocators only. */
export const MARK: usize = 56;
/** u16. */
export const AUTHOR: usize = 60;
/** u8: LIVE, COMMITTED. */
export const STATE: usize = 62;
export const LIVE: u8 = 1;
export const COMMITTED: u8 = 2;
const BLOCK_BITS: usize = 6;

// A round, at the address that roundAt gives; after it the first block of each author, i32, valid where AUTHORS has it.
/** u32: the round held here, or NO_ROUND. */
const HELD: usize = 0;
/** u32: the walk that REACHED belongs to. */
export const WALK: usize = 4;
/** Sets. */
export const AUTHORS: usize = 16;
export const EQUIVOCATORS: usize = 32;
export const REACHED: usize = 48;
const FIRST: usize = 64;
const NO_ROUND: u32 = 0xffffffff;
/** Two rounds above the highest is still none that means "empty". */
const ROUND_MAX: u32 = 0xfffffffc;

/** The bounds of src/wasm/twin/block-arena.ts. */
const ROUND_SPAN_MAX: u32 = 65536;
const FIRST_BLOCKS: u32 = 64;
const FIRST_ROUNDS: u32 = 16;

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
let blocks: usize = 0;
let digests: usize = 0;
/** By (handle, parent's author): the parent i32 and its round u32, valid where STRONG or WEAK has the author. */
let links: usize = 0;
let linksBytes: usize = 0;
/** Stack of free handles, i32. */
let free: usize = 0;
let freeCount: u32 = 0;
/** Handles from here on were never used. */
let used: u32 = 0;

let ring: usize = 0;
let ringSize: u32 = 0;
let roundBytes: usize = 0;

/** Rounds from here on are kept; links to lower ones are dead, their handles may belong to other blocks. */
export let keepFrom: u32 = 0;
/** Bounds of the rounds held; of no meaning while size is 0. */
let lowest: u32 = 0;
export let highest: u32 = 0;
export let size: u32 = 0;

@inline
export function BLOCK(handle: i32): usize {
  return blocks + (<usize>handle << BLOCK_BITS);
}

/** The link of a block to its parent by `author`. */
@inline
function linkAt(handle: i32, author: u32): usize {
  return links + <usize>handle * linksBytes + (<usize>author << 3);
}

@inline
export function parentOf(handle: i32, author: u32): i32 {
  return load<i32>(linkAt(handle, author));
}

@inline
export function parentRoundOf(handle: i32, author: u32): u32 {
  return load<u32>(linkAt(handle, author), 4);
}

@inline
export function digestOf(handle: i32): usize {
  return digests + (<usize>handle << 5);
}

@inline
function placeOf(round: u32): usize {
  return ring + <usize>(round & (ringSize - 1)) * roundBytes;
}

/** The round, or 0 when no block of it is held. */
@inline
export function roundAt(round: u32): usize {
  const place = placeOf(round);
  return load<u32>(place, HELD) == round ? place : 0;
}

/** First block in the slot of an author that `place`'s AUTHORS has; the others follow by NEXT. */
@inline
export function firstOf(place: usize, author: u32): i32 {
  return load<i32>(place + (<usize>author << 2), FIRST);
}

export function isLive(handle: i32): bool {
  return <u32>handle < used && load<u8>(BLOCK(handle), STATE) != 0;
}

/** Sets up an empty arena. False when there is no memory. */
export function blocksInit(authors: u32, bound: u32): bool {
  assert(authors >= 1 && authors <= 128 && bound >= 1);
  authorsCount = authors;
  maxBlocks = bound;
  linksBytes = <usize>authors << 3;
  roundBytes = (FIRST + (<usize>authors << 2) + 15) & ~15;
  return growBlocks(min(FIRST_BLOCKS, bound)) && growRing(FIRST_ROUNDS);
}

/** Inserts the block whose digest and `count` parents the host has put in place. Its handle, or a code below 0. */
export function insert(round: u32, author: u32, count: u32): i32 {
  assert(count <= 128);
  if (round > ROUND_MAX || round < keepFrom) return BAD_ROUND;
  if (author >= authorsCount) return BAD_AUTHOR;
  const handle = take(round);
  if (handle < 0) return handle;
  const code = linkParents(handle, round, count);
  if (code < 0) return code;
  // Nothing outside of the new block's own fields has changed up to here, so a refused block leaves no trace.
  claim(handle, round);
  const block = BLOCK(handle);
  setStore(block + SUPPORT, 0, 0);
  store<u32>(block, round, ROUND);
  store<u16>(block, <u16>author, AUTHOR);
  store<u8>(block, LIVE, STATE);
  store<u32>(block, 0, MARK);
  const digest = digestOf(handle);
  for (let i: usize = 0; i < 32; i += 8) store<u64>(digest + i, load<u64>(INPUT_DIGEST + i));
  for (let i: u32 = 0; i < count; i++) {
    const parent = BLOCK(load<i32>(INPUT_PARENTS + (<usize>i << 2)));
    if (load<u32>(parent, ROUND) + 1 == round) setAdd(parent + SUPPORT, author);
  }
  enter(handle, round, author);
  return handle;
}

/** Checks the parents that the host put in place and writes STRONG, WEAK and the links. 0 or a code. */
function linkParents(handle: i32, round: u32, count: u32): i32 {
  let strongLow: u64 = 0;
  let strongHigh: u64 = 0;
  let weakLow: u64 = 0;
  let weakHigh: u64 = 0;
  for (let i: u32 = 0; i < count; i++) {
    const parent = load<i32>(INPUT_PARENTS + (<usize>i << 2));
    if (!isLive(parent)) return BAD_PARENT;
    const from = BLOCK(parent);
    const parentRound = load<u32>(from, ROUND);
    if (parentRound >= round) return BAD_PARENT_ROUND;
    const author = <u32>load<u16>(from, AUTHOR);
    const bit = <u64>1 << <u64>(author & 63);
    const low = author < 64 ? bit : 0;
    const high = bit ^ low;
    if ((((strongLow | weakLow) & low) | ((strongHigh | weakHigh) & high)) != 0) return TWO_PARENTS;
    if (parentRound + 1 == round) {
      strongLow |= low;
      strongHigh |= high;
    } else {
      weakLow |= low;
      weakHigh |= high;
    }
    const at = linkAt(handle, author);
    store<i32>(at, parent);
    store<u32>(at, parentRound, 4);
  }
  setStore(BLOCK(handle) + STRONG, strongLow, strongHigh);
  setStore(BLOCK(handle) + WEAK, weakLow, weakHigh);
  return 0;
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
function enter(handle: i32, round: u32, author: u32): void {
  const place = placeOf(round);
  if (load<u32>(place, HELD) != round) {
    assert(load<u32>(place, HELD) == NO_ROUND);
    store<u32>(place, round, HELD);
    store<u32>(place, 0, WALK);
    setClear(place + AUTHORS);
    setClear(place + EQUIVOCATORS);
  }
  const first = place + FIRST + (<usize>author << 2);
  if (setHas(place + AUTHORS, author)) {
    store<i32>(BLOCK(handle), load<i32>(first), NEXT);
    setAdd(place + EQUIVOCATORS, author);
  } else {
    store<i32>(BLOCK(handle), -1, NEXT);
    setAdd(place + AUTHORS, author);
  }
  store<i32>(first, handle);
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
      for (let handle = firstOf(place, author); handle >= 0; handle = load<i32>(BLOCK(handle), NEXT)) {
        store<u8>(BLOCK(handle), 0, STATE);
        store<i32>(free + (<usize>freeCount << 2), handle);
        freeCount++;
        size--;
      }
    }
    store<u32>(place, NO_ROUND, HELD);
  }
  lowest = max(lowest, from);
}

/** Makes every WALK and MARK "of no walk", before numbers of walks begin anew. */
export function forgetWalks(): void {
  for (let i: u32 = 0; i < ringSize; i++) store<u32>(ring + <usize>i * roundBytes, 0, WALK);
  for (let handle: u32 = 0; handle < used; handle++) store<u32>(BLOCK(handle), 0, MARK);
}

function growBlocks(to: u32): bool {
  const old = <usize>capacity;
  const newBlocks = regrow(blocks, old << BLOCK_BITS, <u64>to << BLOCK_BITS);
  const newDigests = regrow(digests, old << 5, <u64>to << 5);
  const newLinks = regrow(links, old * linksBytes, <u64>to * linksBytes);
  const newFree = regrow(free, <usize>freeCount << 2, <u64>to << 2);
  if (newBlocks == 0 || newDigests == 0 || newLinks == 0 || newFree == 0) return false;
  blocks = newBlocks;
  digests = newDigests;
  links = newLinks;
  free = newFree;
  capacity = to;
  return true;
}

/** Gives the ring `to` places, a power of two, and moves the rounds to theirs. */
function growRing(to: u32): bool {
  const moved = alloc(<u64>to * roundBytes);
  if (moved == 0) return false;
  const old = ring;
  const oldSize = ringSize;
  ring = moved;
  ringSize = to;
  for (let i: u32 = 0; i < to; i++) store<u32>(ring + <usize>i * roundBytes, NO_ROUND, HELD);
  for (let i: u32 = 0; i < oldSize; i++) {
    const from = old + <usize>i * roundBytes;
    const round = load<u32>(from, HELD);
    if (round != NO_ROUND) memory.copy(placeOf(round), from, roundBytes);
  }
  return true;
}
