/** DAGs written by block names, as the public commit-rule suites do: "B4" is validator B in round 4, "B4'" a second one. */
import { createHash } from 'node:crypto';
import { type DagKernel, type DecidedSlot, type Kernels, NO_LEADER } from '../../src/wasm/kernels.ts';

export interface NamedBlock {
  readonly id: string;
  readonly round: number;
  readonly author: string;
  readonly ancestors: readonly string[];
}

/** [status, slot, how, block], as in the vectors. */
export type NamedDecision = readonly [string, string, string | null, string | null];

type Leaders = Readonly<Record<string, readonly string[]>>;

export class NamedDag {
  readonly dag: DagKernel;
  readonly handles = new Map<string, number>();
  readonly #names = new Map<number, string>();
  readonly #authors: string;
  #highest = 0;

  constructor(kernels: Kernels, stakes: readonly number[], quorum: number) {
    this.dag = kernels.createDag({ stakes, quorum, maxBlocks: 4096 });
    this.#authors = 'ABCDEFGHIJ'.slice(0, stakes.length);
  }

  /** Inserts blocks; ancestors of round 0 are genesis refs, which the arena does not hold. */
  add(blocks: readonly NamedBlock[]): void {
    for (const { id, round, author, ancestors } of blocks) {
      const parents = ancestors.filter((name) => !/^[A-Z]0$/.test(name)).map((name) => this.handle(name));
      const digest = createHash('sha256').update(id).digest();
      const handle = this.dag.insert(round, this.#authors.indexOf(author), digest, parents);
      this.handles.set(id, handle);
      this.#names.set(handle, id);
      this.#highest = Math.max(this.#highest, round);
    }
  }

  /** `layer` in short: "A4: A3 B3 C3; B4: …". A trailing ' marks the second block of a slot. */
  addText(text: string): void {
    for (const line of text.split(/[;\n]/)) {
      const [id, ancestors] = line.split(':').map((part) => part.trim());
      if (!id) continue;
      const round = Number(id.slice(1).replaceAll("'", ''));
      this.add([{ id, round, author: id[0]!, ancestors: ancestors?.split(/\s+/).filter(Boolean) ?? [] }]);
    }
  }

  handle(name: string): number {
    const handle = this.handles.get(name);
    if (handle === undefined) throw new Error(`the fixture links ${name} before it is there`);
    return handle;
  }

  names(blocks: Iterable<number>): string[] {
    return [...blocks].map((block) => this.#names.get(block)!);
  }

  /** How every slot of `leaders` (round → authors) stands, up to two rounds below the highest. */
  decide(leaders: Leaders): NamedDecision[] {
    const { slots, perRound } = this.#slots(leaders);
    return slots.flatMap((author, slot) => {
      const round = 1 + Math.floor(slot / perRound);
      if (author === NO_LEADER || round > this.#highest - 2) return [];
      const offset = slot % perRound;
      const [decided] = this.dag.decide(round, offset, slots.slice(slot - offset), perRound);
      const isIt = decided?.round === round && decided.offset === offset;
      return [isIt ? this.#named(decided) : ['undecided', `${this.#authors[author]}${round}`, null, null]];
    });
  }

  /** The longest decided prefix of the same slots. */
  prefix(leaders: Leaders): NamedDecision[] {
    const { slots, perRound } = this.#slots(leaders);
    const decided = this.dag.decide(1, 0, slots, perRound).filter(({ round }) => round <= this.#highest - 2);
    return decided.map((slot) => this.#named(slot));
  }

  #slots(leaders: Leaders): { readonly slots: readonly number[]; readonly perRound: number } {
    const perRound = Math.max(...Object.values(leaders).map((authors) => authors.length));
    const slots = new Array<number>(this.#highest * perRound).fill(NO_LEADER);
    for (const [round, authors] of Object.entries(leaders)) {
      if (Number(round) > this.#highest) continue;
      for (const [offset, author] of authors.entries()) {
        slots[(Number(round) - 1) * perRound + offset] = this.#authors.indexOf(author);
      }
    }
    return { slots, perRound };
  }

  #named({ status, round, author, direct, block }: DecidedSlot): NamedDecision {
    const name = block < 0 ? null : this.#names.get(block)!;
    return [status, `${this.#authors[author]}${round}`, direct ? 'direct' : 'indirect', name];
  }
}
