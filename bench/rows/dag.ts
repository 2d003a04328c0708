/** The DAG: inserting rounds, the commit rule with linearization over them, and the loop that a node runs. */
import type { DagKernel, DagOptions } from '../../src/wasm/kernels.ts';
import { type Column, checksum, type RowSpec } from '../harness.ts';
import { NaiveDag } from '../naive/dag.ts';
import { bytesOf, perKernel, pseudoRandom } from './kernels.ts';

const ROUNDS = 60;

interface Planned {
  readonly round: number;
  readonly author: number;
  readonly digest: Uint8Array;
  /** Positions in the plan. */
  readonly parents: readonly number[];
}

/**
 * Rounds as a network with some late messages makes them: every author has a block in most rounds, links itself and
 * most blocks of the round before, and its newest older block where it misses one.
 */
function plan(
  authors: number,
  stakes: readonly number[],
): { blocks: Planned[]; options: DagOptions; leaders: Uint16Array } {
  const next = pseudoRandom(authors);
  const blocks: Planned[] = [];
  let newest = new Map<number, number>();
  for (let round = 1; round <= ROUNDS; round++) {
    const made = new Map<number, number>();
    for (let author = 0; author < authors; author++) {
      if (next() % 100 < 2) continue;
      const parents: number[] = [];
      for (const [other, position] of newest) {
        if (other === author || next() % 100 >= 5) parents.push(position);
      }
      made.set(author, blocks.length);
      blocks.push({ round, author, digest: bytesOf(32, blocks.length), parents });
    }
    newest = new Map([...newest, ...made]);
  }
  const total = stakes.reduce((sum, stake) => sum + stake, 0);
  const leaders = Uint16Array.from({ length: ROUNDS }, () => next() % authors);
  return { blocks, leaders, options: { stakes, quorum: total - Math.floor((total - 1) / 3), maxBlocks: 100_000 } };
}

function insertAll(dag: DagKernel, blocks: readonly Planned[]): number[] {
  const handles: number[] = [];
  for (const { round, author, digest, parents } of blocks) {
    handles.push(
      dag.insert(
        round,
        author,
        digest,
        parents.map((parent) => handles[parent]!),
      ),
    );
  }
  return handles;
}

type MakeDag = (options: DagOptions) => DagKernel;

function columns(make: (dag: MakeDag) => Column): Record<string, () => Column> {
  return {
    naive: () => make((options) => new NaiveDag(options)),
    ...perKernel((kernels) => make((options) => kernels.createDag(options))),
  };
}

function insertRow(authors: number): RowSpec {
  const { blocks, options } = plan(authors, new Array<number>(authors).fill(1));
  return {
    name: 'dag insert',
    params: { authors, rounds: ROUNDS },
    operations: blocks.length,
    operation: 'block',
    columns: columns((make) => {
      let dag: DagKernel;
      return {
        prepare: () => {
          dag = make(options);
        },
        run: () => insertAll(dag, blocks).length + dag.size,
      };
    }),
  };
}

function commitRow(authors: number, stakes: 'equal' | 'weighted'): RowSpec {
  const weights = Array.from({ length: authors }, (_, author) => (stakes === 'equal' ? 1 : 1 + (author % 3)));
  const { blocks, options, leaders } = plan(authors, weights);
  return {
    name: 'commit rule + linearize',
    params: { authors, stakes, rounds: ROUNDS },
    operations: ROUNDS,
    operation: 'round',
    columns: columns((make) => {
      let dag: DagKernel;
      let positions = new Map<number, number>();
      return {
        prepare: () => {
          dag = make(options);
          positions = new Map(insertAll(dag, blocks).map((handle, position) => [handle, position]));
        },
        run: () => {
          const order: number[] = [];
          for (const slot of dag.decide(1, 0, leaders, 1)) {
            order.push(slot.status.length, slot.direct ? 1 : 0);
            if (slot.block >= 0) order.push(dag.linearize(slot.block, slot.round - ROUNDS).length);
          }
          return `${positions.size} ${checksum(order)}`;
        },
      };
    }),
  };
}

/** Round by round: insert, decide after each block from where it stopped, linearize what commits, collect behind it. */
function loopRow(authors: number): RowSpec {
  const { blocks, options, leaders } = plan(authors, new Array<number>(authors).fill(1));
  return {
    name: 'node loop: insert, decide, linearize, collect',
    params: { authors, rounds: ROUNDS },
    operations: blocks.length,
    operation: 'block',
    columns: columns((make) => {
      let dag: DagKernel;
      return {
        prepare: () => {
          dag = make(options);
        },
        run: () => {
          const handles: number[] = [];
          const order: number[] = [];
          let next = 1;
          for (const { round, author, digest, parents } of blocks) {
            const kept = parents.filter((parent) => blocks[parent]!.round > next - 20);
            handles.push(
              dag.insert(
                round,
                author,
                digest,
                kept.map((parent) => handles[parent]!),
              ),
            );
            for (const slot of dag.decide(next, 0, leaders.subarray(next - 1, round), 1)) {
              if (slot.status === 'undecided') break;
              next++;
              if (slot.block < 0) continue;
              order.push(dag.linearize(slot.block, slot.round - 20).length);
              dag.collect(slot.round - 20);
            }
          }
          return `${next} ${checksum(order)}`;
        },
      };
    }),
  };
}

export function dagRows(): RowSpec[] {
  const sizes = [4, 32, 100];
  return [
    ...sizes.map((authors) => insertRow(authors)),
    ...sizes.map((authors) => commitRow(authors, 'equal')),
    commitRow(100, 'weighted'),
    ...sizes.map((authors) => loopRow(authors)),
  ];
}
