/**
 * Validity of a block: a pure function of its bytes, the committee and the genesis. Never of a model's opinion, of a missing
 * vote, of the clock, or of anything about a vote's target: some nodes would know it and some would not.
 */
import { PqError } from '../errors.ts';
import { equalBytes } from './bytes.ts';
import { type Committee, StakeSet } from './committee.ts';
import { CONFIDENCE_MAX } from './limits.ts';
import type { Header, Ref, SignedBlock, Vote } from './types.ts';

/** The only version of headers. */
export const HEADER_VERSION = 1;

/**
 * Every rule of validity except the signature, cheapest first. What needs nothing but the bytes (sizes, limits, the order of
 * votes and commit votes, the payload) holds for every block already: `decodeBlock` and `buildBlock` refuse others.
 *
 * Throws `BLOCK_VERSION`, `BLOCK_CHAIN`, `BLOCK_EPOCH`, `BLOCK_AUTHOR`, `BLOCK_ROUND`, `BLOCK_CONFIDENCE`, `BLOCK_PARENTS_EMPTY`,
 * `BLOCK_PARENTS_COUNT`, `BLOCK_PARENT_AUTHOR`, `BLOCK_PARENT_DUPLICATE`, `BLOCK_PARENT_OWN`, `BLOCK_PARENT_ROUND`,
 * `BLOCK_PARENT_GENESIS`, `BLOCK_PARENT_QUORUM`, `BLOCK_VOTE_CONFIDENCE`, `BLOCK_VOTE_BOTH`.
 */
export function checkBlock(block: SignedBlock, committee: Committee): void {
  const { header } = block;
  checkPlace(header, committee);
  if (header.confidence > CONFIDENCE_MAX) {
    refuse('BLOCK_CONFIDENCE', 'The confidence of a header is at most 10000.', header);
  }
  checkParents(header, committee);
  for (const vote of header.votes) checkVote(header, vote);
}

/** Of this protocol, chain and epoch; by a validator; in a round that blocks can have. */
function checkPlace(header: Header, committee: Committee): void {
  if (header.version !== HEADER_VERSION) refuse('BLOCK_VERSION', 'This version of blocks is not known here.', header);
  if (!equalBytes(header.chainId, committee.chainId)) refuse('BLOCK_CHAIN', 'The block is of another chain.', header);
  if (header.epoch !== committee.epoch) refuse('BLOCK_EPOCH', 'The block is of another epoch.', header);
  if (header.author >= committee.size) refuse('BLOCK_AUTHOR', 'The author is not in the committee.', header);
  if (header.round < 1) refuse('BLOCK_ROUND', 'Blocks begin at round 1; round 0 is genesis.', header);
}

/** One parent per author, the own one first, all of earlier rounds, a quorum of them of the round before. */
function checkParents(header: Header, committee: Committee): void {
  const { parents } = header;
  if (parents.length === 0)
    refuse('BLOCK_PARENTS_EMPTY', 'A block has parents; those of round 1 are the genesis refs.', header);
  if (parents.length > committee.size) refuse('BLOCK_PARENTS_COUNT', 'There are more parents than validators.', header);
  const authors = new StakeSet(committee);
  const previous = new StakeSet(committee);
  for (const parent of parents) {
    if (parent.author >= committee.size)
      refuse('BLOCK_PARENT_AUTHOR', 'The author of a parent is not in the committee.', header);
    if (!authors.add(parent.author)) refuse('BLOCK_PARENT_DUPLICATE', 'Two parents are of one author.', header);
    checkParent(header, parent, committee);
    if (parent.round === header.round - 1) previous.add(parent.author);
  }
  if (parents[0]!.author !== header.author) {
    refuse('BLOCK_PARENT_OWN', 'The first parent is not of the author itself.', header);
  }
  if (previous.stake < committee.quorum) {
    refuse('BLOCK_PARENT_QUORUM', 'The parents of the round before have less stake than a quorum.', header);
  }
}

function checkParent(header: Header, parent: Ref, committee: Committee): void {
  if (parent.round >= header.round) refuse('BLOCK_PARENT_ROUND', 'A parent is not of an earlier round.', header);
  if (parent.round === 0 && !equalBytes(parent.digest, committee.genesisRefs[parent.author]!.digest)) {
    refuse('BLOCK_PARENT_GENESIS', 'A parent of round 0 is not a genesis ref of this chain.', header);
  }
}

/** What a vote says by itself. Whether its lists fit the target is asked when votes are counted. */
function checkVote(header: Header, vote: Vote): void {
  if (vote.confidence > CONFIDENCE_MAX) {
    refuse('BLOCK_VOTE_CONFIDENCE', 'The confidence of a vote is at most 10000.', header);
  }
  const { rejects, abstains } = vote;
  const shared = Math.min(rejects.bytes.length, abstains.bytes.length);
  for (let i = 0; i < shared; i++) {
    if ((rejects.bytes[i]! & abstains.bytes[i]!) !== 0) {
      refuse('BLOCK_VOTE_BOTH', 'A vote rejects a proposal and abstains on it.', header);
    }
  }
}

function refuse(code: string, message: string, header: Header): never {
  throw new PqError(code, message, { epoch: header.epoch, round: header.round, author: header.author });
}
