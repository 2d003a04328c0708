/** The block arena and the commit rule through the core: one instance of it per arena. */
import { checkBound, checkStakes, checkThreshold, DIGEST_BYTES, isU32 } from './checks.ts';
import { BAD_BLOCK, badBlock, checkDecide, checkHandle, dagFull, firstKept, twoCommits } from './dag-checks.ts';
import { type CoreInstance, outOfMemory } from './instance.ts';
import { type DagKernel, type DagOptions, type DecidedSlot, NO_LEADER, type SlotStatus } from './kernels.ts';

/** Answers of dagInsert below 0 (assembly/dag-blocks.ts); from FIRST_REFUSAL on down they are of {@link BAD_BLOCK}. */
const FULL = -1;
const NO_MEMORY = -2;
const FIRST_REFUSAL = -3;

/** A slot in the answer of dagDecide (assembly/dag-rule.ts): status u8, direct u8, author u16, block i32, and 8 more. */
const SLOT_BYTES = 16;
const STATUS: readonly SlotStatus[] = ['undecided', 'commit', 'skip'];

export class CoreDag implements DagKernel {
  readonly #core: CoreInstance;
  readonly #authors: number;
  readonly #digestAt: number;
  readonly #parentsAt: number;

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
    core.refresh();
    this.#digestAt = exports.dagDigestAddress();
    this.#parentsAt = exports.dagParentsAddress() >>> 2;
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

  decide(fromRound: number, fromOffset: number, leaders: Uint16Array, leadersPerRound: number): DecidedSlot[] {
    const core = this.#core;
    const { exports } = core;
    const keepFrom = exports.dagKeepFrom() >>> 0;
    checkDecide(fromRound, fromOffset, leaders, leadersPerRound, this.#authors, keepFrom);
    const covered = Math.floor(leaders.length / leadersPerRound);
    const count = exports.dagPrepare(fromRound, covered, leadersPerRound);
    core.refresh();
    if (count < 0) throw outOfMemory({ slots: leaders.length });
    const slots = exports.dagAnswersAddress();
    const { u8, u16, i32 } = core;
    for (let slot = fromOffset; slot < count; slot++) u16[(slots + SLOT_BYTES * slot + 2) >>> 1] = leaders[slot]!;
    const fatal = exports.dagDecide(count, fromRound, fromOffset, leadersPerRound);
    if (fatal >= 0) throw twoCommits(fromRound + Math.floor(fatal / leadersPerRound), leaders[fatal]!);
    const decided: DecidedSlot[] = [];
    for (let slot = fromOffset; slot < count; slot++) {
      const author = leaders[slot]!;
      if (author === NO_LEADER) continue;
      const at = slots + SLOT_BYTES * slot;
      decided.push({
        round: fromRound + Math.floor(slot / leadersPerRound),
        offset: slot % leadersPerRound,
        author,
        status: STATUS[u8[at]!]!,
        direct: u8[at + 1] === 1,
        block: i32[(at + 4) >>> 2]!,
      });
    }
    return decided;
  }

  linearize(leader: number, gcRound: number): Int32Array {
    const from = firstKept(gcRound);
    const count = this.#core.exports.dagLinearize(this.#handle(leader), from);
    this.#core.refresh();
    if (count === NO_MEMORY) throw outOfMemory({ blocks: this.size });
    checkHandle(leader, count >= 0);
    const at = this.#core.exports.dagAnswersAddress() >>> 2;
    return this.#core.i32.slice(at, at + count);
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
