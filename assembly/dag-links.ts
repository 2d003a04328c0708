// Links that author sets cannot tell, as lists in one pool: those of a round to blocks older than the round before, one
// list per round; and those of a block to later blocks of equivocators. Usually they are few. A node is 16 bytes.
import { regrow } from './arena';

/** i32: the next node of the list, or −1. */
const NEXT: usize = 0;
/** i32: who links, and whom. The parent's handle may be another block's once its round is collected. */
const CHILD: usize = 4;
const PARENT: usize = 8;
/** u16: how many rounds the parent lies below the child, which is less than all rounds held; u8: their authors. */
const DISTANCE: usize = 12;
const AUTHOR: usize = 14;
const CHILD_AUTHOR: usize = 15;

const FIRST_NODES: u32 = 64;

let nodes: usize = 0;
let capacity: u32 = 0;
/** Nodes from here on were never used. */
let used: u32 = 0;
/** List of free nodes. */
let free: i32 = -1;
let freeCount: u32 = 0;

@inline
function NODE(node: i32): usize {
  return nodes + (<usize>node << 4);
}

@inline
export function linkNext(node: i32): i32 {
  return load<i32>(NODE(node), NEXT);
}

@inline
export function linkParent(node: i32): i32 {
  return load<i32>(NODE(node), PARENT);
}

@inline
export function linkChild(node: i32): i32 {
  return load<i32>(NODE(node), CHILD);
}

@inline
export function linkChildAuthor(node: i32): u32 {
  return <u32>load<u8>(NODE(node), CHILD_AUTHOR);
}

@inline
export function linkDistance(node: i32): u32 {
  return <u32>load<u16>(NODE(node), DISTANCE);
}

@inline
export function linkAuthor(node: i32): u32 {
  return <u32>load<u8>(NODE(node), AUTHOR);
}

/** Makes room for `count` more links. False, and nothing done, without memory. */
export function linksReserve(count: u32): bool {
  const needed = used + count;
  if (freeCount >= count || needed <= capacity) return true;
  const to = max(max(FIRST_NODES, 2 * capacity), needed);
  const moved = regrow(nodes, <usize>used << 4, <u64>to << 4);
  if (moved == 0) return false;
  nodes = moved;
  capacity = to;
  return true;
}

/** Puts a link in front of the list `head`; room for it was reserved. Returns the new head. */
export function linkAdd(head: i32, child: i32, childAuthor: u32, parent: i32, author: u32, distance: u32): i32 {
  let node = free;
  if (node >= 0) {
    free = linkNext(node);
    freeCount--;
  } else {
    node = used++;
    assert(used <= capacity);
  }
  assert(distance < 65536);
  store<i32>(NODE(node), head, NEXT);
  store<i32>(NODE(node), child, CHILD);
  store<i32>(NODE(node), parent, PARENT);
  store<u16>(NODE(node), <u16>distance, DISTANCE);
  store<u8>(NODE(node), <u8>author, AUTHOR);
  store<u8>(NODE(node), <u8>childAuthor, CHILD_AUTHOR);
  return node;
}

/** Frees the whole list. */
export function linksFree(head: i32): void {
  for (let node = head; node >= 0; ) {
    const next = linkNext(node);
    store<i32>(NODE(node), free, NEXT);
    free = node;
    freeCount++;
    node = next;
  }
}
