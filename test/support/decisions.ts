/** Commits for decisions to be made of: proposals whose bodies name their keys, and random votes on them. */
import type { Committee } from '../../src/core/committee.ts';
import { encodeProposal, identifyProposal } from '../../src/core/proposal.ts';
import type { IdentifiedProposal, KeysOf, SignedBlock } from '../../src/core/types.ts';
import type { Kernels } from '../../src/wasm/kernels.ts';
import { makeBlock, makeVote } from './chain.ts';
import { seeded } from './random.ts';

/** The body names the keys, one byte each; a body that begins with 255 means nothing. */
export const keysOfBody: KeysOf = ({ body }) =>
  body[0] === 255
    ? { wellFormed: false }
    : { wellFormed: true, keys: Array.from(body, (k) => new Uint8Array(32).fill(k)) };

/** A proposal with these keys, different for every `serial`. */
export function keyedProposal(
  kernels: Kernels,
  serial: number,
  keys: readonly number[],
  expiryMs: number,
): IdentifiedProposal {
  return identifyProposal(
    kernels,
    encodeProposal({
      version: 1,
      kind: serial % 1000,
      expiryMs,
      sender: Uint8Array.of(serial & 255, (serial >> 8) & 255),
      body: Uint8Array.from(keys),
      signature: new Uint8Array(0),
    }),
  );
}

export interface RandomCommit {
  /** Of the leader. */
  readonly round: number;
  /** Commit time after genesis. */
  readonly addMs: number;
  readonly blocks: readonly SignedBlock[];
}

/** A random history: proposals that clash, repeat, run out and mean nothing; votes of every kind. */
export function randomCommits(kernels: Kernels, committee: Committee, seed: number): RandomCommit[] {
  const random = seeded(seed);
  const startMs = committee.genesisTimeMs;
  const pool: IdentifiedProposal[] = [];
  const targets: SignedBlock[] = [];
  let addMs = 0;
  return Array.from({ length: 60 }, (_, i) => {
    const round = 3 + 2 * i;
    addMs += random.below(400);
    const blocks = [...Array(1 + random.below(4)).keys()].map((n) => {
      const payload = Array.from({ length: random.below(4) }, () => {
        if (pool.length > 0 && random.chance(250)) return pool[random.below(pool.length)]!;
        const keys = random.chance(80) ? [255] : Array.from({ length: random.below(3) }, () => random.below(6));
        const fresh = keyedProposal(kernels, seed * 1000 + pool.length, keys, startMs + addMs + random.below(9_000));
        pool.push(fresh);
        return fresh;
      });
      const votes = targets
        .slice(-6)
        .filter(() => random.chance(600))
        .map((target) => {
          const size = target.proposals.length + (random.chance(50) ? 1 : 0);
          const flags = Array.from({ length: size }, () => random.below(10));
          const confidence = random.below(10_001);
          return {
            ...makeVote(
              target.ref,
              flags.map((f) => f === 1),
              flags.map((f) => f === 2),
            ),
            confidence,
          };
        })
        .sort((a, b) => a.target.round - b.target.round || a.target.author - b.target.author);
      const distinct = votes.filter((vote, k) => k === 0 || votes[k - 1]!.target.author !== vote.target.author);
      const made = makeBlock(kernels, committee, round - (n % 2), n, {
        payload,
        votes: distinct.filter(({ target }) => target.round < round - 1),
      });
      if (payload.length > 0) targets.push(made);
      return made;
    });
    return { round, addMs, blocks };
  });
}
