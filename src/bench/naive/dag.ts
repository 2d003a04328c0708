/**
 * The DAG as one writes it first: objects, maps and sets, the rules word by word. The slow column of the benchmark, and
 * an oracle for the tests that shares no idea with the kernels.
 */
import { type DagKernel, type DagOptions, type DecidedSlot, NO_LEADER } from '../../wasm/kernels.ts';

interface Block {
  readonly handle: number;
  readonly round: number;
  readonly author: number;
  readonly digest: string;
  readonly parents: readonly Block[];
  isCommitted: boolean;
}

interface Commit {
  readonly status: 'commit';
  readonly block: Block;
}

type Outcome = Commit | { readonly status: 'skip' | 'undecided' };

interface SlotOutcome {
  readonly round: number;
  readonly offset: number;
  readonly author: number;
  readonly direct: boolean;
  readonly outcome: Outcome;
}

export class NaiveDag implements DagKernel {
  readonly #options: DagOptions;
  readonly #blocks = new Map<number, Block>();
  readonly #rounds = new Map<number, Set<Block>>();
  #nextHandle = 0;

  constructor(options: DagOptions) {
    this.#options = options;
  }

  insert(round: number, author: number, digest: Uint8Array, parents: readonly number[]): number {
    const handle = this.#nextHandle++;
    const hex = Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
    const links = parents.map((parent) => this.#blocks.get(parent)!);
    const block: Block = { handle, round, author, digest: hex, parents: links, isCommitted: false };
    this.#blocks.set(handle, block);
    const peers = this.#rounds.get(round) ?? new Set();
    this.#rounds.set(round, peers.add(block));
    return handle;
  }

  #at(round: number): Block[] {
    return [...(this.#rounds.get(round) ?? [])];
  }

  #isQuorum(authors: Iterable<number>): boolean {
    let stake = 0;
    for (const author of new Set(authors)) stake += this.#options.stakes[author]!;
    return stake >= this.#options.quorum;
  }

  #isCertificate(block: Block, leader: Block): boolean {
    const votes = block.parents.filter(
      (parent) => parent.round === leader.round + 1 && parent.parents.includes(leader),
    );
    return this.#isQuorum(votes.map((vote) => vote.author));
  }

  #direct(round: number, author: number): Outcome {
    const leaders = this.#at(round).filter((block) => block.author === author);
    const next = this.#at(round + 1);
    const isBlamed = (leader: Block): boolean =>
      this.#isQuorum(next.filter((block) => !block.parents.includes(leader)).map((block) => block.author));
    const committed = leaders.filter((leader) => {
      const certificates = this.#at(round + 2).filter((block) => this.#isCertificate(block, leader));
      return this.#isQuorum(certificates.map((block) => block.author));
    });
    // Two at once are fatal, even where both look skipped.
    const outcome = this.#onlyOne(committed, 'undecided');
    const isSkipped =
      leaders.length === 0 ? this.#isQuorum(next.map((block) => block.author)) : leaders.every(isBlamed);
    return isSkipped ? { status: 'skip' } : outcome;
  }

  #onlyOne(committed: readonly Block[], otherwise: 'skip' | 'undecided'): Outcome {
    if (committed.length > 1) throw Object.assign(new Error('two blocks commit'), { code: 'DAG_TWO_COMMITS' });
    const [block] = committed;
    return block === undefined ? { status: otherwise } : { status: 'commit', block };
  }

  #history(from: Block): Set<Block> {
    const seen = new Set([from]);
    for (const block of seen) for (const parent of block.parents) if (this.#blocks.has(parent.handle)) seen.add(parent);
    return seen;
  }

  #indirect(round: number, author: number, higher: readonly Outcome[]): Outcome {
    for (const outcome of higher) {
      if (outcome.status === 'skip') continue;
      if (outcome.status !== 'commit') break;
      const certificates = [...this.#history(outcome.block)].filter((block) => block.round === round + 2);
      const leaders = this.#at(round).filter((block) => block.author === author);
      const certified = leaders.filter((leader) => certificates.some((block) => this.#isCertificate(block, leader)));
      return this.#onlyOne(certified, 'skip');
    }
    return { status: 'undecided' };
  }

  decide(fromRound: number, fromOffset: number, leaders: readonly number[], leadersPerRound: number): DecidedSlot[] {
    const highest = Math.max(-1, ...this.#rounds.keys());
    const last = Math.min(highest, fromRound + Math.floor(leaders.length / leadersPerRound) - 1);
    const decided: SlotOutcome[] = [];
    for (let round = last; round >= fromRound; round--) {
      for (let offset = leadersPerRound - 1; offset >= (round === fromRound ? fromOffset : 0); offset--) {
        const author = leaders[(round - fromRound) * leadersPerRound + offset]!;
        if (author === NO_LEADER) continue;
        let outcome = this.#direct(round, author);
        const direct = outcome.status !== 'undecided';
        if (!direct) {
          const higher = decided.filter((slot) => slot.round >= round + 3).map((slot) => slot.outcome);
          outcome = this.#indirect(round, author, higher);
        }
        decided.unshift({ round, offset, author, direct, outcome });
      }
    }
    const end = decided.findIndex(({ outcome }) => outcome.status === 'undecided');
    return decided.slice(0, end < 0 ? decided.length : end).map(({ outcome, ...slot }): DecidedSlot => {
      const block = outcome.status === 'commit' ? outcome.block.handle : -1;
      return { ...slot, status: outcome.status === 'commit' ? 'commit' : 'skip', block };
    });
  }

  linearize(leader: number, gcRound: number): number[] {
    const isWanted = (block: Block): boolean =>
      !block.isCommitted && block.round > gcRound && this.#blocks.has(block.handle);
    const seen = new Set([this.#blocks.get(leader)!].filter(isWanted));
    for (const block of seen) for (const parent of block.parents) if (isWanted(parent)) seen.add(parent);
    const order = [...seen].sort(
      (a, b) => a.round - b.round || a.author - b.author || (a.digest < b.digest ? -1 : a.digest > b.digest ? 1 : 0),
    );
    for (const block of order) block.isCommitted = true;
    return order.map((block) => block.handle);
  }

  markCommitted(block: number): void {
    this.#blocks.get(block)!.isCommitted = true;
  }

  isCommitted(block: number): boolean {
    return this.#blocks.get(block)!.isCommitted;
  }

  reaches(from: number, to: number): boolean {
    return this.#history(this.#blocks.get(from)!).has(this.#blocks.get(to)!);
  }

  collect(gcRound: number): void {
    for (const [round, blocks] of this.#rounds) {
      if (round > gcRound) continue;
      for (const block of blocks) this.#blocks.delete(block.handle);
      this.#rounds.delete(round);
    }
  }

  get size(): number {
    return this.#blocks.size;
  }
}
