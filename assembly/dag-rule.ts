// The commit rule, wave of 3 (Mysticeti, arXiv 2310.14821 §3): a leader block L of round R is voted for by the blocks of
// R + 1 that link it, and certified by a block of R + 2 whose parents hold a quorum of such votes. Authors are counted,
// never blocks.
import { setHas, setHigh, setLow } from './author-set';
import { AUTHORS, EQUIVOCATORS, authorOf, firstOf, nextOf, parentOf, roundAt, strongOf, supportOf } from './dag-blocks';
import { walkDownTo, walkHas, walkStart } from './dag-walk';
import { stakeOf, stakeOfAuthor } from './stake';

// A slot of decide, 16 bytes: status u8, direct u8, author u16, block i32, anchor u32.
const STATUS: usize = 0;
const DIRECT: usize = 1;
const LEADER: usize = 2;
const COMMITTED_BLOCK: usize = 4;
/** The first slot from this one on that is not skipped, the only one an indirect decision looks at. */
const ANCHOR: usize = 8;
export const SLOT_BYTES: usize = 16;

// STATUS; src/wasm/dag.ts knows them.
const UNDECIDED: u8 = 0;
const COMMIT: u8 = 1;
const SKIP: u8 = 2;
const ABSENT: u8 = 3;

const NO_LEADER: u16 = 0xffff;

// Outcomes for one slot below any handle.
const NOT_YET: i32 = -1;
const SKIPPED: i32 = -2;
const TWO: i32 = -3;

/** u64, the host sets it. */
export const QUORUM = memory.data(8, 8);

/** Whose history the walk holds during one decide, −1 before. */
let walked: i32 = -1;

@inline
function isQuorum(low: u64, high: u64): bool {
  return stakeOf(low, high) >= load<u64>(QUORUM);
}

@inline
function isQuorumSet(set: usize): bool {
  return isQuorum(setLow(set), setHigh(set));
}

/**
 * Decides `count` slots at `slots`, `perRound` of them for each round from `fromRound` on, whose LEADER is set; those
 * before `fromOffset` are left alone. Returns −1, or the slot where two blocks would commit.
 */
export function decide(slots: usize, count: u32, fromRound: u32, fromOffset: u32, perRound: u32): i32 {
  walked = -1;
  // Past the end is "nothing": an anchor there leaves a slot undecided.
  store<u32>(slots + <usize>count * SLOT_BYTES, count, ANCHOR);
  for (let i = count; i > fromOffset; ) {
    const index = --i;
    const slot = slots + <usize>index * SLOT_BYTES;
    const following = load<u32>(slot + SLOT_BYTES, ANCHOR);
    const author = load<u16>(slot, LEADER);
    store<u8>(slot, 0, DIRECT);
    store<i32>(slot, -1, COMMITTED_BLOCK);
    if (author == NO_LEADER) {
      store<u8>(slot, ABSENT, STATUS);
      store<u32>(slot, following, ANCHOR);
      continue;
    }
    const rounds = index / perRound;
    let block = decideDirectly(fromRound + rounds, author);
    if (block == NOT_YET) {
      const higher = (rounds + 3) * perRound;
      if (higher < count) {
        const anchor = slots + <usize>load<u32>(slots + <usize>higher * SLOT_BYTES, ANCHOR) * SLOT_BYTES;
        if (anchor < slots + <usize>count * SLOT_BYTES && load<u8>(anchor, STATUS) == COMMIT) {
          block = decideBy(load<i32>(anchor, COMMITTED_BLOCK), fromRound + rounds, author);
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

/** The first block of a slot, −1 when it has none. */
@inline
function firstBlock(round: u32, author: u32): i32 {
  const place = roundAt(round);
  return place != 0 && setHas(place + AUTHORS, author) ? firstOf(place, author) : -1;
}

/** The direct rule: a committed block, SKIPPED, NOT_YET or TWO. */
function decideDirectly(round: u32, author: u32): i32 {
  const voters = roundAt(round + 1);
  if (voters == 0 || !isQuorumSet(voters + AUTHORS)) return NOT_YET;
  const first = firstBlock(round, author);
  // Two certified blocks blame each other, so they have to be looked for before the skip that they would look like.
  if (first >= 0 && nextOf(first) >= 0 && findCertified(first, round, voters) == TWO) return TWO;
  let block = first;
  while (block >= 0 && isBlamed(block, voters)) block = nextOf(block);
  return block < 0 ? SKIPPED : findCertified(first, round, voters);
}

/** The block of a slot, whose blocks start with `first`, that a quorum of authors certifies; NOT_YET or TWO. */
function findCertified(first: i32, round: u32, voters: usize): i32 {
  const certifiers = roundAt(round + 2);
  if (certifiers == 0 || !isQuorumSet(certifiers + AUTHORS)) return NOT_YET;
  let found: i32 = NOT_YET;
  for (let block = first; block >= 0; block = nextOf(block)) {
    if (!hasCertificateQuorum(block, voters, certifiers)) continue;
    if (found != NOT_YET) return TWO;
    found = block;
  }
  return found;
}

/** The indirect rule by the committed block of a higher slot: a committed block, SKIPPED or TWO. */
function decideBy(anchor: i32, round: u32, author: u32): i32 {
  if (walked != anchor) {
    walkStart(anchor, 0, false);
    walked = anchor;
  }
  walkDownTo(round + 2);
  const voters = roundAt(round + 1);
  const certifiers = roundAt(round + 2);
  let found: i32 = SKIPPED;
  if (voters == 0 || certifiers == 0) return found;
  for (let block = firstBlock(round, author); block >= 0; block = nextOf(block)) {
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

/** True when `block`, two rounds above `leader`, has a quorum of parents that vote for it. */
@inline
function isCertificate(block: i32, leader: i32, voters: usize): bool {
  const parents = strongOf(block);
  const support = supportOf(leader);
  let low = setLow(parents) & setLow(support);
  let high = setHigh(parents) & setHigh(support);
  const suspectLow = low & setLow(voters + EQUIVOCATORS);
  const suspectHigh = high & setHigh(voters + EQUIVOCATORS);
  if ((suspectLow | suspectHigh) != 0) {
    low &= ~falseVotes(block, leader, suspectLow, 0);
    high &= ~falseVotes(block, leader, suspectHigh, 64);
  }
  return isQuorum(low, high);
}

/** Those of the equivocators in `suspects` whose block that `block` links is not one that votes. */
function falseVotes(block: i32, leader: i32, suspects: u64, base: u32): u64 {
  let guilty: u64 = 0;
  for (let bits = suspects; bits != 0; bits &= bits - 1) {
    if (!isVote(parentOf(block, base + <u32>ctz(bits)), leader)) guilty |= bits & (0 - bits);
  }
  return guilty;
}

/** True when the authors of the certificates for `leader` hold a quorum. */
function hasCertificateQuorum(leader: i32, voters: usize, certifiers: usize): bool {
  if (!isQuorumSet(supportOf(leader))) return false;
  const quorum = load<u64>(QUORUM);
  let certified: u64 = 0;
  for (let half: u32 = 0; half < 2; half++) {
    for (let bits = load<u64>(certifiers + (<usize>half << 3), AUTHORS); bits != 0; bits &= bits - 1) {
      const author = (half << 6) + <u32>ctz(bits);
      let block = firstOf(certifiers, author);
      while (block >= 0 && !isCertificate(block, leader, voters)) block = nextOf(block);
      if (block < 0) continue;
      certified += stakeOfAuthor(author);
      if (certified >= quorum) return true;
    }
  }
  return false;
}

/** True when the history that was walked has a certificate for `leader`. */
function isCertifiedInHistory(leader: i32, voters: usize, certifiers: usize): bool {
  if (!isQuorumSet(supportOf(leader))) return false;
  for (let half: u32 = 0; half < 2; half++) {
    for (let bits = load<u64>(certifiers + (<usize>half << 3), AUTHORS); bits != 0; bits &= bits - 1) {
      const author = (half << 6) + <u32>ctz(bits);
      for (let block = firstOf(certifiers, author); block >= 0; block = nextOf(block)) {
        if (walkHas(block) && isCertificate(block, leader, voters)) return true;
      }
    }
  }
  return false;
}
