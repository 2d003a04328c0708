/**
 * The commit rule, wave of 3 (Mysticeti, arXiv 2310.14821 §3; `docs/protocol.md`): a leader block L of round R is voted
 * for by the blocks of R + 1 that link it, and certified by a block of R + 2 whose parents hold a quorum of such votes.
 * Authors are counted, never blocks.
 */
import { twoCommits } from '../dag-checks.ts';
import { type DecidedSlot, NO_LEADER } from '../kernels.ts';
import type { BlockArena } from './block-arena.ts';
import type { HistoryWalk } from './history.ts';
import type { StakeTable } from './stake-table.ts';

const UNDECIDED = 0;
const COMMIT = 1;
const SKIP = 2;
/** Nobody leads here: not a slot. */
const ABSENT = 3;

export class CommitRule {
  readonly #arena: BlockArena;
  readonly #stakes: StakeTable;
  readonly #quorum: number;
  readonly #history: HistoryWalk;
  /** A scratch author set. */
  readonly #votes: Uint32Array;
  /** By slot of one decide(): how it stands, the committed block or −1, whether the direct rule said so. */
  #status = new Uint8Array(0);
  #direct = new Uint8Array(0);
  #committed = new Int32Array(0);
  /** For each slot the first one from it on that is not skipped, the only one an indirect decision looks at. */
  #anchors = new Int32Array(1);
  /** Whose history `#history` holds during one decide(), −1 before. */
  #anchor = -1;

  constructor(arena: BlockArena, stakes: StakeTable, quorum: number, history: HistoryWalk) {
    this.#arena = arena;
    this.#stakes = stakes;
    this.#quorum = quorum;
    this.#history = history;
    this.#votes = new Uint32Array(arena.words);
  }

  /** See {@link DagKernel.decide}. */
  decide(fromRound: number, fromOffset: number, leaders: readonly number[], perRound: number): DecidedSlot[] {
    const arena = this.#arena;
    const covered = Math.floor(leaders.length / perRound);
    const rounds = arena.size === 0 ? 0 : Math.max(0, Math.min(covered, arena.highest - fromRound + 1));
    const slots = rounds * perRound;
    if (slots > this.#status.length) this.#grow(2 * slots);
    const [status, direct, committed, anchor] = [this.#status, this.#direct, this.#committed, this.#anchors];
    anchor[slots] = slots;
    this.#anchor = -1;
    for (let slot = slots - 1; slot >= fromOffset; slot--) {
      const round = fromRound + Math.floor(slot / perRound);
      const author = leaders[slot]!;
      if (author === NO_LEADER) {
        status[slot] = ABSENT;
        anchor[slot] = anchor[slot + 1]!;
        continue;
      }
      let block = this.#decideDirectly(round, author);
      direct[slot] = block === NOT_YET ? 0 : 1;
      if (block === NOT_YET) {
        const firstHigher = (Math.floor(slot / perRound) + 3) * perRound;
        const higher = firstHigher < slots ? anchor[firstHigher]! : slots;
        if (higher < slots && status[higher] === COMMIT) block = this.#decideBy(committed[higher]!, round, author);
      }
      committed[slot] = block >= 0 ? block : -1;
      status[slot] = block === NOT_YET ? UNDECIDED : block === SKIPPED ? SKIP : COMMIT;
      anchor[slot] = status[slot] === SKIP ? anchor[slot + 1]! : slot;
    }
    const decided: DecidedSlot[] = [];
    for (let slot = fromOffset; slot < slots; slot++) {
      if (status[slot] === ABSENT) continue;
      if (status[slot] === UNDECIDED) break;
      decided.push({
        round: fromRound + Math.floor(slot / perRound),
        offset: slot % perRound,
        author: leaders[slot]!,
        status: status[slot] === COMMIT ? 'commit' : 'skip',
        direct: direct[slot] === 1,
        block: committed[slot]!,
      });
    }
    return decided;
  }

  #grow(slots: number): void {
    this.#status = new Uint8Array(slots);
    this.#direct = new Uint8Array(slots);
    this.#committed = new Int32Array(slots);
    this.#anchors = new Int32Array(slots + 1);
  }

  /** The direct rule: a committed block, SKIPPED or NOT_YET. */
  #decideDirectly(round: number, author: number): number {
    const arena = this.#arena;
    const voters = arena.place(round + 1);
    if (voters < 0 || this.#stakes.of(arena.ringAuthors, voters * arena.words) < this.#quorum) return NOT_YET;
    const first = this.#firstBlock(round, author);
    // Two certified blocks blame each other, so they have to be looked for before the skip that they would look like.
    if (first >= 0 && arena.nextInSlot[first]! >= 0) this.#findCertified(first, round, author);
    let isSkipped = true;
    for (let block = first; block >= 0 && isSkipped; block = arena.nextInSlot[block]!) {
      isSkipped = this.#isBlamed(block, voters);
    }
    return isSkipped ? SKIPPED : this.#findCertified(first, round, author);
  }

  /** The block of a slot, whose blocks start with `first`, that a quorum of authors certifies, or NOT_YET. */
  #findCertified(first: number, round: number, author: number): number {
    let found = NOT_YET;
    for (let block = first; block >= 0; block = this.#arena.nextInSlot[block]!) {
      if (!this.#hasCertificateQuorum(block)) continue;
      if (found !== NOT_YET) throw twoCommits(round, author);
      found = block;
    }
    return found;
  }

  /** The indirect rule by the committed block of a higher slot: a committed block or SKIPPED. */
  #decideBy(anchor: number, round: number, author: number): number {
    const arena = this.#arena;
    if (this.#anchor !== anchor) {
      this.#history.start(anchor, 0, false);
      this.#anchor = anchor;
    }
    this.#history.downTo(round + 2);
    let found = SKIPPED;
    for (let block = this.#firstBlock(round, author); block >= 0; block = arena.nextInSlot[block]!) {
      if (!this.#isCertifiedInHistory(block)) continue;
      if (found !== SKIPPED) throw twoCommits(round, author);
      found = block;
    }
    return found;
  }

  #firstBlock(round: number, author: number): number {
    const arena = this.#arena;
    const place = arena.place(round);
    if (place < 0) return -1;
    const isHere = arena.ringAuthors[place * arena.words + (author >>> 5)]! & (1 << (author & 31));
    return isHere ? arena.first(place, author) : -1;
  }

  /** True when the authors with a block of the next round that does not link `leader` hold a quorum. */
  #isBlamed(leader: number, voters: number): boolean {
    const arena = this.#arena;
    const { words } = arena;
    for (let word = 0; word < words; word++) {
      const support = arena.support[leader * words + word]!;
      let blame = arena.ringAuthors[voters * words + word]! & ~support;
      // An equivocator may have linked it in one block and not in another: then it counts on both sides.
      for (let bits = support & arena.ringEquivocators[voters * words + word]!; bits !== 0; bits &= bits - 1) {
        const author = word * 32 + 31 - Math.clz32(bits & -bits);
        for (let block = arena.first(voters, author); block >= 0; block = arena.nextInSlot[block]!) {
          if (!this.#links(block, leader)) blame |= bits & -bits;
        }
      }
      this.#votes[word] = blame;
    }
    return this.#stakes.of(this.#votes, 0) >= this.#quorum;
  }

  /** True when `block`, of the round after `leader`, has it among its parents. */
  #links(block: number, leader: number): boolean {
    const arena = this.#arena;
    const author = arena.author[leader]!;
    const set = arena.strong[block * arena.words + (author >>> 5)]!;
    return (set & (1 << (author & 31))) !== 0 && arena.parent(block, author) === leader;
  }

  /** True when `block`, two rounds above `leader`, has a quorum of parents that vote for it. */
  #isCertificate(block: number, leader: number): boolean {
    const arena = this.#arena;
    const { words } = arena;
    const place = arena.place(arena.round[leader]! + 1);
    for (let word = 0; word < words; word++) {
      let votes = arena.strong[block * words + word]! & arena.support[leader * words + word]!;
      for (let bits = votes & arena.ringEquivocators[place * words + word]!; bits !== 0; bits &= bits - 1) {
        const author = word * 32 + 31 - Math.clz32(bits & -bits);
        if (!this.#links(arena.parent(block, author), leader)) votes &= ~(bits & -bits);
      }
      this.#votes[word] = votes;
    }
    return this.#stakes.of(this.#votes, 0) >= this.#quorum;
  }

  /** True when the authors of the certificates for `leader` hold a quorum. */
  #hasCertificateQuorum(leader: number): boolean {
    const arena = this.#arena;
    const { words } = arena;
    const place = arena.place(arena.round[leader]! + 2);
    if (place < 0 || this.#stakes.of(arena.support, leader * words) < this.#quorum) return false;
    let certified = 0;
    for (let word = 0; word < words; word++) {
      for (let bits = arena.ringAuthors[place * words + word]!; bits !== 0; bits &= bits - 1) {
        const author = word * 32 + 31 - Math.clz32(bits & -bits);
        let block = arena.first(place, author);
        while (block >= 0 && !this.#isCertificate(block, leader)) block = arena.nextInSlot[block]!;
        if (block < 0) continue;
        certified += this.#stakes.ofAuthor(author);
        if (certified >= this.#quorum) return true;
      }
    }
    return false;
  }

  /** True when the history that was walked has a certificate for `leader`. */
  #isCertifiedInHistory(leader: number): boolean {
    const arena = this.#arena;
    const { words } = arena;
    const place = arena.place(arena.round[leader]! + 2);
    if (place < 0 || this.#stakes.of(arena.support, leader * words) < this.#quorum) return false;
    for (let word = 0; word < words; word++) {
      for (let bits = arena.ringAuthors[place * words + word]!; bits !== 0; bits &= bits - 1) {
        const author = word * 32 + 31 - Math.clz32(bits & -bits);
        for (let block = arena.first(place, author); block >= 0; block = arena.nextInSlot[block]!) {
          if (this.#history.has(block) && this.#isCertificate(block, leader)) return true;
        }
      }
    }
    return false;
  }
}

const NOT_YET = -1;
const SKIPPED = -2;
