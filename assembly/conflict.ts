// The set of claimed keys: entries in arrays, found by an open-addressing table with a keyed hash, ordered for expiry by
// a heap.
import { alloc, regrow, stage } from './arena';
import { heapPopBefore, heapPush, heapReserve } from './expiry-heap';
import { SEED, sipHash, sipHashEach } from './siphash';

// Answers below 0, known to src/wasm/conflict.ts; for one key also CLASH and OWN.
const FULL: i32 = -1;
const NO_MEMORY: i32 = -2;
const CLASH: i32 = -3;
const OWN: i32 = -4;

const FIRST_KEYS: u32 = 64;

let maxKeys: u32 = 0;
let size: u32 = 0;
/** Entries that there is room for, a power of two. */
let capacity: u32 = 0;
/**
 * By entry: the key; and 8 bytes of fields: the low half of its hash u32, and while a batch runs its claimer u32, 1 + the
 * number of the proposal, 0 for earlier batches.
 */
let keys: usize = 0;
let fields: usize = 0;
/** Stack of free entries, u32. */
let free: usize = 0;
let freeCount: u32 = 0;
/** Entries from here on were never used. */
let used: u32 = 0;
/** Places of 8 bytes: hash u32, entry + 1 u32 or 0 where empty. Twice as many as entries. */
let table: usize = 0;
let mask: u32 = 0;
/** What the running batch filled, in order: place u32, entry u32. */
let filled: usize = 0;
let filledCount: u32 = 0;

@inline
function KEY(entry: u32): usize {
  return keys + (<usize>entry << 5);
}

@inline
function FIELDS(entry: u32): usize {
  return fields + (<usize>entry << 3);
}

@inline
function PLACE(place: u32): usize {
  return table + (<usize>place << 3);
}

export function conflictSeedAddress(): usize {
  return SEED;
}

/** Sets up an empty set; the seed is in place. 0, or NO_MEMORY. */
export function conflictInit(bound: u32): i32 {
  assert(bound >= 1);
  maxKeys = bound;
  return reserve(min(FIRST_KEYS, bound)) ? 0 : NO_MEMORY;
}

export function conflictSize(): u32 {
  return size;
}

/** Room for what the host hands over in one call, or 0. */
export function conflictStage(bytes: u32): usize {
  return stage(bytes);
}

/**
 * Claims for `count` proposals: their keys one after the other, how many belong to each (u32), expiries (f64). 1 or 0
 * per proposal to `out` (u8); `hashes` is room for a u32 per key. Returns 0; on FULL or NO_MEMORY nothing was claimed.
 */
export function conflictClaim(
  input: usize,
  total: u32,
  hashes: usize,
  counts: usize,
  expiries: usize,
  count: u32,
  out: usize,
): i32 {
  if (!reserve(<u32>min(<u64>size + <u64>total, <u64>maxKeys))) return NO_MEMORY;
  sipHashEach(input, total, hashes);
  filledCount = 0;
  let key = input;
  for (let proposal: u32 = 0; proposal < count; proposal++) {
    const end = key + (<usize>load<u32>(counts + (<usize>proposal << 2)) << 5);
    const before = filledCount;
    let isClaimed: u8 = 1;
    for (; key < end; key += 32) {
      const outcome = claimKey(key, load<u32>(hashes + ((key - input) >> 3)), proposal + 1);
      if (outcome == FULL) {
        undo(0);
        return FULL;
      }
      if (outcome != CLASH) continue;
      undo(before);
      isClaimed = 0;
      break;
    }
    store<u8>(out + proposal, isClaimed);
    key = end;
  }
  for (let i: u32 = 0; i < filledCount; i++) {
    const entry = load<u32>(filled + (<usize>i << 3), 4);
    const proposal = load<u32>(FIELDS(entry), 4) - 1;
    heapPush(entry, load<f64>(expiries + (<usize>proposal << 3)));
    store<u32>(FIELDS(entry), 0, 4);
  }
  return 0;
}

/** 0, CLASH, FULL, or OWN when this proposal has the key already. */
function claimKey(key: usize, hash: u32, claimer: u32): i32 {
  const place = find(key, hash);
  const found = load<u32>(place, 4);
  if (found != 0) return load<u32>(FIELDS(found - 1), 4) == claimer ? OWN : CLASH;
  if (size == maxKeys) return FULL;
  let entry = used;
  if (freeCount > 0) {
    freeCount--;
    entry = load<u32>(free + (<usize>freeCount << 2));
  } else {
    used++;
  }
  copyKey(KEY(entry), key);
  store<u32>(FIELDS(entry), hash);
  store<u32>(FIELDS(entry), claimer, 4);
  store<u32>(place, hash);
  store<u32>(place, entry + 1, 4);
  store<u32>(filled + (<usize>filledCount << 3), <u32>((place - table) >> 3));
  store<u32>(filled + (<usize>filledCount << 3), entry, 4);
  filledCount++;
  size++;
  return 0;
}

@inline
function copyKey(to: usize, from: usize): void {
  for (let i: usize = 0; i < 32; i += 8) store<u64>(to + i, load<u64>(from + i));
}

/** Address of the place of the key, or of the empty one where it would go. */
@inline
function find(key: usize, hash: u32): usize {
  let place = hash & mask;
  while (true) {
    const at = PLACE(place);
    const found = load<u32>(at, 4);
    if (found == 0 || (load<u32>(at) == hash && isKey(found - 1, key))) return at;
    place = (place + 1) & mask;
  }
}

@inline
function isKey(entry: u32, key: usize): bool {
  const at = KEY(entry);
  return (
    ((load<u64>(at) ^ load<u64>(key)) |
      (load<u64>(at, 8) ^ load<u64>(key, 8)) |
      (load<u64>(at, 16) ^ load<u64>(key, 16)) |
      (load<u64>(at, 24) ^ load<u64>(key, 24))) ==
    0
  );
}

/** Takes back what this batch filled beyond the first `length`: from the end, so nothing that stays was pushed aside. */
function undo(length: u32): void {
  while (filledCount > length) {
    filledCount--;
    const fill = filled + (<usize>filledCount << 3);
    store<u64>(PLACE(load<u32>(fill)), 0);
    release(load<u32>(fill, 4));
  }
}

function release(entry: u32): void {
  store<u32>(FIELDS(entry), 0, 4);
  store<u32>(free + (<usize>freeCount << 2), entry);
  freeCount++;
  size--;
}

/** True when the key at `key` is claimed. */
export function conflictHas(key: usize): bool {
  return load<u32>(find(key, sipHash(key)), 4) != 0;
}

/** Forgets the claims whose expiry is < now; returns how many. */
export function conflictExpire(now: f64): u32 {
  let gone: u32 = 0;
  for (let entry = heapPopBefore(now); entry >= 0; entry = heapPopBefore(now)) {
    remove(entry);
    gone++;
  }
  return gone;
}

/** Takes an entry out of the table and moves what probed past it back, so that no tombstone is needed. */
function remove(entry: u32): void {
  let hole = load<u32>(FIELDS(entry)) & mask;
  while (load<u32>(PLACE(hole), 4) != entry + 1) hole = (hole + 1) & mask;
  for (let place = (hole + 1) & mask; load<u32>(PLACE(place), 4) != 0; place = (place + 1) & mask) {
    const home = load<u32>(PLACE(place)) & mask;
    // It may move to the hole if that lies on its way from home.
    if (((place - home) & mask) < ((place - hole) & mask)) continue;
    store<u64>(PLACE(hole), load<u64>(PLACE(place)));
    hole = place;
  }
  store<u64>(PLACE(hole), 0);
  release(entry);
}

/** Makes room for `entries`. */
function reserve(entries: u32): bool {
  if (entries <= capacity) return true;
  const to: u32 = entries <= 1 ? 1 : 1 << (32 - clz(entries - 1));
  const newKeys = regrow(keys, <usize>used << 5, <u64>to << 5);
  const newFields = regrow(fields, <usize>used << 3, <u64>to << 3);
  const newFree = regrow(free, <usize>freeCount << 2, <u64>to << 2);
  const newFilled = alloc(<u64>to << 3);
  const newTable = alloc(<u64>to << 4);
  if (newKeys == 0 || newFields == 0 || newFree == 0 || newFilled == 0 || newTable == 0 || !heapReserve(to)) return false;
  const old = table;
  const oldPlaces: u32 = 2 * capacity;
  keys = newKeys;
  fields = newFields;
  free = newFree;
  filled = newFilled;
  table = newTable;
  capacity = to;
  mask = 2 * to - 1;
  for (let i: u32 = 0; i < oldPlaces; i++) {
    const from = old + (<usize>i << 3);
    if (load<u32>(from, 4) == 0) continue;
    let place = load<u32>(from) & mask;
    while (load<u32>(PLACE(place), 4) != 0) place = (place + 1) & mask;
    store<u64>(PLACE(place), load<u64>(from));
  }
  return true;
}
