import type { Chain } from './chain.ts';
import type { Mempool } from './mempool.ts';
import type { Outbox } from './outbox.ts';

/** How often what was taken and not decided is looked through while there is more to do. */
const LAPSE_EVERY_MS = 100;

/** Reports what ran out without a decision: no commit will ever say so. */
export class Lapse {
  readonly #chain: Chain;
  readonly #mempool: Mempool;
  readonly #out: Outbox;
  #lookedMs = 0;

  constructor(chain: Chain, mempool: Mempool, out: Outbox) {
    this.#chain = chain;
    this.#mempool = mempool;
    this.#out = out;
  }

  /**
   * Returns when to look again. Commit time says what ran out: until it is past an expiry, a block of another validator that has
   * the same bytes may still be decided. The own clock says so where commit time need not come: while nothing is left
   * that could be decided, and of what waits at a node that cannot send it (`maySign`: it can).
   */
  look(nowMs: number, need: boolean, maySign: boolean): number {
    const { focus, prism } = this.#chain;
    const lookAtMs = need ? this.#lookedMs + LAPSE_EVERY_MS : this.#mempool.nextExpiryMs + 1;
    if (nowMs >= lookAtMs) {
      this.#lookedMs = nowMs;
      const commitMs = need ? prism.timestampMs : nowMs;
      for (const id of this.#mempool.lapse(maySign ? commitMs : nowMs, commitMs, (key) => focus.isOpen(key))) {
        this.#out.event({ type: 'lapsed', id });
      }
    }
    return need ? Number.POSITIVE_INFINITY : this.#mempool.nextExpiryMs + 1;
  }
}
