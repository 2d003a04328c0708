// Claims by expiry: a wheel of buckets, one for each tick, that turns with the time. A bucket is a list of entries; what is
// more than a turn away shares one with what is near. Entering costs two writes whatever the order is, and time that
// passes a look at the buckets that it passed.
import { alloc } from './arena';

/**
 * A tick is 8 ms, about what lies between two commits: shorter ones are only more buckets to look at, in longer ones what
 * has not ended yet is looked at again. A turn is 65 s; claims mostly end within a minute. src/wasm/twin/expiry-wheel.ts
 * has the same.
 */
const TICK_BITS: i64 = 3;
const BUCKETS: i64 = 8192;
/** Below the tick of any safe integer. */
const LONG_AGO: i64 = -(1 << 53);

/** Entry + 1 of the first in each bucket, u32, or 0. */
let heads: usize = 0;
/** Bits by bucket: remembered until nextSuspect. */
let suspects: usize = 0;

/** The tick up to which everything that is past was forgotten. What ends earlier lies in its bucket. */
let current: i64 = LONG_AGO;

/** Sets up an empty wheel. False when there is no memory. */
export function wheelInit(): bool {
  heads = alloc(<u64>BUCKETS << 2);
  suspects = alloc(<u64>BUCKETS >> 3);
  return heads != 0 && suspects != 0;
}

@inline
function tickOf(timeMs: f64): i64 {
  return <i64>timeMs >> TICK_BITS;
}

/** Address of the head of the bucket for claims that end then. */
@inline
export function bucketOf(expiryMs: f64): usize {
  return heads + (<usize>(max(tickOf(expiryMs), current) & (BUCKETS - 1)) << 2);
}

let first: i64 = 0;

/** Turns to `nowMs`; returns how many buckets, from passedBucket(0) on, may hold claims that ended before. */
export function turnTo(nowMs: f64): u32 {
  first = current;
  current = max(current, tickOf(nowMs));
  return <u32>min(current - first + 1, BUCKETS);
}

@inline
export function passedBucket(i: u32): usize {
  return heads + (<usize>((first + <i64>i) & (BUCKETS - 1)) << 2);
}

/** Remembers a bucket until nextSuspect. */
export function suspect(bucket: usize): void {
  const number = (bucket - heads) >> 2;
  const at = suspects + ((number >> 6) << 3);
  store<u64>(at, load<u64>(at) | (<u64>1 << <u64>(number & 63)));
}

/** Takes out one of the buckets that were remembered, or 0. */
export function nextSuspect(): usize {
  for (let word: usize = 0; word < <usize>BUCKETS >> 6; word++) {
    const at = suspects + (word << 3);
    const bits = load<u64>(at);
    if (bits == 0) continue;
    store<u64>(at, bits & (bits - 1));
    return heads + (((word << 6) + <usize>ctz(bits)) << 2);
  }
  return 0;
}
