// What the host calls of the DAG: the arena, the commit rule, histories.
import { alloc, stage } from './arena';
import {
  INPUT_DIGEST, INPUT_PARENTS, authorsCount, blocksInit, collect, commit, highest, insert, isCommitted, isLive, keepFrom,
  roundOf, size,
} from './dag-blocks';
import { NO_LEADER, SLOT_BYTES, countCertificate, decide, decidedPrefix } from './dag-rule';
import { walkCommit, walkDownTo, walkHas, walkStart } from './dag-walk';
import { QUORUM, quorumInit } from './stake';

/** Not a live handle; slots that decide does not take; there is no memory. */
const BAD_HANDLE: i32 = -1;
const BAD_SLOTS: i32 = -1;
const NO_MEMORY: i32 = -2;
/** From here on down: less by the number of the slot where two blocks would commit. */
const TWO_COMMITS: i32 = -3;

/** i32: the address of answers, the slots of decide or the handles of linearize. */
const ANSWERS = memory.data(4, 4);
/** Where the host puts the leaders of decide, u16 each. */
let leaders: usize = 0;

/** Room for answers, or 0. */
function reserve(bytes: u64): usize {
  const region = stage(bytes);
  store<u32>(ANSWERS, <u32>region);
  return region;
}

/** Sets up an empty DAG; the stakes and the quorum are in place. 0, or NO_MEMORY. */
export function dagInit(authors: u32, maxBlocks: u32): i32 {
  quorumInit(authors);
  return blocksInit(authors, maxBlocks) ? 0 : NO_MEMORY;
}

export function dagQuorumAddress(): usize {
  return QUORUM;
}

export function dagDigestAddress(): usize {
  return INPUT_DIGEST;
}

export function dagParentsAddress(): usize {
  return INPUT_PARENTS;
}

/** Where the address of answers is; every call may change it. */
export function dagAnswersAddress(): usize {
  return ANSWERS;
}

/** A new place for `count` leaders of decide, or 0. */
export function dagLeaders(count: u32): usize {
  const region = alloc(<u64>count << 1);
  if (region != 0) leaders = region;
  return region;
}

export function dagSize(): u32 {
  return size;
}

export function dagKeepFrom(): u32 {
  return keepFrom;
}

export function dagInsert(round: u32, author: u32, parents: u32): i32 {
  const handle = insert(round, author, parents);
  if (handle >= 0) countCertificate(handle, round, author);
  return handle;
}

/**
 * Decides the slots whose `count` leaders are at dagLeaders, `perRound` for each round from `fromRound` on, as far as there
 * are blocks; those before `fromOffset` are left alone. Returns the number of the first slot that is not decided, up to
 * which they are in the answers, or a code below 0.
 */
export function dagDecide(fromRound: u32, fromOffset: u32, count: u32, perRound: u32): i32 {
  if (fromRound < keepFrom || perRound == 0 || fromOffset > perRound) return BAD_SLOTS;
  for (let i: u32 = 0; i < count; i++) {
    const leader = <u32>load<u16>(leaders + (<usize>i << 1));
    if (leader >= authorsCount && leader != NO_LEADER) return BAD_SLOTS;
  }
  if (size == 0 || fromRound > highest) return 0;
  // A division takes as long as all the rest of a slot.
  const rounds = min(perRound == 1 ? count : count / perRound, highest - fromRound + 1);
  const slots = rounds * perRound;
  const answers = reserve((<u64>slots + 1) * SLOT_BYTES);
  if (answers == 0) return NO_MEMORY;
  const fatal = decide(answers, leaders, rounds, fromRound, fromOffset, perRound);
  return fatal < 0 ? decidedPrefix(answers, slots, fromOffset) : TWO_COMMITS - fatal;
}

/** Handles to the answers; their count, or a code below 0. */
export function dagLinearize(leader: i32, from: u32): i32 {
  if (!isLive(leader)) return BAD_HANDLE;
  const answers = reserve(<u64>size << 2);
  if (answers == 0) return NO_MEMORY;
  walkStart(leader, from, true);
  return walkCommit(answers);
}

export function dagMarkCommitted(handle: i32): i32 {
  if (!isLive(handle)) return BAD_HANDLE;
  commit(handle);
  return 0;
}

/** 1, 0, or BAD_HANDLE. */
export function dagIsCommitted(handle: i32): i32 {
  if (!isLive(handle)) return BAD_HANDLE;
  return isCommitted(handle) ? 1 : 0;
}

/** 1, 0, or BAD_HANDLE. */
export function dagReaches(from: i32, to: i32): i32 {
  if (!isLive(from) || !isLive(to)) return BAD_HANDLE;
  const round = roundOf(to);
  if (round > roundOf(from)) return 0;
  walkStart(from, round, false);
  walkDownTo(round);
  return walkHas(to) ? 1 : 0;
}

export function dagCollect(from: u32): void {
  collect(from);
}
