/** The DAG as a node meets it: a stream of rounds over a window that garbage collection keeps, one round per run. */
import type { DagKernel, DagOptions } from '../../wasm/kernels.ts';
import type { Column, RowSpec } from '../harness.ts';
import { NaiveDag } from '../naive/dag.ts';
import { bytesOf, perKernel, pseudoRandom } from './kernels.ts';

/** Rounds below the last committed leader that stay. */
const KEPT_ROUNDS = 60;
/** Rounds before the clock starts. */
const FIRST_ROUNDS = 2 * KEPT_ROUNDS;
/** More than any run comes to. */
const ROUNDS_MAX = 2_000_000;

interface Block {
  readonly author: number;
  readonly digest: Uint8Array;
  readonly parents: readonly number[];
}

/**
 * Rounds as a network with some late messages makes them: an author has a block in 98 of 100 rounds and links itself,
 * 95 of 100 blocks of the round before, and some older blocks of those who have none there.
 */
class Stream {
  readonly #dag: DagKernel;
  readonly #authors: number;
  readonly #random: () => number;
  #newest: { handle: number; round: number }[] = [];
  #round = 0;
  #next = 1;
  /** By round − 1, as far as a run may come. */
  readonly #leaders: Uint16Array;
  #blocks: Block[] = [];
  #handles: number[] = [];
  /** Over all decisions and orders so far. */
  sum = 0;

  constructor(dag: DagKernel, authors: number) {
    this.#dag = dag;
    this.#authors = authors;
    this.#random = pseudoRandom(authors);
    const leader = pseudoRandom(authors + 1);
    this.#leaders = Uint16Array.from({ length: ROUNDS_MAX }, () => leader() % authors);
    for (let round = 0; round < FIRST_ROUNDS; round++) {
      this.prepare();
      this.insert();
      this.commit();
    }
  }

  /** Makes the blocks of the next round; collects first, as a node does after a commit. */
  prepare(): void {
    this.#finish();
    this.#round++;
    const gcRound = this.#next - 1 - KEPT_ROUNDS;
    this.#dag.collect(gcRound);
    this.#blocks = [];
    this.#handles = [];
    for (let author = 0; author < this.#authors; author++) {
      if (this.#random() % 100 < 2) continue;
      const parents: number[] = [];
      for (const [other, newest] of this.#newest.entries()) {
        // An older block is mostly in the own history by now and not linked again.
        const chance = newest.round === this.#round - 1 ? 95 : 5;
        const isLinked = other === author || this.#random() % 100 < chance;
        if (isLinked && newest.handle >= 0 && newest.round > gcRound) parents.push(newest.handle);
      }
      this.#blocks.push({ author, digest: bytesOf(32, this.#random()), parents });
    }
  }

  /** Puts the round into the arena. */
  insert(): void {
    for (const block of this.#blocks) this.#insertOne(block);
  }

  #insertOne({ author, digest, parents }: Block): void {
    this.#handles.push(this.#dag.insert(this.#round, author, digest, parents));
  }

  /** Decides what is undecided and linearizes what commits. */
  commit(): void {
    const leaders = this.#leaders.subarray(this.#next - 1, this.#round);
    for (const slot of this.#dag.decide(this.#next, 0, leaders, 1)) {
      if (slot.status === 'undecided') break;
      this.#next++;
      const blocks = slot.block < 0 ? 0 : this.#dag.linearize(slot.block, slot.round - KEPT_ROUNDS).length;
      this.sum = (Math.imul(this.sum, 31) + 4 * blocks + 2 * slot.status.length + (slot.direct ? 1 : 0)) >>> 0;
    }
  }

  /** All that a node does with a round: a decision is looked for after every block. */
  loop(): void {
    for (const block of this.#blocks) {
      this.#insertOne(block);
      this.commit();
    }
  }

  #finish(): void {
    for (const [i, handle] of this.#handles.entries()) {
      this.#newest[this.#blocks[i]!.author] = { handle, round: this.#round };
    }
    this.#newest = Array.from(this.#newest, (newest) => newest ?? { handle: -1, round: -1 });
  }
}

/** A row whose run is one round: `before` is not timed, `timed` is. */
function row(
  name: string,
  authors: number,
  stakes: 'equal' | 'weighted',
  before: (stream: Stream) => void,
  timed: (stream: Stream) => void,
  targets: NonNullable<RowSpec['targets']> = {},
): RowSpec {
  const weights = Array.from({ length: authors }, (_, author) => (stakes === 'equal' ? 1 : 1 + (author % 3)));
  const total = weights.reduce((sum, stake) => sum + stake, 0);
  const options: DagOptions = {
    stakes: weights,
    quorum: total - Math.floor((total - 1) / 3),
    maxBlocks: 100_000,
  };
  const column = (dag: DagKernel): Column => {
    const stream = new Stream(dag, authors);
    return {
      prepare: () => before(stream),
      run: () => {
        timed(stream);
        return stream.sum;
      },
    };
  };
  return {
    name,
    params: { authors, stakes },
    operations: 1,
    operation: 'round',
    columns: {
      naive: () => column(new NaiveDag(options)),
      ...perKernel((kernels) => column(kernels.createDag(options))),
    },
    targets,
  };
}

/** Timed: inserting. What was inserted before is decided and collected outside of it. */
function insertRow(authors: number): RowSpec {
  const before = (stream: Stream): void => {
    stream.commit();
    stream.prepare();
  };
  return row('dag insert', authors, 'equal', before, (stream) => stream.insert());
}

function commitRow(authors: number, stakes: 'equal' | 'weighted', target: number): RowSpec {
  const before = (stream: Stream): void => {
    stream.prepare();
    stream.insert();
  };
  return row('commit rule + linearize', authors, stakes, before, (stream) => stream.commit(), { twin: target });
}

function loopRow(authors: number): RowSpec {
  return row(
    'round: insert, decide after each, linearize',
    authors,
    'equal',
    (stream) => stream.prepare(),
    (stream) => stream.loop(),
  );
}

export function dagRows(): RowSpec[] {
  const sizes = [4, 32, 100];
  return [
    ...sizes.map((authors) => insertRow(authors)),
    commitRow(4, 'equal', 2),
    commitRow(32, 'equal', 5),
    commitRow(100, 'equal', 8),
    commitRow(100, 'weighted', 8),
    ...sizes.map((authors) => loopRow(authors)),
  ];
}
