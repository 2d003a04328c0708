/** What a node checks of others: signatures of blocks, and proposals by all that needs no state. */
import { HEADER_CONTEXT } from '../core/block.ts';
import type { Core } from '../core/core.ts';
import { MAX_VALIDATORS } from '../core/limits.ts';
import type { IdentifiedProposal } from '../core/types.ts';
import { kernelCheck, verify } from '../crypto/verify.ts';
import type { PqError } from '../errors.ts';
import type { Kernels } from '../wasm/kernels.ts';
import type { NodeApplication } from './application.ts';
import type { DriverParts } from './driver.ts';
import { checkUpgradePlace, isUpgrade } from './upgrades.ts';
import { WorkQueue } from './work-queue.ts';

type Answer = PqError | null | Promise<PqError | null>;

export class Checks {
  readonly #application: NodeApplication;
  readonly #core: Pick<Core, 'committee'>;
  readonly #work = new WorkQueue();
  /** Of a block: by the kernels at once; where OpenSSL is faster, on the thread pool. */
  readonly verify: DriverParts['verify'];

  constructor(kernels: Kernels, application: NodeApplication, core: Pick<Core, 'committee'>) {
    this.#application = application;
    this.#core = core;
    const check = kernelCheck(kernels, MAX_VALIDATORS);
    this.verify = ({ publicKey, digest, signature }) => {
      if (check !== undefined) return check(publicKey, digest, HEADER_CONTEXT, signature);
      return this.#work.run('blocks', () => verify(publicKey, digest, HEADER_CONTEXT, signature));
    };
  }

  /**
   * What is wrong with a proposal whatever the state; null if nothing. A promise for each of many proposals costs more than
   * most checks: there is one only where the thread pool is asked.
   */
  proposal(proposal: IdentifiedProposal): Answer {
    if (this.#application.checksAtOnce) return this.#application.check(proposal);
    return this.#work.run('proposals', async () => this.#application.check(proposal));
  }

  /** Of a client, who is told at once what the committee would say on opening: that an upgrade does not fit. */
  submitted(proposal: IdentifiedProposal): Answer {
    const misplaced = isUpgrade(proposal) ? checkUpgradePlace(this.#core.committee, proposal) : null;
    return misplaced ?? this.proposal(proposal);
  }
}
