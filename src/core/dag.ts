/**
 * The DAG of accepted blocks, with a waiting room for suspended ones: causal order and nothing else. Who links whom lives
 * in the kernel's arena; this file maps refs to handles and keeps the blocks themselves. Keys are whole refs, not digests:
 * a ref that pairs a known digest with another round or author names nothing, and must never be resolved.
 */
import { PqError } from '../errors.ts';
import type { DagKernel, Kernels } from '../wasm/kernels.ts';
import { refKey } from './block.ts';
import { equalBytes } from './bytes.ts';
import { type Committee, StakeSet } from './committee.ts';
import { GC_DEPTH_ROUNDS, MAX_BLOCKS_PER_SLOT, MAX_COMMIT_BLOCKS, MAX_DAG_BLOCKS } from './limits.ts';
import type { AcceptedBlock, Block, Ref, VerifiedBlock } from './types.ts';
import { WaitingRoom } from './waiting-room.ts';

/** A block in the DAG. */
export interface Vertex {
  readonly key: string;
  readonly block: AcceptedBlock;
  readonly handle: number;
  /** Authors whose blocks of the next round link this one: votes, where this is a leader. */
  readonly supporters: StakeSet;
  committed: boolean;
  /** In the causal history of the own newest block. */
  linked: boolean;
}

interface RoundOfBlocks {
  readonly authors: StakeSet;
  readonly slots: Map<number, Vertex[]>;
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
  readonly #byHandle: (Vertex | undefined)[] = [];
  readonly #rounds = new Map<number, RoundOfBlocks>();
  readonly #newest: (Vertex | undefined)[];
  readonly #waiting: WaitingRoom;
  readonly #maxBlocks: number;
  /** Accepted, not committed, and carrying something that must be. */
  readonly uncommittedPayloads = new Set<Vertex>();
  readonly uncommittedVotes = new Set<Vertex>();
  #gcRound = 0;
  #highestRound = 0;
  #accepted = 0;

  /** `maxBlocks`: accepted blocks, of which {@link MAX_COMMIT_BLOCKS} are kept for what certified commits bring. */
  constructor(kernels: Kernels, committee: Committee, maxBlocks: number = MAX_DAG_BLOCKS) {
    this.#committee = committee;
    this.#kernel = kernels.createDag({ stakes: committee.stakes, quorum: committee.quorum, maxBlocks });
    this.#newest = new Array(committee.size).fill(undefined);
    this.#waiting = new WaitingRoom(committee.size);
    this.#maxBlocks = maxBlocks;
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
    return this.#waiting.size;
  }
  /** Blocks accepted so far, those that were freed included: while it stands, the commit rule has nothing new to say. */
  get acceptedCount(): number {
    return this.#accepted;
  }
  /** True when only certified commits may still put blocks in, until gcRound advances. */
  get isFull(): boolean {
    return this.size + MAX_COMMIT_BLOCKS >= this.#maxBlocks;
  }

  get(key: string): Vertex | undefined {
    return this.#vertices.get(key);
  }
  /** The accepted block that `ref` names, by all of its parts. Cheaper than its key, where the key is not needed. */
  find(ref: Ref): Vertex | undefined {
    return this.slot(ref.round, ref.author).find((vertex) => equalBytes(vertex.block.ref.digest, ref.digest));
  }
  /** True when nothing about this block is left to do: accepted or waiting for parents. */
  holds(key: string): boolean {
    return this.#vertices.has(key) || this.#waiting.has(key);
  }
  /** A block whose signature was checked, accepted or waiting for parents. */
  verified(key: string): VerifiedBlock | undefined {
    return (this.#vertices.get(key)?.block as unknown as VerifiedBlock) ?? this.#waiting.block(key);
  }
  /** True when a suspended block waits for this one. */
  isMissing(key: string): boolean {
    return this.#waiting.isMissing(key);
  }
  /** Grows with whatever enters or leaves the waiting room. */
  get waitingChanges(): number {
    return this.#waiting.changes;
  }
  /** What suspended blocks of `author` wait for, through others too, and that is not suspended itself. */
  absentFor(author: number): ReadonlyMap<string, Ref> {
    return this.#waiting.absentFor(author);
  }
  /** True when enough different blocks of this slot are held, accepted or suspended. */
  isSlotFull(round: number, author: number): boolean {
    return this.slot(round, author).length + this.#waiting.countAt(round, author) >= MAX_BLOCKS_PER_SLOT;
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

  /** Accepts a block whose parents are all here, and whatever waited for it; else suspends it, while there is room. */
  admit(block: VerifiedBlock): Admission {
    const key = refKey(block.ref);
    const { round, author } = block.ref;
    if (this.holds(key) || round <= this.#gcRound || this.isFull) return NOTHING;
    // A block that others wait for is always taken: refusing it would stop them for ever.
    if (this.isSlotFull(round, author) && !this.isMissing(key)) return NOTHING;
    const missing = this.missingParentsOf(block);
    if (missing.length === 0) return this.#acceptAll([block]);
    return this.#waiting.suspend(block, missing) ? { ...NOTHING, suspended: true } : NOTHING;
  }

  /**
   * Puts a block of a certified commit into the DAG, whatever of its history is held: what is not held was committed
   * earlier and lies at or below gcRound.
   */
  insertCommitted(block: VerifiedBlock): Admission {
    const key = refKey(block.ref);
    const held = this.#vertices.get(key);
    const admission = held ? NOTHING : this.#acceptAll([block], true);
    const vertex = held ?? this.#vertices.get(key);
    if (vertex) {
      this.#kernel.markCommitted(vertex.handle);
      this.#settle(vertex);
    }
    return admission;
  }

  /** Goes on above `gcRound`, before anything is put in. */
  startAbove(gcRound: number): void {
    this.#gcRound = gcRound;
    this.#kernel.collect(gcRound);
  }

  /** The causal history of a committed leader that no earlier commit took, in the agreed order. */
  linearize(leader: Vertex): Vertex[] {
    return this.#kernel.linearize(leader.handle, this.#gcRound).map((handle) => {
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
        const next = this.find(parent);
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
    const freed = this.#waiting.collect(this.#gcRound + 1, gcRound);
    for (let round = this.#gcRound + 1; round <= gcRound; round++) {
      for (const vertex of this.blocksOfRound(round)) {
        if (!vertex.committed) dropped.push(vertex);
        this.#settle(vertex);
        this.#vertices.delete(vertex.key);
        this.#byHandle[vertex.handle] = undefined;
        if (this.#newest[vertex.block.ref.author] === vertex) this.#newest[vertex.block.ref.author] = undefined;
      }
      this.#rounds.delete(round);
    }
    this.#gcRound = gcRound;
    this.#kernel.collect(gcRound);
    return { admission: freed.length > 0 ? this.#acceptAll(freed) : NOTHING, dropped };
  }

  #settle(vertex: Vertex): void {
    vertex.committed = true;
    this.uncommittedPayloads.delete(vertex);
    this.uncommittedVotes.delete(vertex);
  }

  /** Parents above gcRound that are not accepted. */
  missingParentsOf(block: Block): Ref[] {
    return block.header.parents.filter((parent) => parent.round > this.#gcRound && !this.find(parent));
  }

  #acceptAll(blocks: readonly VerifiedBlock[], committed = false): Admission {
    const accepted: Vertex[] = [];
    const equivocations: (readonly [Vertex, Vertex])[] = [];
    const queue = [...blocks];
    for (let next = queue.pop(); next; next = queue.pop()) {
      if (this.isFull && !committed) continue;
      const vertex = this.#insert(next);
      const twin = this.slot(next.ref.round, next.ref.author).find((other) => other !== vertex);
      if (twin) equivocations.push([twin, vertex]);
      accepted.push(vertex);
      queue.push(...this.#waiting.accepted(vertex.key));
    }
    return { accepted, equivocations, suspended: false };
  }

  #insert(block: VerifiedBlock): Vertex {
    const { round, author, digest } = block.ref;
    const parents: number[] = [];
    for (const parent of block.header.parents) {
      const vertex = this.find(parent);
      if (!vertex) continue;
      parents.push(vertex.handle);
      if (parent.round === round - 1) vertex.supporters.add(author);
    }
    const handle = this.#kernel.insert(round, author, digest, parents);
    const vertex: Vertex = {
      key: refKey(block.ref),
      block: block as unknown as AcceptedBlock,
      handle,
      supporters: new StakeSet(this.#committee),
      committed: false,
      linked: false,
    };
    this.#accepted += 1;
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
}
