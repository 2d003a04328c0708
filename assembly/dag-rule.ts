// The commit rule, wave of 3 (Mysticeti, arXiv 2310.14821 §3): a leader block L of round R is voted for by the blocks of
// R + 1 that link it, and certified by a block of R + 2 whose parents hold a quorum of such votes. Authors are counted,
// never blocks.
import { setAdd, setClear, setHas, setHigh, setLow } from './author-set';
import { authorOf, nextOf, parentOf, strongOf, supportOf } from './dag-blocks';
import { AUTHORS, CERTIFIERS, COUNTED, EQUIVOCATORS, firstOf, roundAt } from './dag-rounds';
import { walkDownTo, walkHas, walkStart } from './dag-walk';
import { isQuorum, stakeOverQuorum, weighsMore } from './stake';

// A slot of decide, 16 bytes: status u8 and direct u8 of a u32, block i32, anchor u32.
const STATUS: usize = 0;
const DIRECT: usize = 1;
const COMMITTED_BLOCK: usize = 4;
/** The first slot from this one on that is not skipped, the only one an indirect decision looks at. */
const ANCHOR: usize = 8;
export const SLOT_BYTES: usize = 16;

// STATUS; src/wasm/dag.ts knows them.
const UNDECIDED: u8 = 0;
const COMMIT: u8 = 1;
const SKIP: u8 = 2;
const ABSENT: u8 = 3;

export const NO_LEADER: u32 = 0xffff;

// Outcomes for one slot below any handle.
const NOT_YET: i32 = -1;
const SKIPPED: i32 = -2;
const TWO: i32 = -3;

/** Whose history the walk holds during one decide, −1 before. */
let walked: i32 = -1;

@inline
function isQuorumSet(set: usize): bool {
  return isQuorum(setLow(set), setHigh(set));
}

/**
 * Decides the slots of `roundCount` rounds from `fromRound` on, `perRound` in each, whose leaders (u16) are at `leaders`;
 * what comes of them goes to `slots`, with room for one more. Those before `fromOffset` are left alone. Returns −1, or the
 * slot where two blocks would commit.
 */
export function decide(
  slots: usize,
  leaders: usize,
  roundCount: u32,
  fromRound: u32,
  fromOffset: u32,
  perRound: u32,
): i32 {
  walked = -1;
  const count = roundCount * perRound;
  // Past the end is "nothing": an anchor there leaves a slot undecided.
  store<u32>(slots + <usize>count * SLOT_BYTES, count, ANCHOR);
  let offset: u32 = 0;
  let rounds = roundCount;
  let place: usize = roundAt(fromRound + rounds);
  let voters: usize = roundAt(fromRound + rounds + 1);
  let certifiers: usize = 0;
  for (let i = count; i > fromOffset; ) {
    const index = --i;
    if (offset == 0) {
      offset = perRound;
      rounds--;
      certifiers = voters;
      voters = place;
      place = roundAt(fromRound + rounds);
    }
    offset--;
    const slot = slots + <usize>index * SLOT_BYTES;
    const following = load<u32>(slot + SLOT_BYTES, ANCHOR);
    const author = <u32>load<u16>(leaders + (<usize>index << 1));
    store<u32>(slot, 0, STATUS);
    store<i32>(slot, -1, COMMITTED_BLOCK);
    if (author == NO_LEADER) {
      store<u8>(slot, ABSENT, STATUS);
      store<u32>(slot, following, ANCHOR);
      continue;
    }
    const first = place != 0 && setHas(place + AUTHORS, author) ? firstOf(place, author) : -1;
    let block = decideDirectly(first, place, voters, certifiers);
    if (block == NOT_YET) {
      const higher = (rounds + 3) * perRound;
      if (higher < count) {
        const anchor = slots + <usize>load<u32>(slots + <usize>higher * SLOT_BYTES, ANCHOR) * SLOT_BYTES;
        if (anchor < slots + <usize>count * SLOT_BYTES && load<u8>(anchor, STATUS) == COMMIT) {
          block = decideBy(load<i32>(anchor, COMMITTED_BLOCK), fromRound + rounds, first, voters, certifiers);
        }
      }
    } else {
      store<u8>(slot, 1, DIRECT);
    }
    if (block == TWO) return index;
    if (block >= 0) store<i32>(slot, block, COMMITTED_BLOCK);
    store<u8>(slot, block == NOT_YET ? UNDECIDED : block == SKIPPED ? SKIP : COMMIT, STATUS);
    store<u32>(slot, block == SKIPPED ? following : index, ANCHOR);
  }
  return -1;
}

/** The number of the first slot from `from` on, of `count`, that is not decided. */
export function decidedPrefix(slots: usize, count: u32, from: u32): u32 {
  let slot = from;
  while (slot < count && load<u8>(slots + <usize>slot * SLOT_BYTES, STATUS) != UNDECIDED) slot++;
  return slot;
}

// The rounds R, R + 1 and R + 2 of a slot, 0 where no block of them is held, are `place`, `voters` and `certifiers`. The
// blocks of the slot start with `first`, −1 when it has none.

/** The direct rule: a committed block, SKIPPED, NOT_YET or TWO. */
@inline
function decideDirectly(first: i32, place: usize, voters: usize, certifiers: usize): i32 {
  if (first >= 0 && load<i32>(place, COUNTED) < 0) startCounting(place, first, voters, certifiers);
  if (voters == 0 || !isQuorumSet(voters + AUTHORS)) return NOT_YET;
  // Two certified blocks blame each other, so they have to be looked for before the skip that they would look like.
  if (first >= 0 && nextOf(first) >= 0 && findCertified(first, place, voters, certifiers) == TWO) return TWO;
  let block = first;
  while (block >= 0 && isBlamed(block, voters)) block = nextOf(block);
  return block < 0 ? SKIPPED : findCertified(first, place, voters, certifiers);
}

/**
 * The block of a slot that a quorum of authors certifies; NOT_YET or TWO. Counting goes on for the last block looked at:
 * the only one, where there is one leader in a round and no equivocator.
 */
function findCertified(first: i32, place: usize, voters: usize, certifiers: usize): i32 {
  if (certifiers == 0 || !isQuorumSet(certifiers + AUTHORS)) return NOT_YET;
  let found: i32 = NOT_YET;
  for (let block = first; block >= 0; block = nextOf(block)) {
    if (load<i32>(place, COUNTED) != block) startCounting(place, block, voters, certifiers);
    if (!isQuorumSet(place + CERTIFIERS)) continue;
    if (found != NOT_YET) return TWO;
    found = block;
  }
  return found;
}

/** The indirect rule by the committed block of a higher slot: a committed block, SKIPPED or TWO. */
function decideBy(anchor: i32, round: u32, first: i32, voters: usize, certifiers: usize): i32 {
  if (walked != anchor) {
    walkStart(anchor, 0, false);
    walked = anchor;
  }
  walkDownTo(round + 2);
  let found: i32 = SKIPPED;
  if (voters == 0 || certifiers == 0) return found;
  for (let block = first; block >= 0; block = nextOf(block)) {
    if (!isCertifiedInHistory(block, voters, certifiers)) continue;
    if (found != SKIPPED) return TWO;
    found = block;
  }
  return found;
}

/** True when the authors with a block of the next round that does not link `leader` hold a quorum. */
function isBlamed(leader: i32, voters: usize): bool {
  return isQuorum(
    blame(leader, voters, setLow(voters + AUTHORS), setLow(voters + EQUIVOCATORS), 0),
    blame(leader, voters, setHigh(voters + AUTHORS), setHigh(voters + EQUIVOCATORS), 64),
  );
}

/** Those of the 64 authors from `base` on that have a block which does not link `leader`. */
@inline
function blame(leader: i32, voters: usize, authors: u64, equivocators: u64, base: u32): u64 {
  const support = load<u64>(supportOf(leader) + <usize>(base >> 3));
  let blaming = authors & ~support;
  // An equivocator may have linked it in one block and not in another: then it counts on both sides.
  for (let bits = support & equivocators; bits != 0; bits &= bits - 1) {
    for (let block = firstOf(voters, base + <u32>ctz(bits)); block >= 0; block = nextOf(block)) {
      if (!isVote(block, leader)) blaming |= bits & (0 - bits);
    }
  }
  return blaming;
}

/** True when `block`, of the round after `leader`, has it among its parents. */
function isVote(block: i32, leader: i32): bool {
  const author = authorOf(leader);
  return setHas(strongOf(block), author) && parentOf(block, author) == leader;
}

/** Votes for the leader at hand, those of them by equivocators, and what the votes weigh above a quorum. */
let votesLow: u64 = 0;
let votesHigh: u64 = 0;
let doubtsLow: u64 = 0;
let doubtsHigh: u64 = 0;
let spare: u64 = 0;

/** Takes up the votes for a leader; false when they hold no quorum, so that nothing can certify it. */
function takeVotes(leader: i32, voters: usize): bool {
  votesLow = setLow(supportOf(leader));
  votesHigh = setHigh(supportOf(leader));
  if (!isQuorum(votesLow, votesHigh)) return false;
  doubtsLow = votesLow & setLow(voters + EQUIVOCATORS);
  doubtsHigh = votesHigh & setHigh(voters + EQUIVOCATORS);
  spare = stakeOverQuorum(votesLow, votesHigh);
  return true;
}

/**
 * True when `block`, two rounds above the leader whose votes were taken up, has a quorum of parents among them: when the
 * votes that it lacks weigh no more than is spare. Mostly few are lacking.
 */
@inline
function isCertificate(block: i32, leader: i32): bool {
  const low = setLow(strongOf(block));
  const high = setHigh(strongOf(block));
  let lackLow = votesLow & ~low;
  let lackHigh = votesHigh & ~high;
  if (((doubtsLow & low) | (doubtsHigh & high)) != 0) {
    lackLow |= falseVotes(block, leader, doubtsLow & low, 0);
    lackHigh |= falseVotes(block, leader, doubtsHigh & high, 64);
  }
  return !weighsMore(lackLow, lackHigh, spare);
}

/** Those of the equivocators in `suspects` whose block that `block` links is not one that votes. */
function falseVotes(block: i32, leader: i32, suspects: u64, base: u32): u64 {
  let guilty: u64 = 0;
  for (let bits = suspects; bits != 0; bits &= bits - 1) {
    if (!isVote(parentOf(block, base + <u32>ctz(bits)), leader)) guilty |= bits & (0 - bits);
  }
  return guilty;
}

/** Enters a new block among the certifiers of the leader block that is counted two rounds below, if it is one. */
export function countCertificate(block: i32, round: u32, author: u32): void {
  if (round < 2) return;
  const place = roundAt(round - 2);
  if (place == 0) return;
  const leader = load<i32>(place, COUNTED);
  if (leader < 0 || !takeVotes(leader, roundAt(round - 1))) return;
  // All parents are here before a block is, so no later one makes it a certificate.
  if (isCertificate(block, leader)) setAdd(place + CERTIFIERS, author);
}

/** Counts the certificates for `leader`, of the round at `place`, and those that come later. */
function startCounting(place: usize, leader: i32, voters: usize, certifiers: usize): void {
  store<i32>(place, leader, COUNTED);
  setClear(place + CERTIFIERS);
  if (certifiers == 0 || !takeVotes(leader, voters)) return;
  for (let half: u32 = 0; half < 2; half++) {
    for (let bits = load<u64>(certifiers + (<usize>half << 3), AUTHORS); bits != 0; bits &= bits - 1) {
      const author = (half << 6) + <u32>ctz(bits);
      let block = firstOf(certifiers, author);
      while (block >= 0 && !isCertificate(block, leader)) block = nextOf(block);
      if (block >= 0) setAdd(place + CERTIFIERS, author);
    }
  }
}

/** True when the history that was walked has a certificate for `leader`. */
function isCertifiedInHistory(leader: i32, voters: usize, certifiers: usize): bool {
  if (!takeVotes(leader, voters)) return false;
  for (let half: u32 = 0; half < 2; half++) {
    for (let bits = load<u64>(certifiers + (<usize>half << 3), AUTHORS); bits != 0; bits &= bits - 1) {
      const author = (half << 6) + <u32>ctz(bits);
      for (let block = firstOf(certifiers, author); block >= 0; block = nextOf(block)) {
        if (walkHas(block) && isCertificate(block, leader)) return true;
      }
    }
  }
  return false;
}
