/** The DAG kernel in all its forms does the same as the rules word by word (src/bench/naive), on DAGs that nobody chose. */
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { NaiveDag } from '../../src/bench/naive/dag.ts';
import { type DagKernel, NO_LEADER } from '../../src/wasm/kernels.ts';
import { variants } from './variants.ts';

/** A committee and how well its blocks are linked. */
interface World {
  readonly stakes: readonly number[];
  /** Authors below this one have no stake and no block: what is above lies across words of an author set. */
  readonly first: number;
  readonly quorum: number;
  /** Chance in 256 that a block links an author of the round before. */
  readonly density: number;
}

/** One step; the numbers are choices that the model maps to what exists by then. */
type Step =
  | { readonly do: 'insert'; readonly author: number; readonly below: number; readonly links: number }
  | { readonly do: 'rounds'; readonly count: number; readonly missing: number; readonly links: number }
  | {
      readonly do: 'decide';
      readonly back: number;
      readonly offset: number;
      readonly perRound: number;
      readonly who: number;
    }
  | { readonly do: 'linearize'; readonly block: number; readonly gc: number }
  | { readonly do: 'mark'; readonly block: number }
  | { readonly do: 'reaches'; readonly from: number; readonly to: number }
  | { readonly do: 'collect'; readonly back: number };

interface Inserted {
  readonly name: string;
  readonly round: number;
  readonly author: number;
  readonly parents: readonly string[];
}

/** A small generator of choices from one number: as good as random, and the same after shrinking. */
function choices(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x9e3779b9) | 0;
    let x = state ^ (state >>> 16);
    x = Math.imul(x, 0x85ebca6b);
    x ^= x >>> 13;
    x = Math.imul(x, 0xc2b2ae35);
    return (x ^ (x >>> 16)) >>> 8;
  };
}

/** One kernel with its own handles, spoken to by block names. */
class Named {
  readonly dag: DagKernel;
  readonly #handles = new Map<string, number>();
  readonly #names = new Map<number, string>();

  constructor(dag: DagKernel) {
    this.dag = dag;
  }

  insert({ name, round, author, parents }: Inserted): void {
    const digest = createHash('sha256').update(name).digest();
    const handle = this.dag.insert(
      round,
      author,
      digest,
      parents.map((parent) => this.#handles.get(parent)!),
    );
    this.#handles.set(name, handle);
    this.#names.set(handle, name);
  }

  handle(name: string): number {
    return this.#handles.get(name)!;
  }

  linearize(name: string, gcRound: number): string[] {
    return [...this.dag.linearize(this.handle(name), gcRound)].map((handle) => this.#names.get(handle)!);
  }

  /** What is decided from the slot on, and from every later round on: so what comes after an undecided slot shows too. */
  decide(from: number, offset: number, leaders: readonly number[], perRound: number): string[] {
    const answers = this.#prefix(from, offset, leaders, perRound);
    for (let later = 1; later * perRound < leaders.length; later++) {
      answers.push(...this.#prefix(from + later, 0, leaders.slice(later * perRound), perRound));
    }
    return answers;
  }

  #prefix(from: number, offset: number, leaders: readonly number[], perRound: number): string[] {
    try {
      const slots = this.dag.decide(from, offset, leaders, perRound).map((slot) => {
        const how = slot.direct ? 'direct' : 'indirect';
        const block = slot.block < 0 ? '' : this.#names.get(slot.block)!;
        return `${slot.status} ${slot.round}.${slot.offset} ${slot.author} ${how} ${block}`;
      });
      return slots.length > 0 ? slots : ['undecided'];
    } catch (error) {
      const { code } = error as { code?: string };
      if (code !== 'DAG_TWO_COMMITS') throw error;
      return [code];
    }
  }
}

/** What the steps make of a DAG; knows which blocks are live and what may link what. */
class Model {
  readonly world: World;
  readonly all: Inserted[] = [];
  live: Inserted[] = [];
  highest = 0;
  gcRound = 0;

  constructor(world: World) {
    this.world = world;
  }

  author(choice: number): number {
    const { stakes, first } = this.world;
    return first + (choice % (stakes.length - first));
  }

  pick(choice: number): Inserted | undefined {
    return this.live[choice % Math.max(1, this.live.length)];
  }

  /** A block of `author`; links the round before by density, and sometimes an older block of an author it misses. */
  block(author: number, round: number, links: number): Inserted {
    const choose = choices(links + 131 * author);
    const parents: string[] = [];
    for (let other = this.world.first; other < this.world.stakes.length; other++) {
      const own = this.live.filter((block) => block.author === other && block.round < round);
      const before = own.filter((block) => block.round === round - 1);
      const isLinked = choose() % 256 < this.world.density;
      const pool = isLinked ? before : choose() % 4 === 0 ? own : [];
      const parent = pool[choose() % Math.max(1, pool.length)];
      if (parent) parents.push(parent.name);
    }
    if (choose() % 2) parents.reverse();
    const block = { name: `${this.all.length}`, round, author, parents };
    this.all.push(block);
    this.live.push(block);
    this.highest = Math.max(this.highest, round);
    return block;
  }

  leaders(from: number, perRound: number, who: number): number[] {
    const rounds = Math.max(0, this.highest - from + 1 - (who % 3 === 0 ? 1 : 0));
    const choose = choices(who);
    return Array.from({ length: rounds * perRound }, () => {
      const choice = choose();
      return choice % 16 === 0 ? NO_LEADER : this.author(choice);
    });
  }
}

const small = fc.nat({ max: 0xffffff });
const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({
        do: fc.constant('rounds' as const),
        count: fc.integer({ min: 1, max: 5 }),
        missing: small,
        links: small,
      }),
    },
    {
      weight: 3,
      arbitrary: fc.record({ do: fc.constant('insert' as const), author: small, below: fc.nat(2), links: small }),
    },
    {
      weight: 3,
      arbitrary: fc.record({
        do: fc.constant('decide' as const),
        back: fc.nat(14),
        offset: fc.nat(2),
        perRound: fc.integer({ min: 1, max: 3 }),
        who: small,
      }),
    },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('linearize' as const), block: small, gc: fc.nat(6) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('mark' as const), block: small }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('reaches' as const), from: small, to: small }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('collect' as const), back: fc.nat(6) }) },
  ),
  { minLength: 4, maxLength: 30, size: 'max' },
);

/** Committees of as many members with stake as `sizes` says, from author number `firsts` on. */
function worlds(sizes: fc.Arbitrary<number>, firsts: fc.Arbitrary<number> = fc.constant(0)): fc.Arbitrary<World> {
  return fc
    .tuple(sizes, firsts)
    .chain(([size, first]) =>
      fc.record({
        first: fc.constant(first),
        members: fc.oneof(
          fc.constant(new Array<number>(size).fill(1)),
          fc.array(fc.integer({ min: 1, max: 9 }), { minLength: size, maxLength: size }),
          fc.constant(new Array<number>(size).fill(Math.floor((2 ** 53 - 1) / size))),
        ),
        density: fc.constantFrom(170, 190, 210, 230, 256),
      }),
    )
    .map(({ first, members, density }) => {
      const total = members.reduce((sum, stake) => sum + stake, 0);
      const stakes = [...new Array<number>(first).fill(0), ...members];
      return { stakes, first, density, quorum: total - Math.floor((total - 1) / 3) };
    });
}

/** How often each kind of answer came, so that a test that never meets one is noticed. */
const seen = new Map<string, number>();

function runStep(step: Step, model: Model, kernels: readonly Named[]): void {
  const agree = <T>(ask: (kernel: Named) => T): T => {
    const [expected, ...others] = kernels.map(ask);
    for (const other of others) expect(other).toEqual(expected);
    return expected!;
  };
  const insert = (block: Inserted): void => {
    for (const kernel of kernels) kernel.insert(block);
  };
  const size = model.world.stakes.length;
  switch (step.do) {
    case 'insert': {
      const round = Math.max(model.gcRound + 1, model.highest - step.below);
      insert(model.block(model.author(step.author), round, step.links));
      break;
    }
    case 'rounds': {
      const choose = choices(step.missing);
      for (let i = 0; i < step.count; i++) {
        const round = Math.max(model.gcRound, model.highest) + 1;
        for (let author = model.world.first; author < size; author++) {
          if (choose() % 8 === 0) continue;
          insert(model.block(author, round, step.links + 7 * i));
          if (choose() % 16 === 0) insert(model.block(author, round, step.links + 7 * i + 1));
        }
      }
      break;
    }
    case 'decide': {
      const from = Math.max(model.gcRound + 1, model.highest - step.back);
      const leaders = model.leaders(from, step.perRound, step.who);
      const offset = step.offset % (step.perRound + 1);
      for (const answer of agree((kernel) => kernel.decide(from, offset, leaders, step.perRound))) {
        const kind = answer.replace(/ \d+\.\d+ \d+/, '').replace(/ \d*$/, '');
        seen.set(kind, (seen.get(kind) ?? 0) + 1);
      }
      break;
    }
    case 'linearize': {
      const block = model.pick(step.block);
      if (block) agree((kernel) => kernel.linearize(block.name, model.gcRound + step.gc - 3));
      break;
    }
    case 'mark': {
      const block = model.pick(step.block);
      if (block) for (const kernel of kernels) kernel.dag.markCommitted(kernel.handle(block.name));
      break;
    }
    case 'reaches': {
      const [from, to] = [model.pick(step.from), model.pick(step.to)];
      if (from && to) agree((kernel) => kernel.dag.reaches(kernel.handle(from.name), kernel.handle(to.name)));
      break;
    }
    case 'collect': {
      model.gcRound = Math.max(model.gcRound, model.highest - step.back - 2);
      model.live = model.live.filter((block) => block.round > model.gcRound);
      for (const kernel of kernels) kernel.dag.collect(model.gcRound);
      break;
    }
  }
  agree((kernel) => kernel.dag.size);
  for (const block of model.live) agree((kernel) => kernel.dag.isCommitted(kernel.handle(block.name)));
}

function newKernels(world: World): Named[] {
  const options = { ...world, maxBlocks: 10_000 };
  return [new Named(new NaiveDag(options)), ...variants.map((kernels) => new Named(kernels.createDag(options)))];
}

/** On a busy machine fewer runs, not a failure. */
const PATIENCE = { interruptAfterTimeLimit: 20_000 };

describe('the DAG kernel in all its forms', () => {
  test.each([
    ['small committees', fc.integer({ min: 1, max: 7 }), fc.constant(0), 160],
    ['across and behind the words of a set', fc.integer({ min: 4, max: 7 }), fc.constantFrom(29, 61, 64, 93, 121), 100],
    ['large committees', fc.constantFrom(33, 65), fc.constant(0), 4],
    ['the largest committee', fc.constant(128), fc.constant(0), 2],
  ])('any steps: %s', (_, sizes, firsts, numRuns) => {
    fc.assert(
      fc.property(worlds(sizes, firsts), steps, (world, list) => {
        const model = new Model(world);
        const kernels = newKernels(world);
        for (const step of list) runStep(step, model, kernels);
      }),
      { numRuns, ...PATIENCE },
    );
  });

  test('the runs above met every kind of decision', () => {
    for (const kind of ['commit direct', 'commit indirect', 'skip direct', 'skip indirect', 'undecided']) {
      expect(seen.get(kind) ?? 0, `${kind}: ${JSON.stringify([...seen])}`).toBeGreaterThan(10);
    }
  });

  test('asked after every block, as a node asks', () => {
    fc.assert(
      fc.property(worlds(fc.integer({ min: 3, max: 7 })), steps, fc.nat(9), (world, list, who) => {
        const model = new Model(world);
        const building = newKernels(world).slice(0, 1);
        for (const step of list) if (step.do === 'rounds' || step.do === 'insert') runStep(step, model, building);
        const perRound = 1 + (who % 2);
        const leaders = model.leaders(1, perRound, 1 + 3 * who);
        const kernels = newKernels(world);
        for (const block of shuffle(model.all, who).slice(0, 60)) {
          for (const kernel of kernels) kernel.insert(block);
          const [expected, ...others] = kernels.map((kernel) => kernel.decide(1, 0, leaders, perRound));
          for (const other of others) expect(other).toEqual(expected);
        }
      }),
      { numRuns: 30, ...PATIENCE },
    );
  });

  test('the order of insertion changes no decision', () => {
    fc.assert(
      fc.property(worlds(fc.integer({ min: 4, max: 7 })), steps, small, (world, list, order) => {
        const model = new Model(world);
        const building = newKernels(world).slice(0, 1);
        for (const step of list) if (step.do === 'rounds' || step.do === 'insert') runStep(step, model, building);
        const shuffled = shuffle(model.all, order);
        const leaders = model.leaders(1, 2, order);
        const expected = building[0]!.decide(1, 0, leaders, 2);
        for (const kernel of newKernels(world)) {
          for (const block of shuffled) kernel.insert(block);
          expect(kernel.decide(1, 0, leaders, 2)).toEqual(expected);
          const last = model.all.at(-1);
          if (last) expect(new Set(kernel.linearize(last.name, 0))).toContain(last.name);
        }
      }),
      { numRuns: 100, ...PATIENCE },
    );
  });
});

/** Some order in which parents still come before their children. */
function shuffle(blocks: readonly Inserted[], seed: number): Inserted[] {
  const choose = choices(seed);
  const waiting = [...blocks];
  const done = new Set<string>();
  const order: Inserted[] = [];
  while (waiting.length > 0) {
    const ready = waiting.filter((block) => block.parents.every((parent) => done.has(parent)));
    const next = ready[choose() % ready.length]!;
    waiting.splice(waiting.indexOf(next), 1);
    done.add(next.name);
    order.push(next);
  }
  return order;
}
