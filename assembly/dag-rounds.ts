// The live rounds as a ring: who has a block in a round, and which one.
//
// A slot (round, author) with one block, the normal case, is told by author sets alone. Equivocators, the authors with
// more than one block in a round, are looked at block by block.
import { alloc } from './arena';
import { setClear } from './author-set';

// A round, at the address that roundAt gives; after it the first block of each author, i32, valid where AUTHORS has it.
/** u32: the round held here, or NO_ROUND. */
const HELD: usize = 0;
/** u32: the walk that REACHED belongs to. */
export const WALK: usize = 4;
/** i32: the links of its blocks to older rounds than the one before, a list of dag-links, or −1. */
export const OLDER: usize = 8;
/** Sets. */
export const AUTHORS: usize = 16;
export const EQUIVOCATORS: usize = 32;
export const REACHED: usize = 48;
/** Set: authors with one block here, which is committed. */
export const DONE: usize = 64;
/** i32: a leader block of this round whose certificates are counted as they come, or −1; and the set of their authors. */
export const COUNTED: usize = 12;
export const CERTIFIERS: usize = 80;
const FIRST: usize = 96;
const NO_ROUND: u32 = 0xffffffff;

/** The bound of src/wasm/twin/block-arena.ts. */
export const ROUND_SPAN_MAX: u32 = 65536;
const FIRST_ROUNDS: u32 = 16;

let ring: usize = 0;
export let ringSize: u32 = 0;
let roundBytes: usize = 0;

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

/** The oldest block in the slot of an author that `place`'s AUTHORS has; the others follow it. */
@inline
export function firstOf(place: usize, author: u32): i32 {
  return load<i32>(place + (<usize>author << 2), FIRST);
}

@inline
export function setFirst(place: usize, author: u32, handle: i32): void {
  store<i32>(place + (<usize>author << 2), handle, FIRST);
}

/** Sets up an empty ring for rounds of `count` authors. False when there is no memory. */
export function roundsInit(count: u32): bool {
  roundBytes = (FIRST + (<usize>count << 2) + 15) & ~15;
  return growRing(FIRST_ROUNDS);
}

/** The round, empty if no block of it was held. Whatever is held lies within the size of the ring. */
export function openRound(round: u32): usize {
  const place = placeOf(round);
  if (load<u32>(place, HELD) == round) return place;
  assert(load<u32>(place, HELD) == NO_ROUND);
  store<u32>(place, round, HELD);
  store<u32>(place, 0, WALK);
  store<i32>(place, -1, OLDER);
  store<i32>(place, -1, COUNTED);
  setClear(place + AUTHORS);
  setClear(place + EQUIVOCATORS);
  setClear(place + DONE);
  return place;
}

export function closeRound(place: usize): void {
  store<u32>(place, NO_ROUND, HELD);
}

/** Makes every WALK "of no walk". */
export function forgetRoundWalks(): void {
  for (let i: u32 = 0; i < ringSize; i++) store<u32>(ring + <usize>i * roundBytes, 0, WALK);
}

/** Gives the ring `to` places, a power of two, and moves the rounds to theirs. False, and nothing done, without memory. */
export function growRing(to: u32): bool {
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
