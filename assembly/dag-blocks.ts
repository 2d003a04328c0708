// The blocks of the DAG by handle and the live rounds as a ring.
//
// A slot (round, author) with one block, the normal case, is told by author sets alone. Equivocators, the authors with
// more than one block in a round, are looked at block by block.
import { alloc, regrow } from './arena';
import { SET_BYTES, setAdd, setClear, setHas, setHigh, setLow, setRemove, setStore } from './author-set';

// Fields of blocks are arrays of their own: the blocks of a round mostly have neighbouring handles, and whoever looks at
// one field of all of them reads few cache lines.

/** States: LIVE, COMMITTED, and LINKS_WEAKLY for a block with parents older than the round before. */
const LIVE: u8 = 1;
export const COMMITTED: u8 = 2;
export const LINKS_WEAKLY: u8 = 4;

// A round, at the address that roundAt gives; after it the first block of each author, i32, valid where AUTHORS has it.
/** u32: the round held here, or NO_ROUND. */
const HELD: usize = 0;
/** u32: the walk that REACHED belongs to. */
export const WALK: usize = 4;
/** Sets. */
export const AUTHORS: usize = 16;
export const EQUIVOCATORS: usize = 32;
export const REACHED: usize = 48;
/** Set: authors with one block here, which is committed. */
export const DONE: usize = 64;
const FIRST: usize = 80;
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
/**
 * By handle. Sets of authors: of the parents in the round before, of the older ones, of the blocks that link this one from the
 * next round.
 */
let strongs: usize = 0;
let weaks: usize = 0;
let supports: usize = 0;
/** u8, u8, u32. */
let states: usize = 0;
let authors: usize = 0;
let rounds: usize = 0;
/** i32: next block of the same slot, or −1. */
let nexts: usize = 0;
/** u32: the walk that reached this very block; kept for blocks of equivocators only. */
let marks: usize = 0;
let digests: usize = 0;
/** By (handle, parent's author), valid where a set of parents has the author: the parent i32; the round u32 of a weak one. */
let links: usize = 0;
let weakRounds: usize = 0;
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
export function strongOf(handle: i32): usize {
  return strongs + (<usize>handle << 4);
}

@inline
export function weakOf(handle: i32): usize {
  return weaks + (<usize>handle << 4);
}

@inline
export function supportOf(handle: i32): usize {
  return supports + (<usize>handle << 4);
}

@inline
export function stateOf(handle: i32): u8 {
  return load<u8>(states + <usize>handle);
}

/** Sets the state alone; DONE of its round is the caller's. */
@inline
export function setCommitted(handle: i32): void {
  store<u8>(states + <usize>handle, stateOf(handle) | COMMITTED);
}

export function commit(handle: i32): void {
  setCommitted(handle);
  const place = roundAt(roundOf(handle));
  const author = authorOf(handle);
  if (!setHas(place + EQUIVOCATORS, author)) setAdd(place + DONE, author);
}

@inline
export function authorOf(handle: i32): u32 {
  return <u32>load<u8>(authors + <usize>handle);
}

@inline
export function roundOf(handle: i32): u32 {
  return load<u32>(rounds + (<usize>handle << 2));
}

@inline
export function nextOf(handle: i32): i32 {
  return load<i32>(nexts + (<usize>handle << 2));
}

@inline
export function markOf(handle: i32): u32 {
  return load<u32>(marks + (<usize>handle << 2));
}

@inline
export function mark(handle: i32, walk: u32): void {
  store<u32>(marks + (<usize>handle << 2), walk);
}

/** Distance from `links` or `weakRounds` to the entry for the parent by `author`. */
@inline
function linkAt(handle: i32, author: u32): usize {
  return <usize>handle * linksBytes + (<usize>author << 2);
}

@inline
export function parentOf(handle: i32, author: u32): i32 {
  return load<i32>(links + linkAt(handle, author));
}

@inline
export function weakRoundOf(handle: i32, author: u32): u32 {
  return load<u32>(weakRounds + linkAt(handle, author));
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

/** First block in the slot of an author that `place`'s AUTHORS has; the others follow by nextOf. */
@inline
export function firstOf(place: usize, author: u32): i32 {
  return load<i32>(place + (<usize>author << 2), FIRST);
}

export function isLive(handle: i32): bool {
  return <u32>handle < used && stateOf(handle) != 0;
}

/** Sets up an empty arena. False when there is no memory. */
export function blocksInit(count: u32, bound: u32): bool {
  assert(count >= 1 && count <= 128 && bound >= 1);
  authorsCount = count;
  maxBlocks = bound;
  linksBytes = <usize>count << 2;
  roundBytes = (FIRST + (<usize>count << 2) + 15) & ~15;
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
  const weak = weakOf(handle);
  setStore(supportOf(handle), 0, 0);
  store<u32>(rounds + (<usize>handle << 2), round);
  store<u8>(authors + <usize>handle, <u8>author);
  store<u8>(states + <usize>handle, (setLow(weak) | setHigh(weak)) == 0 ? LIVE : LIVE | LINKS_WEAKLY);
  mark(handle, 0);
  const digest = digestOf(handle);
  for (let i: usize = 0; i < 32; i += 8) store<u64>(digest + i, load<u64>(INPUT_DIGEST + i));
  for (let i: u32 = 0; i < count; i++) {
    const parent = load<i32>(INPUT_PARENTS + (<usize>i << 2));
    if (roundOf(parent) + 1 == round) setAdd(supportOf(parent), author);
  }
  enter(handle, round, author);
  return handle;
}

/** Checks the parents that the host put in place and writes the links to them. 0 or a code. */
function linkParents(handle: i32, round: u32, count: u32): i32 {
  let strongLow: u64 = 0;
  let strongHigh: u64 = 0;
  let weakLow: u64 = 0;
  let weakHigh: u64 = 0;
  for (let i: u32 = 0; i < count; i++) {
    const parent = load<i32>(INPUT_PARENTS + (<usize>i << 2));
    if (!isLive(parent)) return BAD_PARENT;
    const parentRound = roundOf(parent);
    if (parentRound >= round) return BAD_PARENT_ROUND;
    const author = authorOf(parent);
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
      store<u32>(weakRounds + linkAt(handle, author), parentRound);
    }
    store<i32>(links + linkAt(handle, author), parent);
  }
  setStore(strongOf(handle), strongLow, strongHigh);
  setStore(weakOf(handle), weakLow, weakHigh);
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
    setClear(place + DONE);
  }
  const first = place + FIRST + (<usize>author << 2);
  const next = nexts + (<usize>handle << 2);
  if (setHas(place + AUTHORS, author)) {
    store<i32>(next, load<i32>(first));
    setAdd(place + EQUIVOCATORS, author);
    setRemove(place + DONE, author);
  } else {
    store<i32>(next, -1);
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
      for (let handle = firstOf(place, author); handle >= 0; handle = nextOf(handle)) {
        store<u8>(states + <usize>handle, 0);
        store<i32>(free + (<usize>freeCount << 2), handle);
        freeCount++;
        size--;
      }
    }
    store<u32>(place, NO_ROUND, HELD);
  }
  lowest = max(lowest, from);
}

/** Makes every WALK and mark "of no walk", before numbers of walks begin anew. */
export function forgetWalks(): void {
  for (let i: u32 = 0; i < ringSize; i++) store<u32>(ring + <usize>i * roundBytes, 0, WALK);
  for (let handle: u32 = 0; handle < used; handle++) mark(handle, 0);
}

/** Set by `move` when there was no memory. */
let isOut: bool = false;

/** A region for `to` blocks of `bytes` each, that starts with what is at `from`. */
function move(from: usize, to: u32, bytes: usize): usize {
  const region = regrow(from, <usize>capacity * bytes, <u64>to * bytes);
  if (region == 0) isOut = true;
  return region;
}

/** Gives every array room for `to` blocks. After a failure the arena is of no more use. */
function growBlocks(to: u32): bool {
  strongs = move(strongs, to, SET_BYTES);
  weaks = move(weaks, to, SET_BYTES);
  supports = move(supports, to, SET_BYTES);
  states = move(states, to, 1);
  authors = move(authors, to, 1);
  rounds = move(rounds, to, 4);
  nexts = move(nexts, to, 4);
  marks = move(marks, to, 4);
  digests = move(digests, to, 32);
  links = move(links, to, linksBytes);
  weakRounds = move(weakRounds, to, linksBytes);
  free = move(free, to, 4);
  if (isOut) return false;
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
