// The set of claimed keys: entries in arrays, found by an open-addressing table with a keyed hash, in a wheel by expiry.
import { alloc, regrow, stage } from './arena';
import { bucketOf, nextSuspect, passedBucket, suspect, turnTo, wheelInit } from './expiry-wheel';
import { keyHash, keyHashInit } from './key-hash';
import { SEED } from './siphash';

// Answers below 0, known to src/wasm/conflict.ts; for one key also CLASH.
const FULL: i32 = -1;
const NO_MEMORY: i32 = -2;
const CLASH: i32 = -3;

const FIRST_KEYS: u32 = 64;

// Fields of an entry, 16 bytes beside its key.
const HASH: usize = 0;
/** u32: entry + 1 of the next in its bucket, or 0; while a batch runs, what it claimed has IN_BATCH + the proposal. */
const LINK: usize = 4;
/** f64; −∞ of what conflictRelease is about to forget. */
const EXPIRY: usize = 8;
const IN_BATCH: u32 = 0x80000000;

let maxKeys: u32 = 0;
let size: u32 = 0;
/** Entries that there is room for, a power of two. */
let capacity: u32 = 0;
/** By entry: the key, 32 bytes; its fields. */
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
/** The entries that the running batch filled, u32, in order. */
let filled: usize = 0;
let filledCount: u32 = 0;

@inline
function KEY(entry: u32): usize {
  return keys + (<usize>entry << 5);
}

@inline
function FIELDS(entry: u32): usize {
  return fields + (<usize>entry << 4);
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
  keyHashInit();
  return wheelInit() && reserve(min(FIRST_KEYS, bound)) ? 0 : NO_MEMORY;
}

export function conflictSize(): u32 {
  return size;
}

/** Room for what the host hands over in one call, or 0. */
export function conflictStage(bytes: u32): usize {
  return stage(bytes);
}

/**
 * Claims for `count` proposals: their `total` keys one after the other, how many belong to each (u32), expiries (f64). 1
 * or 0 per proposal to `out` (u8). Returns 0; on FULL or NO_MEMORY nothing was claimed.
 */
export function conflictClaim(input: usize, total: u32, counts: usize, expiries: usize, count: u32, out: usize): i32 {
  if (!reserve(<u32>min(<u64>size + <u64>total, <u64>maxKeys))) return NO_MEMORY;
  filledCount = 0;
  let key = input;
  for (let proposal: u32 = 0; proposal < count; proposal++) {
    const end = key + (<usize>load<u32>(counts + (<usize>proposal << 2)) << 5);
    const before = filledCount;
    const expiry = load<f64>(expiries + (<usize>proposal << 3));
    let isClaimed: u8 = 1;
    for (; key < end; key += 32) {
      const outcome = claimKey(key, proposal | IN_BATCH, expiry);
      if (outcome == 0) continue;
      undo(outcome == FULL ? 0 : before);
      if (outcome == FULL) return FULL;
      isClaimed = 0;
      break;
    }
    store<u8>(out + proposal, isClaimed);
    key = end;
  }
  for (let i: u32 = 0; i < filledCount; i++) enterBucket(load<u32>(filled + (<usize>i << 2)));
  return 0;
}

/** 0, also when this proposal has the key already; CLASH or FULL. */
@inline
function claimKey(key: usize, claimer: u32, expiry: f64): i32 {
  const hash = keyHash(key);
  const place = find(key, hash);
  const found = load<u32>(place, 4);
  if (found != 0) return load<u32>(FIELDS(found - 1), LINK) == claimer ? 0 : CLASH;
  if (size == maxKeys) return FULL;
  const entry = take();
  copyKey(KEY(entry), key);
  store<u32>(FIELDS(entry), hash, HASH);
  store<u32>(FIELDS(entry), claimer, LINK);
  store<f64>(FIELDS(entry), expiry, EXPIRY);
  store<u32>(place, hash);
  store<u32>(place, entry + 1, 4);
  store<u32>(filled + (<usize>filledCount << 2), entry);
  filledCount++;
  return 0;
}

@inline
function take(): u32 {
  size++;
  if (freeCount == 0) return used++;
  freeCount--;
  return load<u32>(free + (<usize>freeCount << 2));
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

/** The place of an entry. */
@inline
function placeOf(entry: u32): u32 {
  let place = load<u32>(FIELDS(entry), HASH) & mask;
  while (load<u32>(PLACE(place), 4) != entry + 1) place = (place + 1) & mask;
  return place;
}

/** Takes back what this batch filled beyond the first `length`: from the end, so nothing that stays was pushed aside. */
function undo(length: u32): void {
  while (filledCount > length) {
    filledCount--;
    const entry = load<u32>(filled + (<usize>filledCount << 2));
    store<u64>(PLACE(placeOf(entry)), 0);
    give(entry);
  }
}

/** Frees an entry that neither the table nor a bucket names any more. */
@inline
function give(entry: u32): void {
  size--;
  store<u32>(free + (<usize>freeCount << 2), entry);
  freeCount++;
}

@inline
function enterBucket(entry: u32): void {
  const head = bucketOf(load<f64>(FIELDS(entry), EXPIRY));
  store<u32>(FIELDS(entry), load<u32>(head), LINK);
  store<u32>(head, entry + 1);
}

/** True when the key at `key` is claimed. */
export function conflictHas(key: usize): bool {
  return load<u32>(find(key, keyHash(key)), 4) != 0;
}

/** Forgets the claims whose expiry is < now; returns how many. */
export function conflictExpire(now: f64): u32 {
  const before = size;
  const buckets = turnTo(now);
  for (let i: u32 = 0; i < buckets; i++) sweep(passedBucket(i), now);
  return before - size;
}

/** Forgets the claims of `count` keys at `input`, whatever their expiry; returns how many there were. */
export function conflictRelease(input: usize, count: u32): u32 {
  const before = size;
  const end = input + (<usize>count << 5);
  for (let key = input; key < end; key += 32) {
    const found = load<u32>(find(key, keyHash(key)), 4);
    if (found == 0) continue;
    const expiry = FIELDS(found - 1) + EXPIRY;
    suspect(bucketOf(load<f64>(expiry)));
    store<f64>(expiry, -Infinity);
  }
  // Each bucket once, however many of its claims go.
  for (let bucket = nextSuspect(); bucket != 0; bucket = nextSuspect()) sweep(bucket, -f64.MAX_VALUE);
  return before - size;
}

/** Forgets the claims in a bucket whose expiry is < now. */
function sweep(bucket: usize, now: f64): void {
  // Where the link to the entry at hand is.
  let link = bucket;
  for (let next = load<u32>(link); next != 0; next = load<u32>(link)) {
    const entry = next - 1;
    if (load<f64>(FIELDS(entry), EXPIRY) < now) {
      store<u32>(link, load<u32>(FIELDS(entry), LINK));
      vacate(entry);
      give(entry);
    } else {
      link = FIELDS(entry) + LINK;
    }
  }
}

/** Takes an entry out of the table and moves what probed past it back, so that no tombstone is needed. */
function vacate(entry: u32): void {
  let hole = placeOf(entry);
  for (let place = (hole + 1) & mask; load<u32>(PLACE(place), 4) != 0; place = (place + 1) & mask) {
    const home = load<u32>(PLACE(place)) & mask;
    // It may move to the hole if that lies on its way from home.
    if (((place - home) & mask) < ((place - hole) & mask)) continue;
    store<u64>(PLACE(hole), load<u64>(PLACE(place)));
    hole = place;
  }
  store<u64>(PLACE(hole), 0);
}

/** Makes room for `entries`. False, and nothing done, without memory. */
function reserve(entries: u32): bool {
  if (entries <= capacity) return true;
  const to: u32 = entries <= 1 ? 1 : 1 << (32 - clz(entries - 1));
  const newKeys = regrow(keys, <usize>used << 5, <u64>to << 5);
  const newFields = regrow(fields, <usize>used << 4, <u64>to << 4);
  const newFree = regrow(free, <usize>freeCount << 2, <u64>to << 2);
  const newFilled = alloc(<u64>to << 2);
  const newTable = alloc(<u64>to << 4);
  if (newKeys == 0 || newFields == 0 || newFree == 0 || newFilled == 0 || newTable == 0) return false;
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
