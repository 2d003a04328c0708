// Memory of one instance above the static regions: handed out from a rising top, never given back. What outgrows its
// region moves to one twice as large, so all that is left behind is less than what is in use.

const PAGE_BITS: usize = 16;
/** Nothing here needs more; keeps every address below 4 GiB. */
const TOP_MAX: u64 = 0xfff00000;

let top: usize = 0;

/** First byte that no static region uses. */
export function heapBase(): usize {
  return (__heap_base + 63) & ~63;
}

/** `bytes` of zeros, aligned to a cache line, or 0 when there is no more memory. Views of the host may be stale after it. */
export function alloc(bytes: u64): usize {
  if (top == 0) top = heapBase();
  const end: u64 = (<u64>top + bytes + 63) & ~63;
  if (end > TOP_MAX) return 0;
  const have: u64 = <u64>memory.size() << PAGE_BITS;
  if (end > have && memory.grow(<i32>((end - have + 0xffff) >> PAGE_BITS)) < 0) return 0;
  const start = top;
  top = <usize>end;
  return start;
}

/** A region of `bytes` that starts with the `used` bytes at `from`, or 0. */
export function regrow(from: usize, used: usize, bytes: u64): usize {
  const to = alloc(bytes);
  if (to != 0 && used != 0) memory.copy(to, from, used);
  return to;
}

let staging: usize = 0;
let stagingBytes: usize = 0;

/** A region of at least `bytes` for what one call takes or gives, or 0. The next call may take the same one. */
export function stage(bytes: u64): usize {
  if (staging != 0 && bytes <= <u64>stagingBytes) return staging;
  const room = max(bytes, 2 * <u64>stagingBytes);
  const region = alloc(room);
  if (region == 0) return 0;
  staging = region;
  stagingBytes = <usize>room;
  return staging;
}
