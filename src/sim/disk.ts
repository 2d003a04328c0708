import { compareRefs, refKey } from '../core/block.ts';
import type { CommitRecord, Output, SignedRecord, Submission } from '../core/io.ts';
import type { Block, SignedBlock } from '../core/types.ts';

type StoredCommit = Extract<Output, { type: 'storeCommit' }>;

/** What a simulated node has on its disk. What is added becomes durable with the next seal, as on a real one. */
export class SimDisk {
  record: SignedRecord | null = null;
  unsigned: Block | null = null;
  readonly #blocks = new Map<string, SignedBlock>();
  readonly #commits: StoredCommit[] = [];
  readonly #pending = new Map<string, Submission>();
  /** Not synced yet: lost by a crash. */
  #volatile: (() => void)[] = [];

  block(key: string): SignedBlock | undefined {
    return this.#blocks.get(key);
  }

  addBlock(block: SignedBlock): void {
    this.#volatile.push(() => this.#blocks.set(refKey(block.ref), block));
  }
  addCommit(commit: StoredCommit): void {
    this.#volatile.push(() => this.#commits.push(commit));
  }
  addSubmission(key: string, submission: Submission): void {
    this.#pending.set(key, submission);
  }
  settle(key: string): void {
    this.#pending.delete(key);
  }

  sync(): void {
    for (const write of this.#volatile) write();
    this.#volatile = [];
  }
  crash(): void {
    this.#volatile = [];
  }

  pending(): Submission[] {
    return [...this.#pending.values()];
  }
  commits(from: number, count: number): readonly StoredCommit[] {
    return this.#commits.slice(from - 1, from - 1 + count);
  }

  /** The stored commits with their blocks, as a node reads them at start. */
  records(): CommitRecord[] {
    return this.#commits.map(({ commit, refs }) => ({
      commit,
      blocks: refs.map((ref) => this.#blocks.get(refKey(ref)) as SignedBlock),
    }));
  }

  /** The oldest blocks of rounds ≥ `round`. */
  blocksFrom(round: number, count: number): SignedBlock[] {
    const found = [...this.#blocks.values()].filter(({ ref }) => ref.round >= round);
    return found.sort((a, b) => compareRefs(a.ref, b.ref)).slice(0, count);
  }

  /** Blocks in no stored commit. */
  loose(): SignedBlock[] {
    const ordered = new Set(this.#commits.flatMap(({ refs }) => refs.map(refKey)));
    return [...this.#blocks].filter(([key]) => !ordered.has(key)).map(([, block]) => block);
  }
}
