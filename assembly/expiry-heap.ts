// A binary heap of entries by expiry, the earliest on top. A node is 16 bytes: expiry f64, entry u32.
import { regrow } from './arena';

let nodes: usize = 0;
let count: u32 = 0;

@inline
function NODE(index: u32): usize {
  return nodes + (<usize>index << 4);
}

/** Gives it room for `to` entries. */
export function heapReserve(to: u32): bool {
  const moved = regrow(nodes, <usize>count << 4, <u64>to << 4);
  if (moved == 0) return false;
  nodes = moved;
  return true;
}

export function heapPush(entry: u32, expiry: f64): void {
  let at = count++;
  while (at > 0) {
    const parent = (at - 1) >> 1;
    if (load<f64>(NODE(parent)) <= expiry) break;
    place(at, load<u32>(NODE(parent), 8), load<f64>(NODE(parent)));
    at = parent;
  }
  place(at, entry, expiry);
}

/** Takes out the top if its expiry is < now; −1 otherwise. */
export function heapPopBefore(now: f64): i32 {
  if (count == 0 || load<f64>(NODE(0)) >= now) return -1;
  const top = load<u32>(NODE(0), 8);
  count--;
  const entry = load<u32>(NODE(count), 8);
  const expiry = load<f64>(NODE(count));
  let at: u32 = 0;
  for (let child: u32 = 1; child < count; child = 2 * at + 1) {
    if (child + 1 < count && load<f64>(NODE(child + 1)) < load<f64>(NODE(child))) child++;
    if (load<f64>(NODE(child)) >= expiry) break;
    place(at, load<u32>(NODE(child), 8), load<f64>(NODE(child)));
    at = child;
  }
  place(at, entry, expiry);
  return top;
}

@inline
function place(at: u32, entry: u32, expiry: f64): void {
  store<f64>(NODE(at), expiry);
  store<u32>(NODE(at), entry, 8);
}
