import { encodeMessage } from '../core/messages.ts';
import type { AuthorIndex, Block, BlockDigest, CommitDigest, CommitIndex, Header, Ref, Round } from '../core/types.ts';
import type { SimWorld } from './world.ts';

/** What a flood is made of: blocks on refs to nothing, far rounds, far commits, questions for what nobody has, and noise. */
export class Junk {
  readonly #world: SimWorld;
  readonly #self: AuthorIndex;
  readonly #sign: (header: Header) => Block;
  #last: Block | null = null;

  constructor(world: SimWorld, self: AuthorIndex, sign: (header: Header) => Block) {
    this.#world = world;
    this.#self = self;
    this.#sign = sign;
  }

  /** The newest own block: junk looks like it. */
  madeFrom(block: Block): void {
    this.#last = block;
  }

  digest(n: number): Uint8Array {
    const { kernels, streams } = this.#world;
    return kernels.sha3_256(Uint8Array.of(n & 255, (n >> 8) & 255, streams.byzantine.below(256)));
  }

  piece(): Uint8Array | null {
    if (!this.#last) return null;
    const random = this.#world.streams.byzantine;
    const { header } = this.#last;
    const far = header.round + 1 + random.below(random.chance(0.1) ? 1_000_000 : 40);
    switch (random.below(6)) {
      case 0:
        return encodeMessage({ kind: 'fetchBlocks', refs: Array.from({ length: 64 }, () => this.#nowhere(far)) });
      case 1:
        return encodeMessage({ kind: 'fetchRounds', epoch: header.epoch, fromRound: random.below(far) as Round });
      case 2:
        return Uint8Array.from({ length: 1 + random.below(40) }, () => random.below(256));
      case 3:
        return this.#block({ ...header, timestampMs: random.below(1e9) });
      default: {
        const parents = header.parents.map((ref) => ({ ...this.#nowhere(far - 1), author: ref.author }));
        const commitVotes = [1, 500, 900, 2 ** 40].map((add) => ({
          index: ((header.commitVotes[0]?.index ?? 0) + add) as CommitIndex,
          digest: this.digest(add) as CommitDigest,
        }));
        return this.#block({ ...header, round: far as Round, parents, commitVotes });
      }
    }
  }

  #block(header: Header): Uint8Array {
    return encodeMessage({ kind: 'block', bytes: this.#sign(header).bytes });
  }

  /** A ref to a block that nobody has; half of them pair a known digest with another round. */
  #nowhere(round: number): Ref {
    const known = this.#world.streams.byzantine.chance(0.5) ? this.#last?.ref.digest : undefined;
    const digest = known ?? (this.digest(round) as BlockDigest);
    return { round: round as Round, author: this.#self, digest };
  }
}
