/** Why there is something to do: what the network still owes. Without such a reason it is silent. */
import type { Chain } from './chain.ts';
import type { Mempool } from './mempool.ts';
import type { Wave } from './wave.ts';

/** Something waits to be ordered, decided or certified. */
export function isNeeded({ dag, focus, horizon, closing }: Chain, mempool: Mempool): boolean {
  // Nothing is ordered in this epoch any more: to say what the last commit was is all that an own block is good for.
  if (closing) return horizon.hasUnlisted;
  if (mempool.size > 0 || focus.openCount > 0 || horizon.owesCertificate) return true;
  for (const { block } of dag.uncommittedPayloads) if (focus.isUndecided(block)) return true;
  return false;
}

/** Everything held is committed and certified, and no own opinion is ready: only models can move anything. */
export function areOnlyOpinionsMissing({ dag, focus, horizon }: Chain, mempool: Mempool, wave: Wave): boolean {
  const moving = dag.uncommittedPayloads.size > 0 || dag.uncommittedVotes.size > 0 || focus.hasDeferred;
  return !moving && !mempool.hasNext && !horizon.owesCertificate && horizon.lag === 0 && !wave.hasUncast;
}
