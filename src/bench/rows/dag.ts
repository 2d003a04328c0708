/** The DAG as a node meets it: a stream of rounds over a window that garbage collection keeps, one round per run. */
import type { DagKernel, DagOptions } from '../../wasm/kernels.ts';
import type { Column, RowSpec } from '../harness.ts';
import { NaiveDag } from '../naive/dag.ts';
import { bytesOf, perKernel, pseudoRandom } from './kernels.ts';

/** Rounds below the last committed leader that stay. */
const KEPT_ROUNDS = 60;
/** Rounds before the clock starts. */
const FIRST_ROUNDS = 2 * KEPT_ROUNDS;
/** After as many rounds the leaders are the same again. */
const LEADERS = 1 << 16;

/** Digests are the same again after as many blocks: only blocks of one slot are compared by them, and there are none. */
const DIGESTS = Array.from({ length: 128 }, (_, seed) => bytesOf(32, seed));

/** As good as random for a benchmark; allocates nothing. */
class Dice {
  #state: number;

  constructor(seed: number) {
    this.#state = seed | 0;
  }

  /** 0 … 99. */
  percent(): number {
    this.#state = (Math.imul(this.#state, 1664525) + 1013904223) | 0;
    return (this.#state >>> 8) % 100;
  }
}

/**
 * Rounds as a network with some late messages makes them: an author has a block in 98 of 100 rounds and links itself,
 * 95 of 100 blocks of the round before, and some older blocks of those who have none there. Making a round allocates
 * nothing, so that what is measured does not find the caches full of the making.
 */
class Stream {
  readonly #dag: DagKernel;
  readonly #authors: number;
  readonly #dice: Dice;
  /** Newest block of each author before the round at hand: handle, or −1, and round. */
  readonly #handles: Int32Array;
  readonly #rounds: Int32Array;
  #round = 0;
  #next = 1;
  /** By round. */
  readonly #leaders: readonly number[];
  /** Of the round at hand: who has a block, what it links, and its handle. */
  readonly #present: boolean[];
  readonly #parents: number[][];
  readonly #inserted: Int32Array;
  /** What was linearized since the round at hand was begun, and the author of each handle, to sum it up by. */
  #orders: number[][] = [];
  readonly #authorOf: number[] = [];
  /** Over all decisions so far, and all orders but those of the round at hand. */
  sum = 0;

  constructor(dag: DagKernel, authors: number, seed: number) {
    this.#dag = dag;
    this.#authors = authors;
    this.#dice = new Dice(seed);
    this.#handles = new Int32Array(authors).fill(-1);
    this.#rounds = new Int32Array(authors).fill(-1);
    this.#present = new Array<boolean>(authors).fill(false);
    this.#parents = Array.from({ length: authors }, () => []);
    this.#inserted = new Int32Array(authors);
    const leader = pseudoRandom(seed);
    this.#leaders = Array.from({ length: LEADERS }, () => leader() % authors);
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
    for (let author = 0; author < this.#authors; author++) {
      this.#present[author] = this.#dice.percent() >= 2;
      if (this.#present[author]) this.#link(author, gcRound);
    }
  }

  #link(author: number, gcRound: number): void {
    const parents = this.#parents[author]!;
    let count = 0;
    for (let other = 0; other < this.#authors; other++) {
      const round = this.#rounds[other]!;
      // An older block is mostly in the own history by now and not linked again.
      const chance = round === this.#round - 1 ? 95 : 5;
      const isLinked = other === author || this.#dice.percent() < chance;
      if (isLinked && round > Math.max(gcRound, 0)) parents[count++] = this.#handles[other]!;
    }
    parents.length = count;
  }

  /** Puts the round into the arena. */
  insert(): void {
    for (let author = 0; author < this.#authors; author++) if (this.#present[author]) this.#insertOne(author);
  }

  #insertOne(author: number): void {
    const digest = DIGESTS[author]!;
    this.#inserted[author] = this.#dag.insert(this.#round, author, digest, this.#parents[author]!);
  }

  /** Decides what is undecided and linearizes what commits. */
  commit(): void {
    const leaders: number[] = [];
    for (let round = this.#next; round <= this.#round; round++) leaders.push(this.#leaders[round % LEADERS]!);
    for (const slot of this.#dag.decide(this.#next, 0, leaders, 1)) {
      this.#next++;
      if (slot.block >= 0) this.#orders.push(this.#dag.linearize(slot.block, slot.round - KEPT_ROUNDS));
      this.sum = (Math.imul(this.sum, 31) + 2 * slot.status.length + (slot.direct ? 1 : 0)) >>> 0;
    }
  }

  /** All that a node does with a round: a decision is looked for after every block. */
  loop(): void {
    for (let author = 0; author < this.#authors; author++) {
      if (!this.#present[author]) continue;
      this.#insertOne(author);
      this.commit();
    }
  }

  #finish(): void {
    for (let author = 0; author < this.#authors; author++) {
      if (!this.#present[author]) continue;
      this.#handles[author] = this.#inserted[author]!;
      this.#rounds[author] = this.#round;
      this.#authorOf[this.#inserted[author]!] = author;
    }
    for (const order of this.#orders) {
      for (const handle of order) this.sum = (Math.imul(this.sum, 31) + this.#authorOf[handle]!) >>> 0;
    }
    this.#orders = [];
  }
}

/**
 * A row whose run is one round in each of some DAGs, so many that the clock does not weigh: `before` is not timed, `timed`
 * is.
 */
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
  const count = authors < 64 ? 4 : 1;
  const column = (make: () => DagKernel): Column => {
    const streams = Array.from({ length: count }, (_, seed) => new Stream(make(), authors, seed));
    return {
      prepare: () => {
        for (const stream of streams) before(stream);
      },
      run: () => {
        let sum = 0;
        for (const stream of streams) {
          timed(stream);
          sum = (Math.imul(sum, 31) + stream.sum) >>> 0;
        }
        return sum;
      },
    };
  };
  return {
    name,
    params: { authors, stakes },
    operations: count,
    operation: 'round',
    columns: {
      naive: () => column(() => new NaiveDag(options)),
      ...perKernel((kernels) => column(() => kernels.createDag(options))),
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
