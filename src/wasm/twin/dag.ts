/** The block arena and the commit rule in plain TypeScript; the oracle of the core's `dag` kernel. */
import { checkBound, checkStakes, checkThreshold, isU32 } from '../checks.ts';
import { badSlots, checkHandle, firstKept } from '../dag-checks.ts';
import { type DagKernel, type DagOptions, type DecidedSlot, NO_LEADER } from '../kernels.ts';
import { BlockArena, COMMITTED } from './block-arena.ts';
import { CommitRule } from './commit-rule.ts';
import { HistoryWalk } from './history.ts';
import { StakeTable } from './stake-table.ts';

export class TwinDag implements DagKernel {
  readonly #arena: BlockArena;
  readonly #history: HistoryWalk;
  readonly #rule: CommitRule;

  constructor(options: DagOptions) {
    checkStakes(options.stakes);
    checkThreshold('quorum', options.quorum);
    checkBound('maxBlocks', options.maxBlocks);
    this.#arena = new BlockArena(options.stakes.length, options.maxBlocks);
    this.#history = new HistoryWalk(this.#arena);
    this.#rule = new CommitRule(this.#arena, new StakeTable(options.stakes), options.quorum, this.#history);
  }

  insert(round: number, author: number, digest: Uint8Array, parents: readonly number[]): number {
    return this.#arena.insert(round, author, digest, parents);
  }

  decide(fromRound: number, fromOffset: number, leaders: readonly number[], leadersPerRound: number): DecidedSlot[] {
    this.#checkSlots(fromRound, fromOffset, leaders, leadersPerRound);
    return this.#rule.decide(fromRound, fromOffset, leaders, leadersPerRound);
  }

  linearize(leader: number, gcRound: number): number[] {
    this.#check(leader);
    this.#history.start(leader, firstKept(gcRound), true);
    const blocks = this.#history.sorted();
    for (let i = 0; i < blocks.length; i++) this.#arena.commit(blocks[i]!);
    return blocks;
  }

  markCommitted(block: number): void {
    this.#check(block);
    this.#arena.commit(block);
  }

  isCommitted(block: number): boolean {
    this.#check(block);
    return (this.#arena.state[block]! & COMMITTED) !== 0;
  }

  reaches(from: number, to: number): boolean {
    this.#check(from);
    this.#check(to);
    const round = this.#arena.round[to]!;
    if (round > this.#arena.round[from]!) return false;
    this.#history.start(from, round, false);
    this.#history.downTo(round);
    return this.#history.has(to);
  }

  collect(gcRound: number): void {
    this.#arena.collect(firstKept(gcRound));
  }

  get size(): number {
    return this.#arena.size;
  }

  #checkSlots(fromRound: number, fromOffset: number, leaders: readonly number[], leadersPerRound: number): void {
    const { authorsCount, keepFrom } = this.#arena;
    const areU32 = isU32(fromRound) && isU32(fromOffset) && isU32(leadersPerRound);
    let isSane = areU32 && fromRound >= keepFrom && leadersPerRound >= 1 && fromOffset <= leadersPerRound;
    for (let i = 0; i < leaders.length; i++) {
      const leader = leaders[i]!;
      if (!(isU32(leader) && leader < authorsCount) && leader !== NO_LEADER) isSane = false;
    }
    if (!isSane) throw badSlots({ fromRound, fromOffset, leadersPerRound, leaders: leaders.length, keepFrom });
  }

  #check(handle: number): void {
    checkHandle(handle, this.#arena.isLive(handle));
  }
}
