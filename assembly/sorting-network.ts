// Compare-exchanges that sort any `count` numbers, whatever they are: without a branch on data, many columns at once. The
// network is Batcher's merge exchange (Knuth, The Art of Computer Programming 3, §5.2.2, algorithm M).

/** Compare-exchanges for 128 numbers, 1471; no smaller count takes more. 8 bytes each: the offsets of the two, u32. */
const NETWORK_BYTES: usize = 1471 * 8;
const NETWORK = memory.data(1471 * 8, 16);
/** By number, u8: whether its place is one of those whose order matters, or may still come to be in one. */
const LIVE = memory.data(128, 16);

/** End of the compare-exchanges that sortingNetwork gives the beginning of. */
export const NETWORK_END: usize = NETWORK + NETWORK_BYTES;

/**
 * Makes the network that sorts `count` numbers, `bytes` apart, but may leave the first `skip` and the last `skip` of them
 * in any order among themselves. Returns its first compare-exchange; they go on to NETWORK_END.
 */
export function sortingNetwork(count: u32, skip: u32, bytes: u32): usize {
  assert(count >= 1 && count <= 128 && skip < count - skip);
  return prune(mergeExchange(count), count, skip, bytes);
}

/** Algorithm M; pairs of numbers to NETWORK. Returns their end. */
function mergeExchange(count: u32): usize {
  let end = NETWORK;
  const top: u32 = count <= 1 ? 0 : 1 << (31 - clz(count - 1));
  for (let p = top; p > 0; p >>= 1) {
    let q = top;
    let r: u32 = 0;
    let d = p;
    while (true) {
      for (let i: u32 = 0; i + d < count; i++) {
        if ((i & p) != r) continue;
        store<u32>(end, i);
        store<u32>(end, i + d, 4);
        end += 8;
      }
      if (q == p) break;
      d = q - p;
      q >>= 1;
      r = p;
    }
  }
  return end;
}

/** Moves the pairs that matter to the end of NETWORK, from the last to the first, as offsets. Returns the first. */
function prune(from: usize, count: u32, skip: u32, bytes: u32): usize {
  for (let i: u32 = 0; i < count; i++) store<u8>(LIVE + <usize>i, i >= skip && i < count - skip ? 1 : 0);
  let to = NETWORK_END;
  while (from > NETWORK) {
    from -= 8;
    const low = load<u32>(from);
    const high = load<u32>(from, 4);
    if ((load<u8>(LIVE + <usize>low) | load<u8>(LIVE + <usize>high)) == 0) continue;
    store<u8>(LIVE + <usize>low, 1);
    store<u8>(LIVE + <usize>high, 1);
    to -= 8;
    store<u32>(to, low * bytes);
    store<u32>(to, high * bytes, 4);
  }
  return to;
}
