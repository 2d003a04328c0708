/** The block arena and the commit rule through the core: one instance of it per arena. */
import type { PqError } from '../errors.ts';
import { checkBound, checkStakes, checkThreshold, DIGEST_BYTES, isU32 } from './checks.ts';
import { BAD_BLOCK, badBlock, badSlots, checkHandle, dagFull, firstKept, twoCommits } from './dag-checks.ts';
import { type CoreInstance, outOfMemory } from './instance.ts';
import { type DagKernel, type DagOptions, type DecidedSlot, NO_LEADER } from './kernels.ts';

/** Answers of dagInsert below 0 (assembly/dag-blocks.ts); from FIRST_REFUSAL on down they are of {@link BAD_BLOCK}. */
const FULL = -1;
const NO_MEMORY = -2;
const FIRST_REFUSAL = -3;

// Answers of dagDecide below 0 (assembly/dag.ts); from TWO_COMMITS on down they are a slot.
const BAD_SLOTS = -1;
const TWO_COMMITS = -3;

/** A slot in the answer of dagDecide (assembly/dag-rule.ts), in words: status and 256 × direct, block, and two more. */
const SLOT_WORDS = 4;
const COMMIT = 1;

export class CoreDag implements DagKernel {
  readonly #core: CoreInstance;
  readonly #authors: number;
  readonly #digestAt: number;
  readonly #parentsAt: number;
  readonly #answersAt: number;
  #leadersAt = 0;
  #leadersRoom = 0;

  constructor(core: CoreInstance, options: DagOptions) {
    const { stakes, quorum, maxBlocks } = options;
    checkStakes(stakes);
    checkThreshold('quorum', quorum);
    checkBound('maxBlocks', maxBlocks);
    this.#core = core;
    this.#authors = stakes.length;
    const { exports } = core;
    for (const [author, stake] of stakes.entries()) core.storeU64(exports.stakesAddress() + 8 * author, stake);
    core.storeU64(exports.dagQuorumAddress(), quorum);
    if (exports.dagInit(stakes.length, maxBlocks) !== 0) throw outOfMemory({ maxBlocks });
    this.#digestAt = exports.dagDigestAddress();
    this.#parentsAt = exports.dagParentsAddress() >>> 2;
    this.#answersAt = exports.dagAnswersAddress() >>> 2;
    this.#makeRoom(64);
  }

  insert(round: number, author: number, digest: Uint8Array, parents: readonly number[]): number {
    const core = this.#core;
    if (!isU32(round)) throw badBlock('its round is not above gcRound');
    if (!isU32(author)) throw badBlock('its author is not in the committee');
    if (digest.length !== DIGEST_BYTES) throw badBlock('its digest does not have 32 bytes');
    if (parents.length > this.#authors) throw badBlock('two parents are of one author');
    core.u8.set(digest, this.#digestAt);
    const { i32 } = core;
    for (let i = 0; i < parents.length; i++) {
      const parent = parents[i]!;
      if ((parent | 0) !== parent) throw badBlock('a parent is not in the arena');
      i32[this.#parentsAt + i] = parent;
    }
    const handle = core.exports.dagInsert(round, author, parents.length);
    core.refresh();
    if (handle >= 0) return handle;
    if (handle === FULL) throw dagFull(this.size);
    if (handle === NO_MEMORY) throw outOfMemory({ blocks: this.size });
    throw badBlock(BAD_BLOCK[FIRST_REFUSAL - handle]!);
  }

  decide(fromRound: number, fromOffset: number, leaders: readonly number[], leadersPerRound: number): DecidedSlot[] {
    const core = this.#core;
    const { length } = leaders;
    if (length > this.#leadersRoom) this.#makeRoom(2 * length);
    const { u16 } = core;
    const leadersAt = this.#leadersAt;
    let areSane = isU32(fromRound) && isU32(fromOffset) && isU32(leadersPerRound);
    for (let i = 0; i < length; i++) {
      const leader = leaders[i]!;
      if ((leader & 0xffff) !== leader) areSane = false;
      u16[leadersAt + i] = leader;
    }
    const count = areSane ? core.exports.dagDecide(fromRound, fromOffset, length, leadersPerRound) : BAD_SLOTS;
    core.refresh();
    if (count < 0) throw this.#notDecided(count, fromRound, fromOffset, leaders, leadersPerRound);
    return count > fromOffset ? this.#slots(count, fromRound, fromOffset, leaders, leadersPerRound) : [];
  }

  /** What dagDecide answered, up to slot number `end`, as objects. */
  #slots(
    end: number,
    fromRound: number,
    fromOffset: number,
    leaders: readonly number[],
    perRound: number,
  ): DecidedSlot[] {
    const { i32 } = this.#core;
    let decided: DecidedSlot[] | undefined;
    let at = (i32[this.#answersAt]! >>> 2) + SLOT_WORDS * fromOffset;
    let round = fromRound;
    let offset = fromOffset;
    for (let slot = fromOffset; slot < end; slot++, offset++, at += SLOT_WORDS) {
      if (offset === perRound) {
        offset = 0;
        round++;
      }
      const author = leaders[slot]!;
      if (author === NO_LEADER) continue;
      const word = i32[at]!;
      const status = (word & 255) === COMMIT ? 'commit' : 'skip';
      const one: DecidedSlot = { round, offset, author, status, direct: word >= 256, block: i32[at + 1]! };
      // Mostly it is one: an array of it is made at once, where a push to an empty one makes room for many.
      if (decided === undefined) decided = [one];
      else decided.push(one);
    }
    return decided ?? [];
  }

  #notDecided(
    code: number,
    fromRound: number,
    fromOffset: number,
    leaders: readonly number[],
    perRound: number,
  ): PqError {
    if (code <= TWO_COMMITS) {
      const slot = TWO_COMMITS - code;
      return twoCommits(fromRound + Math.floor(slot / perRound), leaders[slot]!);
    }
    if (code === NO_MEMORY) return outOfMemory({ slots: leaders.length });
    const keepFrom = this.#core.exports.dagKeepFrom() >>> 0;
    return badSlots({ fromRound, fromOffset, leadersPerRound: perRound, leaders: leaders.length, keepFrom });
  }

  /** Makes room for as many leaders. */
  #makeRoom(leaders: number): void {
    const at = this.#core.exports.dagLeaders(leaders);
    if (at === 0) throw outOfMemory({ slots: leaders });
    this.#core.refresh();
    this.#leadersAt = at >>> 1;
    this.#leadersRoom = leaders;
  }

  linearize(leader: number, gcRound: number): number[] {
    const from = firstKept(gcRound);
    const count = this.#core.exports.dagLinearize(this.#handle(leader), from);
    this.#core.refresh();
    if (count === NO_MEMORY) throw outOfMemory({ blocks: this.size });
    checkHandle(leader, count >= 0);
    const { i32 } = this.#core;
    const at = i32[this.#answersAt]! >>> 2;
    const blocks = new Array<number>(count);
    for (let i = 0; i < count; i++) blocks[i] = i32[at + i]!;
    return blocks;
  }

  markCommitted(block: number): void {
    checkHandle(block, this.#core.exports.dagMarkCommitted(this.#handle(block)) === 0);
  }

  isCommitted(block: number): boolean {
    const answer = this.#core.exports.dagIsCommitted(this.#handle(block));
    checkHandle(block, answer >= 0);
    return answer === 1;
  }

  reaches(from: number, to: number): boolean {
    const answer = this.#core.exports.dagReaches(this.#handle(from), this.#handle(to));
    if (answer < 0) checkHandle(from, this.#core.exports.dagIsCommitted(this.#handle(from)) >= 0);
    checkHandle(to, answer >= 0);
    return answer === 1;
  }

  collect(gcRound: number): void {
    this.#core.exports.dagCollect(firstKept(gcRound));
  }

  get size(): number {
    return this.#core.exports.dagSize();
  }

  /** What the core takes for a handle: −1 for what an i32 cannot say. */
  #handle(handle: number): number {
    return (handle | 0) === handle ? handle : -1;
  }
}
