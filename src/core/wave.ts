/**
 * Wave: opinions become votes. Every block with undecided proposals is scored by the own models, the own blocks too; a
 * finished opinion is cast once, in the next own block whose history holds its target. Late is late, not wrong.
 */
import { OPINION } from '../wasm/kernels.ts';
import { bitlistOf, compareRefs, digestKey } from './block.ts';
import type { Vertex } from './dag.ts';
import { voteBytes } from './header.ts';
import type { Opinion } from './io.ts';
import { MAX_VOTES, MAX_VOTES_BYTES } from './limits.ts';
import type { BlockDigest, Vote } from './types.ts';

interface Candidate {
  readonly vertex: Vertex;
  /** Null while the models are at work. */
  vote: Vote | null;
}

export class Wave {
  readonly #candidates = new Map<string, Candidate>();
  /** Targets that own blocks voted on, kept while they are in the DAG: never vote twice. */
  readonly #cast = new Map<string, number>();

  /** True when this block must be scored now. */
  consider(vertex: Vertex): boolean {
    const key = digestKey(vertex.block.ref.digest);
    if (this.#candidates.has(key) || this.#cast.has(key)) return false;
    this.#candidates.set(key, { vertex, vote: null });
    return true;
  }

  /** The models are done with a block, or will never be (null). */
  formed(digest: BlockDigest, opinion: Opinion | null): void {
    const key = digestKey(digest);
    const candidate = this.#candidates.get(key);
    if (!candidate || candidate.vote) return;
    if (opinion && opinion.verdicts.length === candidate.vertex.block.proposals.length) {
      candidate.vote = voteOf(candidate.vertex, opinion);
    } else this.#candidates.delete(key);
  }

  /** True when models are still at work on some block of a round below `round`. */
  isForming(round: number): boolean {
    for (const { vertex, vote } of this.#candidates.values()) if (!vote && vertex.block.ref.round < round) return true;
    return false;
  }

  /** True when a finished opinion waits to be cast. */
  get hasUncast(): boolean {
    for (const { vote } of this.#candidates.values()) if (vote) return true;
    return false;
  }

  /** Votes for the next own block: finished opinions on linked blocks, oldest first, within the limits; sorted by target. */
  takeVotes(): Vote[] {
    const ready = [...this.#candidates.values()].filter(({ vertex, vote }) => vote && vertex.linked);
    ready.sort((a, b) => compareRefs(a.vertex.block.ref, b.vertex.block.ref));
    const votes: Vote[] = [];
    let bytes = 0;
    for (const { vertex, vote } of ready) {
      if (!vote) continue;
      bytes += voteBytes(vote);
      if (votes.length === MAX_VOTES || bytes > MAX_VOTES_BYTES) break;
      votes.push(vote);
      const key = digestKey(vertex.block.ref.digest);
      this.#candidates.delete(key);
      this.#cast.set(key, vertex.block.ref.round);
    }
    return votes;
  }

  /** An own block from before a restart voted on this target. */
  wasCast(vote: Vote): void {
    const key = digestKey(vote.target.digest);
    this.#candidates.delete(key);
    this.#cast.set(key, vote.target.round);
  }

  /** Drops opinions that cannot count any more. A target may lie below gcRound and its proposals still be open. */
  prune(isUndecided: (vertex: Vertex) => boolean, gcRound: number): void {
    for (const [key, { vertex }] of this.#candidates) if (!isUndecided(vertex)) this.#candidates.delete(key);
    for (const [key, round] of this.#cast) if (round <= gcRound) this.#cast.delete(key);
  }

  /** These blocks will never be committed. */
  forget(dropped: readonly Vertex[]): void {
    for (const { block } of dropped) this.#candidates.delete(digestKey(block.ref.digest));
  }
}

function voteOf(vertex: Vertex, { confidence, verdicts }: Opinion): Vote {
  return {
    target: vertex.block.ref,
    confidence,
    rejects: bitlistOf(verdicts.map((verdict) => Number(verdict === OPINION.REJECT))),
    abstains: bitlistOf(verdicts.map((verdict) => Number(verdict === OPINION.ABSTAIN))),
  };
}
