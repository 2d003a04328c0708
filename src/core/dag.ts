/**
 * The DAG of accepted blocks and the waiting room of suspended ones: causal order and nothing else. Who links whom lives
 * in the kernel's arena; this file maps refs to handles and keeps the blocks themselves. Keys are whole refs, not digests:
 * a ref that pairs a known digest with another round or author names nothing, and must never be resolved.
 */
import { PqError } from '../errors.ts';
import type { DagKernel, Kernels } from '../wasm/kernels.ts';
import { compareRefs, refKey } from './block.ts';
import { type Committee, StakeSet } from './committee.ts';
import { GC_DEPTH_ROUNDS, MAX_DAG_BLOCKS, MAX_SUSPENDED_PER_AUTHOR } from './limits.ts';
import type { AcceptedBlock, Block, Ref, VerifiedBlock } from './types.ts';

/** A block in the DAG. */
export interface Vertex {
  readonly key: string;
  readonly block: AcceptedBlock;
  readonly handle: number;
  committed: boolean;
  /** In the causal history of the own newest block. */
  linked: boolean;
}

interface RoundOfBlocks {
  readonly authors: StakeSet;
  readonly slots: Map<number, Vertex[]>;
}

interface Suspended {
  readonly block: VerifiedBlock;
  /** Keys of the parents that are not accepted yet. */
  readonly missing: Set<string>;
}

interface MissingParent {
  readonly ref: Ref;
  readonly children: Set<string>;
}

/** What came of handing a block to the DAG. */
export interface Admission {
  /** The block itself and all that waited for it, in causal order; empty when it is suspended, known or too old. */
  readonly accepted: readonly Vertex[];
  readonly equivocations: readonly (readonly [Vertex, Vertex])[];
  readonly suspended: boolean;
}

const NOTHING: Admission = { accepted: [], equivocations: [], suspended: false };

export class Dag {
  readonly #committee: Committee;
  readonly #kernel: DagKernel;
  readonly #vertices = new Map<string, Vertex>();
  readonly #byHandle: Vertex[] = [];
  readonly #rounds = new Map<number, RoundOfBlocks>();
  readonly #newest: (Vertex | undefined)[];
  readonly #suspended = new Map<string, Suspended>();
  readonly #suspendedOf: number[];
  readonly #missing = new Map<string, MissingParent>();
  /** Accepted, not committed, and carrying something that must be. */
  readonly uncommittedPayloads = new Set<Vertex>();
  readonly uncommittedVotes = new Set<Vertex>();
  #gcRound = 0;
  #highestRound = 0;

  constructor(kernels: Kernels, committee: Committee) {
    this.#committee = committee;
    this.#kernel = kernels.createDag({ stakes: committee.stakes, quorum: committee.quorum, maxBlocks: MAX_DAG_BLOCKS });
    this.#newest = new Array(committee.size).fill(undefined);
    this.#suspendedOf = new Array(committee.size).fill(0);
  }

  get kernel(): DagKernel {
    return this.#kernel;
  }
  get gcRound(): number {
    return this.#gcRound;
  }
  get highestRound(): number {
    return this.#highestRound;
  }
  get size(): number {
    return this.#vertices.size;
  }
  get suspendedCount(): number {
    return this.#suspended.size;
  }

  get(key: string): Vertex | undefined {
    return this.#vertices.get(key);
  }
  /** True when nothing about this block is left to do: accepted or waiting for parents. */
  holds(key: string): boolean {
    return this.#vertices.has(key) || this.#suspended.has(key);
  }
  /** A block whose signature was checked, accepted or waiting for parents. */
  verified(key: string): VerifiedBlock | undefined {
    return (this.#vertices.get(key)?.block as unknown as VerifiedBlock) ?? this.#suspended.get(key)?.block;
  }
  /** True when a suspended block waits for this one. */
  isMissing(key: string): boolean {
    return this.#missing.has(key);
  }
  /** Parents that suspended blocks wait for and that are not themselves suspended. */
  *missingRefs(): Iterable<Ref> {
    for (const [key, entry] of this.#missing) if (!this.#suspended.has(key)) yield entry.ref;
  }
  newestOf(author: number): Vertex | undefined {
    return this.#newest[author];
  }
  slot(round: number, author: number): readonly Vertex[] {
    return this.#rounds.get(round)?.slots.get(author) ?? [];
  }
  *blocksOfRound(round: number): Iterable<Vertex> {
    for (const slot of this.#rounds.get(round)?.slots.values() ?? []) yield* slot;
  }
  /** Everything held, oldest round first. */
  *all(): Iterable<Vertex> {
    for (let round = this.#gcRound + 1; round <= this.#highestRound; round++) yield* this.blocksOfRound(round);
  }

  /** Stake of the authors that have an accepted block in `round`. Everybody has genesis. */
  stakeAt(round: number): number {
    return round === 0 ? this.#committee.total : (this.#rounds.get(round)?.authors.stake ?? 0);
  }
  hasQuorumAt(round: number): boolean {
    return this.stakeAt(round) >= this.#committee.quorum;
  }
  /** The highest round in which a quorum has blocks; 0 is genesis. */
  highestQuorumRound(): number {
    for (let round = this.#highestRound; round > 0; round--) if (this.hasQuorumAt(round)) return round;
    return 0;
  }

  /** Accepts a block whose parents are all here, and whatever waited for it; else suspends it. */
  admit(block: VerifiedBlock): Admission {
    const key = refKey(block.ref);
    if (this.holds(key) || block.ref.round <= this.#gcRound) return NOTHING;
    const missing = this.missingParentsOf(block);
    if (missing.length > 0) return this.#suspend(key, block, missing) ? { ...NOTHING, suspended: true } : NOTHING;
    return this.#acceptAll([block]);
  }

  /**
   * Puts a block of a certified commit into the DAG, whatever of its history is held: what is not held was committed
   * earlier and lies at or below gcRound.
   */
  insertCommitted(block: VerifiedBlock): Admission {
    const key = refKey(block.ref);
    const held = this.#vertices.get(key);
    const admission = held ? NOTHING : this.#acceptAll([block]);
    const vertex = held ?? this.#vertices.get(key);
    if (vertex) {
      this.#kernel.markCommitted(vertex.handle);
      this.#settle(vertex);
    }
    return admission;
  }

  /** The causal history of a committed leader that no earlier commit took, in the agreed order. */
  linearize(leader: Vertex): Vertex[] {
    return Array.from(this.#kernel.linearize(leader.handle, this.#gcRound), (handle) => {
      const vertex = this.byHandle(handle);
      this.#settle(vertex);
      return vertex;
    });
  }

  byHandle(handle: number): Vertex {
    const vertex = this.#byHandle[handle];
    if (!vertex) throw new PqError('DAG_HANDLE_UNKNOWN', 'the DAG arena named a block that is not held', { handle });
    return vertex;
  }

  /**
   * Marks everything reachable from these blocks as linked by the own newest block; returns what was not before, so that
   * votes can follow.
   */
  link(from: readonly Vertex[]): Vertex[] {
    const found: Vertex[] = [];
    const stack = from.filter((vertex) => !vertex.linked);
    while (stack.length > 0) {
      const vertex = stack.pop() as Vertex;
      if (vertex.linked) continue;
      vertex.linked = true;
      found.push(vertex);
      for (const parent of vertex.block.header.parents) {
        const next = this.#vertices.get(refKey(parent));
        if (next && !next.linked) stack.push(next);
      }
    }
    return found;
  }

  /** Newest accepted block of `author` of a round below `round` that the own newest block does not reach yet. */
  linkable(author: number, round: number): Vertex | undefined {
    const newest = this.#newest[author];
    if (!newest) return undefined;
    for (let r = Math.min(newest.block.ref.round, round - 1); r > this.#gcRound; r--) {
      const slot = this.slot(r, author);
      if (slot.length > 0) return slot.find((vertex) => !vertex.linked);
    }
    return undefined;
  }

  /**
   * Records that a leader of `leaderRound` was committed. Frees what falls out of the window; returns what was accepted
   * because it no longer needs the freed parents, and what was freed uncommitted.
   */
  collect(leaderRound: number): { readonly admission: Admission; readonly dropped: readonly Vertex[] } {
    const gcRound = Math.max(this.#gcRound, leaderRound - GC_DEPTH_ROUNDS);
    if (gcRound === this.#gcRound) return { admission: NOTHING, dropped: [] };
    const dropped: Vertex[] = [];
    for (let round = this.#gcRound + 1; round <= gcRound; round++) {
      for (const vertex of this.blocksOfRound(round)) {
        if (!vertex.committed) dropped.push(vertex);
        this.#settle(vertex);
        this.#vertices.delete(vertex.key);
        if (this.#newest[vertex.block.ref.author] === vertex) this.#newest[vertex.block.ref.author] = undefined;
      }
      this.#rounds.delete(round);
    }
    this.#gcRound = gcRound;
    this.#kernel.collect(gcRound);
    return { admission: this.#retrySuspended(), dropped };
  }

  #settle(vertex: Vertex): void {
    vertex.committed = true;
    this.uncommittedPayloads.delete(vertex);
    this.uncommittedVotes.delete(vertex);
  }

  /** Parents above gcRound that are not accepted. */
  missingParentsOf(block: Block): Ref[] {
    return block.header.parents.filter((parent) => parent.round > this.#gcRound && !this.#vertices.has(refKey(parent)));
  }

  #suspend(key: string, block: VerifiedBlock, missing: readonly Ref[]): boolean {
    const author = block.ref.author;
    const count = this.#suspendedOf[author] ?? 0;
    // A block that others wait for is always taken: refusing it would stop them for ever.
    if (count >= MAX_SUSPENDED_PER_AUTHOR && !this.#missing.has(key)) return false;
    this.#suspendedOf[author] = count + 1;
    const keys = new Set<string>();
    for (const ref of missing) {
      const parentKey = refKey(ref);
      keys.add(parentKey);
      const entry = this.#missing.get(parentKey) ?? { ref, children: new Set<string>() };
      entry.children.add(key);
      this.#missing.set(parentKey, entry);
    }
    this.#suspended.set(key, { block, missing: keys });
    return true;
  }

  #unsuspend(key: string): VerifiedBlock | undefined {
    const entry = this.#suspended.get(key);
    if (!entry) return undefined;
    this.#suspended.delete(key);
    this.#suspendedOf[entry.block.ref.author]! -= 1;
    for (const parentKey of entry.missing) {
      const missing = this.#missing.get(parentKey);
      missing?.children.delete(key);
      if (missing?.children.size === 0) this.#missing.delete(parentKey);
    }
    return entry.block;
  }

  #acceptAll(blocks: readonly VerifiedBlock[]): Admission {
    const accepted: Vertex[] = [];
    const equivocations: (readonly [Vertex, Vertex])[] = [];
    const queue = [...blocks];
    for (let next = queue.shift(); next; next = queue.shift()) {
      const vertex = this.#insert(next);
      const twin = this.slot(next.ref.round, next.ref.author).find((other) => other !== vertex);
      if (twin) equivocations.push([twin, vertex]);
      accepted.push(vertex);
      this.#unsuspend(vertex.key);
      queue.push(...this.#released(vertex.key));
    }
    return { accepted, equivocations, suspended: false };
  }

  /** Suspended blocks whose last missing parent was this one. */
  #released(key: string): VerifiedBlock[] {
    const entry = this.#missing.get(key);
    if (!entry) return [];
    this.#missing.delete(key);
    const free: VerifiedBlock[] = [];
    for (const child of entry.children) {
      const suspended = this.#suspended.get(child);
      if (!suspended) continue;
      suspended.missing.delete(key);
      if (suspended.missing.size > 0) continue;
      const block = this.#unsuspend(child);
      if (block) free.push(block);
    }
    return free;
  }

  #insert(block: VerifiedBlock): Vertex {
    const { round, author, digest } = block.ref;
    const parents: number[] = [];
    for (const parent of block.header.parents) {
      const vertex = this.#vertices.get(refKey(parent));
      if (vertex) parents.push(vertex.handle);
    }
    const handle = this.#kernel.insert(round, author, digest, parents);
    const accepted = block as unknown as AcceptedBlock;
    const vertex: Vertex = { key: refKey(block.ref), block: accepted, handle, committed: false, linked: false };
    this.#vertices.set(vertex.key, vertex);
    this.#byHandle[handle] = vertex;
    const of = this.#rounds.get(round) ?? { authors: new StakeSet(this.#committee), slots: new Map() };
    this.#rounds.set(round, of);
    of.authors.add(author);
    const slot = of.slots.get(author);
    if (slot) slot.push(vertex);
    else of.slots.set(author, [vertex]);
    if (round > (this.#newest[author]?.block.ref.round ?? 0)) this.#newest[author] = vertex;
    this.#highestRound = Math.max(this.#highestRound, round);
    if (block.proposals.length > 0) this.uncommittedPayloads.add(vertex);
    if (block.header.votes.length > 0) this.uncommittedVotes.add(vertex);
    return vertex;
  }

  #retrySuspended(): Admission {
    const ready: VerifiedBlock[] = [];
    for (const [key, entry] of [...this.#suspended]) {
      if (entry.block.ref.round <= this.#gcRound) {
        this.#unsuspend(key);
        continue;
      }
      const missing = this.missingParentsOf(entry.block);
      if (missing.length < entry.missing.size) {
        const block = this.#unsuspend(key);
        if (!block) continue;
        if (missing.length === 0) ready.push(block);
        else this.#suspend(key, block, missing);
      }
    }
    ready.sort((a, b) => compareRefs(a.ref, b.ref));
    return ready.length > 0 ? this.#acceptAll(ready) : NOTHING;
  }
}
