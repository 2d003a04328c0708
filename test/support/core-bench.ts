/** What tests of the core share: one committee, drivers of its cores, and the other validators played by hand. */
import type { Committee } from '../../src/core/committee.ts';
import type { SignedRecord } from '../../src/core/io.ts';
import type { Block, CommitDigest, CommitIndex, IdentifiedProposal, Ref, SignedBlock } from '../../src/core/types.ts';
import { loadKernels } from '../../src/wasm/load.ts';
import { type BlockOptions, makeBlock, makeCommittee, makeProposals, ownFirst } from './chain.ts';
import { CoreDriver, type DriverOptions } from './core-driver.ts';

export const kernels = loadKernels({ kind: 'twin' });
export const committee = makeCommittee(kernels);
export const TIMEOUT_MS = 250;

export function driver(options: DriverOptions = {}, of: Committee = committee): CoreDriver {
  return new CoreDriver(kernels, of, options);
}
export function recordOf(block: Block, voted: { index: number; digest: Uint8Array } | null = null): SignedRecord {
  return {
    epoch: 0,
    round: block.ref.round,
    digest: block.ref.digest,
    votedIndex: (voted?.index ?? 0) as CommitIndex,
    votedDigest: (voted?.digest ?? committee.chainId) as CommitDigest,
  };
}
export const soon = (of: Committee = committee) => of.genesisTimeMs + 30_000;
export function submit(core: CoreDriver, count = 1, expiryMs = soon()): IdentifiedProposal[] {
  const proposals = makeProposals(kernels, count, Math.floor(core.nowMs) % 1000, expiryMs);
  core.feed({ type: 'submit', submissions: proposals.map((proposal) => ({ proposal })) });
  return proposals;
}

/** Plays validators 1 … 3 against the core of validator 0: everybody links everybody. */
export class Table {
  readonly core: CoreDriver;
  #last: readonly Ref[] = committee.genesisRefs;
  round = 0;

  constructor(core: CoreDriver) {
    this.core = core;
  }

  /** One round: the core's block, then theirs. `more` says what theirs carry. */
  step(more: (author: number) => BlockOptions = () => ({})): Block {
    // Opinions that nobody forms, and leaders that nobody misses, are waited for a moment.
    if (this.core.sealing?.ref.round === this.round) this.core.pass(TIMEOUT_MS);
    const own = this.core.seal();
    if (own.ref.round === this.round) throw new Error('the core has no reason for a block');
    this.round = own.ref.round;
    const theirs = [1, 2, 3].map((author) => this.blockOf(author, more(author)));
    for (const block of theirs) this.core.deliver(block);
    this.#last = [own.ref, ...theirs.map(({ ref }) => ref)];
    return own;
  }

  /** Goes on until the core sleeps, the others stating what the core does. */
  finish(): void {
    for (let i = 0; i < 40; i++) {
      if (this.core.sealing?.ref.round === this.round) this.core.pass(TIMEOUT_MS);
      const own = this.core.sealing;
      if (!own || own.ref.round === this.round) return;
      this.step(() => ({ commitVotes: own.header.commitVotes }));
    }
    throw new Error('the core does not fall silent');
  }

  blockOf(author: number, options: BlockOptions = {}): SignedBlock {
    return makeBlock(kernels, committee, this.round, author, { parents: ownFirst(this.#last, author), ...options });
  }
}
