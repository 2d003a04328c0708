// Opinions per (open proposal, author) and their sums by stake.
//
// Opinions lie as bits, by author and then by slot, because one vote speaks of many proposals whose slots are
// neighbours: 64 of them are looked up and set at once.
import { alloc, stage } from './arena';
import { stakeInit, stakeOfAuthor } from './stake';

// OPINION and TALLY of src/wasm/kernels.ts. An opinion is two bits: its low bit is in plane 0, its high bit in plane 1.
const NONE: u32 = 0;
const APPROVE: u32 = 1;
const REJECT: u32 = 2;
const ABSTAIN: u32 = 3;
const OPEN: u8 = 0;
const APPROVED: u8 = 1;
const REJECTED: u8 = 2;
const SPLIT: u8 = 3;

// Answers below 0, known to src/wasm/tally.ts.
const FULL: i32 = -1;
const NO_MEMORY: i32 = -2;
const BAD_SLOT: i32 = -3;

// A distinct list of slots, 16 bytes: address of its i32s, their count, address for its runs, count of runs (set here).
const LIST_BYTES: usize = 16;
// A run of neighbouring slots, 12 bytes: index of its first proposal, its first slot, length; u32 each.
const RUN_BYTES: usize = 12;
// A vote, 28 bytes, u32 each: author, confidence, its list, address and length of rejects, of abstains.
const VOTE_BYTES: usize = 28;

/** u64s that the host sets: requiredVotes, validity; and gets: stakes by side. */
export const THRESHOLDS = memory.data(16, 8);
export const SIDES = memory.data(24, 8);
const SORTED = memory.data(128 * 4, 16);

let authorsCount: u32 = 0;
let maxOpen: u32 = 0;
let total: u64 = 0;
/** Slots that there is room for, a multiple of 64. */
let capacity: u32 = 0;
/** Bits by slot: taken; and closed since it was cleared last. */
let taken: usize = 0;
let stale: usize = 0;
/** By author: plane 0 then plane 1, one bit per slot; and confidences, u16 per slot. */
let planes: usize = 0;
let confidences: usize = 0;
/** Three arrays of u64 by slot: stake that approves, rejects, abstains. */
let sums: usize = 0;
/** Every word of `taken` below this one is full. */
let firstOpenWord: u32 = 0;

@inline
function planeOf(author: u32): usize {
  return planes + <usize>author * (<usize>capacity >> 2);
}

/** Distance from plane 0 to plane 1 of an author. */
@inline
function planeBytes(): usize {
  return <usize>capacity >> 3;
}

@inline
function confidenceAt(author: u32, slot: u32): usize {
  return confidences + ((<usize>author * capacity + slot) << 1);
}

@inline
function sumsOf(opinion: u32): usize {
  return sums + ((<usize>(opinion - 1) * capacity) << 3);
}

@inline
function isTaken(slot: u32): bool {
  return slot < capacity && ((load<u64>(taken + (<usize>(slot >> 6) << 3)) >> <u64>(slot & 63)) & 1) != 0;
}

/** Sets up an empty tally; stakes and thresholds are in place. 0, or NO_MEMORY. */
export function tallyInit(authors: u32, bound: u32): i32 {
  assert(authors >= 1 && authors <= 128 && bound >= 1);
  stakeInit(authors);
  authorsCount = authors;
  maxOpen = bound;
  for (let author: u32 = 0; author < authors; author++) total += stakeOfAuthor(author);
  return grow(64) ? 0 : NO_MEMORY;
}

export function tallyThresholdsAddress(): usize {
  return THRESHOLDS;
}

export function tallySidesAddress(): usize {
  return SIDES;
}

/** Room for what the host hands over in one call, or 0. */
export function tallyStage(bytes: u32): usize {
  return stage(bytes);
}

/** The lowest free slot, silent, or a code below 0. */
export function tallyOpen(): i32 {
  const words = capacity >> 6;
  let word = firstOpenWord;
  while (word < words && load<u64>(taken + (<usize>word << 3)) == ~(<u64>0)) word++;
  firstOpenWord = word;
  const bit: u64 = word < words ? ctz(~load<u64>(taken + (<usize>word << 3))) : 0;
  const slot = (word << 6) + <u32>bit;
  if (slot >= maxOpen) return FULL;
  if (slot >= capacity && !grow(2 * capacity)) return NO_MEMORY;
  const at = taken + (<usize>word << 3);
  if (((load<u64>(stale + (<usize>word << 3)) >> bit) & 1) != 0) clear(word);
  store<u64>(at, load<u64>(at) | (<u64>1 << bit));
  return slot;
}

export function tallyClose(slot: u32): i32 {
  if (!isTaken(slot)) return BAD_SLOT;
  const word = slot >> 6;
  const bit: u64 = <u64>1 << <u64>(slot & 63);
  const at = <usize>word << 3;
  store<u64>(taken + at, load<u64>(taken + at) & ~bit);
  store<u64>(stale + at, load<u64>(stale + at) | bit);
  firstOpenWord = min(firstOpenWord, word);
  return 0;
}

/** Forgets all about the stale slots of one word, for every author at once. */
function clear(word: u32): void {
  const at = <usize>word << 3;
  const keep = ~load<u64>(stale + at);
  for (let author: u32 = 0; author < authorsCount; author++) {
    const low = planeOf(author) + at;
    const high = low + planeBytes();
    store<u64>(low, load<u64>(low) & keep);
    store<u64>(high, load<u64>(high) & keep);
  }
  for (let bits = ~keep; bits != 0; bits &= bits - 1) {
    const slot = (<usize>word << 6) + <usize>ctz(bits);
    for (let opinion = APPROVE; opinion <= ABSTAIN; opinion++) store<u64>(sumsOf(opinion) + (slot << 3), 0);
  }
  store<u64>(stale + at, 0);
}

/**
 * Applies `voteCount` votes over `listCount` distinct lists of slots, both laid out as above. Returns 0, or BAD_SLOT
 * before anything was changed.
 */
export function tallyApply(lists: usize, listCount: u32, votes: usize, voteCount: u32): i32 {
  for (let i: u32 = 0; i < listCount; i++) if (!findRuns(lists + <usize>i * LIST_BYTES)) return BAD_SLOT;
  for (let i: u32 = 0; i < voteCount; i++) {
    const vote = votes + <usize>i * VOTE_BYTES;
    applyVote(vote, lists + <usize>load<u32>(vote, 8) * LIST_BYTES);
  }
  return 0;
}

/** Splits a list of slots into runs of neighbours; −1 belongs to none. False when a slot is not taken. */
function findRuns(list: usize): bool {
  const slots = <usize>load<u32>(list);
  const count = load<u32>(list, 4);
  const runs = <usize>load<u32>(list, 8);
  let run = runs - RUN_BYTES;
  let next: i32 = -1;
  for (let i: u32 = 0; i < count; i++) {
    const slot = load<i32>(slots + (<usize>i << 2));
    if (slot == -1) {
      next = -1;
      continue;
    }
    if (!isTaken(slot)) return false;
    if (slot != next) {
      run += RUN_BYTES;
      store<u32>(run, i);
      store<u32>(run, slot, 4);
      store<u32>(run, 0, 8);
    }
    store<u32>(run, load<u32>(run, 8) + 1, 8);
    next = slot + 1;
  }
  store<u32>(list, <u32>((run + RUN_BYTES - runs) / RUN_BYTES), 12);
  return true;
}

function applyVote(vote: usize, list: usize): void {
  let run: usize = load<u32>(list, 8);
  for (let left = load<u32>(list, 12); left > 0; left--) {
    let index = load<u32>(run);
    let slot = load<u32>(run, 4);
    const end = slot + load<u32>(run, 8);
    while (slot < end) {
      const length = min(64 - (slot & 63), end - slot);
      applyWord(vote, index, slot, length);
      index += length;
      slot += length;
    }
    run += RUN_BYTES;
  }
}

/** Applies a vote to `length` neighbouring slots of one word; they are proposals `index`… of its target. */
function applyWord(vote: usize, index: u32, slot: u32, length: u32): void {
  const author = load<u32>(vote);
  const shift = <u64>(slot & 63);
  const mask = (~(<u64>0) >> <u64>(64 - length)) << shift;
  const low = planeOf(author) + (<usize>(slot >> 6) << 3);
  const high = low + planeBytes();
  const fresh = mask & ~(load<u64>(low) | load<u64>(high));
  if (fresh == 0) return;
  const rejects = fresh & (bitsAt(load<u32>(vote, 12), load<u32>(vote, 16), index) << shift);
  const abstains = fresh & ~rejects & (bitsAt(load<u32>(vote, 20), load<u32>(vote, 24), index) << shift);
  const approves = fresh & ~rejects & ~abstains;
  store<u64>(low, load<u64>(low) | approves | abstains);
  store<u64>(high, load<u64>(high) | rejects | abstains);
  const first = <usize>(slot & ~63) << 3;
  const stake = stakeOfAuthor(author);
  addStake(sumsOf(APPROVE) + first, approves, stake);
  if (rejects != 0) addStake(sumsOf(REJECT) + first, rejects, stake);
  if (abstains != 0) addStake(sumsOf(ABSTAIN) + first, abstains, stake);
  const confidence = <u16>load<u32>(vote, 4);
  if (fresh == mask) fillConfidence(confidenceAt(author, slot), length, confidence);
  else scatterConfidence(confidenceAt(author, slot & ~63), fresh, confidence);
}

/** 64 bits from bit `index` on of the `length` bytes at `bits`, which at least 16 bytes of zeros follow. */
@inline
function bitsAt(bits: usize, length: usize, index: u32): u64 {
  const byte = <usize>(index >> 3);
  if (byte >= length) return 0;
  const shift = <u64>(index & 7);
  const rest = load<u64>(bits + byte) >> shift;
  return shift == 0 ? rest : rest | (<u64>load<u8>(bits + byte + 8) << (64 - shift));
}

/** Adds the stake to those of 64 sums that the bits name; all of them, the usual case, without looking at each bit. */
function addStake(first: usize, bits: u64, stake: u64): void {
  if (bits == ~(<u64>0)) {
    const end = first + 512;
    if (ASC_FEATURE_SIMD) {
      const stakes = i64x2.splat(stake);
      for (let at = first; at < end; at += 32) {
        v128.store(at, i64x2.add(v128.load(at), stakes));
        v128.store(at, i64x2.add(v128.load(at, 16), stakes), 16);
      }
    } else {
      for (let at = first; at < end; at += 8) store<u64>(at, load<u64>(at) + stake);
    }
    return;
  }
  for (; bits != 0; bits &= bits - 1) {
    const at = first + (<usize>ctz(bits) << 3);
    store<u64>(at, load<u64>(at) + stake);
  }
}

function fillConfidence(at: usize, length: u32, confidence: u16): void {
  const end = at + (<usize>length << 1);
  const four = <u64>confidence * 0x0001000100010001;
  for (; at + 8 <= end; at += 8) store<u64>(at, four);
  for (; at < end; at += 2) store<u16>(at, confidence);
}

function scatterConfidence(first: usize, bits: u64, confidence: u16): void {
  for (; bits != 0; bits &= bits - 1) store<u16>(first + (<usize>ctz(bits) << 1), confidence);
}

/** Verdicts, u8 of TALLY, on `count` slots at `slots` to `out`. Returns −1, or the index of a slot that is not taken. */
export function tallyEvaluate(slots: usize, count: u32, out: usize): i32 {
  const requiredVotes = load<u64>(THRESHOLDS);
  const validity = load<u64>(THRESHOLDS, 8);
  for (let i: u32 = 0; i < count; i++) {
    const slot = load<u32>(slots + (<usize>i << 2));
    if (!isTaken(slot)) return i;
    const at = <usize>slot << 3;
    const approve = load<u64>(sumsOf(APPROVE) + at);
    const reject = load<u64>(sumsOf(REJECT) + at);
    const silent = total - approve - reject - load<u64>(sumsOf(ABSTAIN) + at);
    let verdict = OPEN;
    if (approve >= requiredVotes) verdict = APPROVED;
    else if (reject >= validity) verdict = REJECTED;
    else if (approve + silent < requiredVotes && reject + silent < validity) verdict = SPLIT;
    store<u8>(out + i, verdict);
  }
  return -1;
}

@inline
function opinionOf(slot: u32, author: u32): u32 {
  const low = planeOf(author) + <usize>(slot >> 3);
  const shift = <u8>(slot & 7);
  return ((load<u8>(low) >> shift) & 1) | (((load<u8>(low + planeBytes()) >> shift) & 1) << 1);
}

/** One of OPINION, or BAD_SLOT. */
export function tallyOpinion(slot: u32, author: u32): i32 {
  return isTaken(slot) ? opinionOf(slot, author) : BAD_SLOT;
}

/**
 * Ballots on `count` slots at `slots` to `out`, u16 by slot and then by author: opinion above 14 bits of confidence, 0 when
 * silent. Returns −1, or the index of a slot that is not taken.
 */
export function tallyBallots(slots: usize, count: u32, out: usize): i32 {
  for (let i: u32 = 0; i < count; i++) {
    const slot = load<u32>(slots + (<usize>i << 2));
    if (!isTaken(slot)) return i;
    for (let author: u32 = 0; author < authorsCount; author++) {
      const opinion = opinionOf(slot, author);
      const confidence: u32 = opinion == NONE ? 0 : load<u16>(confidenceAt(author, slot));
      store<u16>(out, <u16>((opinion << 14) | confidence));
      out += 2;
    }
  }
  return -1;
}

/** Stakes by side to tallySidesAddress. 0 or BAD_SLOT. */
export function tallyStakes(slot: u32): i32 {
  if (!isTaken(slot)) return BAD_SLOT;
  for (let opinion = APPROVE; opinion <= ABSTAIN; opinion++) {
    store<u64>(SIDES + (<usize>(opinion - 1) << 3), load<u64>(sumsOf(opinion) + (<usize>slot << 3)));
  }
  return 0;
}

/** Stake-weighted lower median of the confidences on one side, 0 when nobody is on it, or BAD_SLOT. */
export function tallyConfidence(slot: u32, side: u32): i32 {
  if (!isTaken(slot)) return BAD_SLOT;
  assert(side == APPROVE || side == REJECT);
  let count: usize = 0;
  for (let author: u32 = 0; author < authorsCount; author++) {
    if (opinionOf(slot, author) != side) continue;
    // Confidence above author: a number that sorts by confidence.
    const key = (<u32>load<u16>(confidenceAt(author, slot)) << 8) | author;
    let at = SORTED + (count << 2);
    for (; at > SORTED && load<u32>(at - 4) > key; at -= 4) store<u32>(at, load<u32>(at - 4));
    store<u32>(at, key);
    count++;
  }
  const needed = load<u64>(sumsOf(side) + (<usize>slot << 3));
  let sum: u64 = 0;
  for (let i: usize = 0; i < count; i++) {
    const key = load<u32>(SORTED + (i << 2));
    sum += stakeOfAuthor(key & 0xff);
    if (2 * sum >= needed) return key >> 8;
  }
  return NONE;
}

/** Gives every array room for `to` slots. The rows of authors are as long as that, so they all move. */
function grow(to: u32): bool {
  const old = <usize>capacity;
  const room = <u64>to;
  const newTaken = alloc(room >> 3);
  const newStale = alloc(room >> 3);
  const newPlanes = alloc(<u64>authorsCount * (room >> 2));
  const newConfidences = alloc(<u64>authorsCount * (room << 1));
  const newSums = alloc(3 * (room << 3));
  if (newTaken == 0 || newStale == 0 || newPlanes == 0 || newConfidences == 0 || newSums == 0) return false;
  move(newTaken, taken, <usize>to >> 3, old >> 3, 1);
  move(newStale, stale, <usize>to >> 3, old >> 3, 1);
  move(newPlanes, planes, <usize>to >> 3, old >> 3, 2 * authorsCount);
  move(newConfidences, confidences, <usize>to << 1, old << 1, authorsCount);
  move(newSums, sums, <usize>to << 3, old << 3, 3);
  taken = newTaken;
  stale = newStale;
  planes = newPlanes;
  confidences = newConfidences;
  sums = newSums;
  capacity = to;
  return true;
}

/** Copies `rows` rows of `oldBytes` to rows of `newBytes`. */
function move(to: usize, from: usize, newBytes: usize, oldBytes: usize, rows: u32): void {
  for (let row: usize = 0; row < rows; row++) memory.copy(to + row * newBytes, from + row * oldBytes, oldBytes);
}
