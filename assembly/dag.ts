// What the host calls of the DAG: the arena, the commit rule, histories.
import { stage } from './arena';
import {
  COMMITTED, INPUT_DIGEST, INPUT_PARENTS, blocksInit, collect, commit, highest, insert, isLive, keepFrom, roundOf, size,
  stateOf,
} from './dag-blocks';
import { QUORUM, SLOT_BYTES, decide } from './dag-rule';
import { walkCommit, walkDownTo, walkHas, walkStart } from './dag-walk';
import { stakeInit } from './stake';

/** Not a live handle. */
const BAD_HANDLE: i32 = -1;
const NO_MEMORY: i32 = -2;

/** Where answers go: slots of decide, handles of linearize. */
let answers: usize = 0;

function reserveAnswers(bytes: u64): bool {
  answers = stage(bytes);
  return answers != 0;
}

/** Sets up an empty DAG; the stakes and the quorum are in place. 0, or NO_MEMORY. */
export function dagInit(authors: u32, maxBlocks: u32): i32 {
  stakeInit(authors);
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

export function dagAnswersAddress(): usize {
  return answers;
}

export function dagSize(): u32 {
  return size;
}

export function dagKeepFrom(): u32 {
  return keepFrom;
}

export function dagInsert(round: u32, author: u32, parents: u32): i32 {
  return insert(round, author, parents);
}

/**
 * Makes room for the slots of decide, at most `covered` rounds from `fromRound` on, `perRound` each. Returns how many
 * there are, up to the highest round; the host then sets their leaders at dagAnswersAddress.
 */
export function dagPrepare(fromRound: u32, covered: u32, perRound: u32): i32 {
  if (size == 0 || fromRound > highest) return 0;
  const rounds = min(covered, highest - fromRound + 1);
  const bytes: u64 = (<u64>rounds * perRound + 1) * SLOT_BYTES;
  if (!reserveAnswers(bytes)) return NO_MEMORY;
  return rounds * perRound;
}

/** See decide in dag-rule. */
export function dagDecide(count: u32, fromRound: u32, fromOffset: u32, perRound: u32): i32 {
  return decide(answers, count, fromRound, fromOffset, perRound);
}

/** Handles at dagAnswersAddress, their count or a code below 0. */
export function dagLinearize(leader: i32, from: u32): i32 {
  if (!isLive(leader)) return BAD_HANDLE;
  if (!reserveAnswers(<u64>size << 2)) return NO_MEMORY;
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
  return (stateOf(handle) & COMMITTED) != 0 ? 1 : 0;
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
