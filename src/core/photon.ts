/**
 * Photon: the own next block. It links a quorum of the round before and everybody's newest, carries what the mempool
 * holds, the votes that are due and the commits that were executed; one signature covers all of it.
 */
import type { Kernels } from '../wasm/kernels.ts';
import { buildBlock } from './block.ts';
import type { Committee } from './committee.ts';
import type { Dag, Vertex } from './dag.ts';
import type { Horizon } from './horizon.ts';
import type { SignedRecord, Submission } from './io.ts';
import { CONFIDENCE_MAX, MAX_PAYLOAD_BYTES, MAX_ROUND_PAYLOAD_BYTES, MIN_PAYLOAD_BYTES } from './limits.ts';
import type { Mempool } from './mempool.ts';
import type { AuthorIndex, Block, CommitDigest, CommitIndex, Ref, Round } from './types.ts';
import type { Wave } from './wave.ts';

/** What an own block is made from. */
export interface PhotonParts {
  readonly kernels: Kernels;
  readonly committee: Committee;
  readonly self: AuthorIndex;
  readonly modelId: Uint8Array;
  readonly dag: Dag;
  readonly wave: Wave;
  readonly horizon: Horizon;
  readonly mempool: Mempool;
}

/** The record of a validator that has signed nothing in this epoch, and voted for the commit `voted` last. */
export function emptyRecord(
  committee: Committee,
  self: AuthorIndex,
  voted: { readonly index: CommitIndex; readonly digest: CommitDigest },
): SignedRecord {
  const { round, digest } = committee.genesisRefs[self] as Ref;
  return { epoch: committee.epoch, round, digest, votedIndex: voted.index, votedDigest: voted.digest };
}

export class Photon {
  readonly #parts: PhotonParts;
  /** The own newest sealed block, or the own genesis ref. */
  #last: Ref;
  #record: SignedRecord;

  constructor(parts: PhotonParts) {
    this.#parts = parts;
    this.#last = parts.committee.genesisRefs[parts.self] as Ref;
    this.#record = emptyRecord(parts.committee, parts.self, parts.committee.origin);
  }

  /** The own newest sealed block, or the own genesis ref. */
  get last(): Ref {
    return this.#last;
  }
  /** What must be durable before the newest own block may be signed. */
  get record(): SignedRecord {
    return this.#record;
  }

  /** Continues after a restart: `record` is what was signed last, `last` the newest own block that is held. */
  resume(record: SignedRecord, last: Ref): void {
    this.#record = record;
    this.#last = last;
  }

  sealed(block: Block): void {
    this.#last = block.ref;
  }

  /** Builds the unsigned block of `round`; from then on the record names it. */
  build(round: number, nowMs: number, withPayload: boolean): Block {
    const { kernels, committee, self, modelId, dag, wave, horizon, mempool } = this.#parts;
    const parents = this.#parents(round);
    dag.link(parents.vertices);
    const submissions = withPayload ? mempool.take(payloadBytesOf(committee.size)) : [];
    const commitVotes = horizon.takeVotes();
    const block = buildBlock(
      kernels,
      {
        version: 1,
        chainId: committee.chainId,
        epoch: committee.epoch,
        round: round as Round,
        author: self,
        timestampMs: Math.floor(nowMs),
        confidence: meanConfidence(submissions),
        modelId,
        parents: parents.refs,
        votes: wave.takeVotes(),
        commitVotes,
      },
      submissions.map((submission) => submission.proposal),
    );
    const voted = commitVotes.at(-1) ?? { index: this.#record.votedIndex, digest: this.#record.votedDigest };
    this.#record = {
      epoch: committee.epoch,
      round: round as Round,
      digest: block.ref.digest,
      votedIndex: voted.index,
      votedDigest: voted.digest,
    };
    return block;
  }

  /** Own newest first, then per author the newest accepted block of an earlier round that is not in the own history. */
  #parents(round: number): { readonly refs: Ref[]; readonly vertices: Vertex[] } {
    const { committee, dag, self } = this.#parts;
    const refs: Ref[] = [this.#last];
    const vertices: Vertex[] = [];
    const own = dag.newestOf(self);
    if (own && own.block.ref.round === this.#last.round) vertices.push(own);
    for (const { index } of committee.validators) {
      if (index === self) continue;
      const newest = dag.linkable(index, round);
      if (newest) {
        refs.push(newest.block.ref);
        vertices.push(newest);
      } else if (round === 1) refs.push(committee.genesisRefs[index] as Ref);
    }
    return { refs, vertices };
  }
}

/** Mean of what the own models said of the payload; 0 when they said nothing. Information, so integers are enough. */
function meanConfidence(submissions: readonly Submission[]): number {
  let sum = 0;
  let count = 0;
  for (const { confidence } of submissions) {
    if (confidence === undefined) continue;
    sum += Math.min(confidence, CONFIDENCE_MAX);
    count += 1;
  }
  return count === 0 ? 0 : Math.floor(sum / count);
}

/** What an honest proposer's payload may take, so that a round stays as long as it is however many validators there are. */
export function payloadBytesOf(validators: number): number {
  const part = Math.floor(MAX_ROUND_PAYLOAD_BYTES / validators);
  return Math.max(MIN_PAYLOAD_BYTES, Math.min(MAX_PAYLOAD_BYTES, part));
}
