/** The block arena and the commit rule in plain TypeScript; the oracle of the core's `dag` kernel. */
import { checkBound, checkStakes, checkThreshold } from '../checks.ts';
import { checkDecide, checkHandle, firstKept } from '../dag-checks.ts';
import type { DagKernel, DagOptions, DecidedSlot } from '../kernels.ts';
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

  decide(fromRound: number, fromOffset: number, leaders: Uint16Array, leadersPerRound: number): DecidedSlot[] {
    checkDecide(fromRound, fromOffset, leaders, leadersPerRound, this.#arena.authorsCount, this.#arena.keepFrom);
    return this.#rule.decide(fromRound, fromOffset, leaders, leadersPerRound);
  }

  linearize(leader: number, gcRound: number): Int32Array {
    this.#check(leader);
    this.#history.start(leader, firstKept(gcRound), true);
    const blocks = this.#history.sorted();
    for (let i = 0; i < blocks.length; i++) this.#arena.commit(blocks[i]!);
    return new Int32Array(blocks);
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

  #check(handle: number): void {
    checkHandle(handle, this.#arena.isLive(handle));
  }
}
