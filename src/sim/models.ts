import { type Agent, DEFAULT_AGENT_CONFIG } from '../agent/agent.ts';
import { opinionOf } from '../agent/opinion.ts';
import type { ProposalData } from '../agent/proposals.ts';
import { PqError } from '../errors.ts';
import type { Life } from './life.ts';
import type { SimWorld } from './world.ts';

/** Transfers from here deserve to be rejected, and models that do not err see it. */
export const BAD_ORIGIN = 'bad.example';
export const GOOD_ORIGIN = 'good.example';

type SimAgent = Pick<Agent, 'opine' | 'modelId' | 'config' | 'stats' | 'close'>;

/** The models of one validator: slow, late, failing or wrong, as the settings say. `lies`: it says the opposite. */
export function simulatedAgent(world: SimWorld, life: Life, lies: boolean): SimAgent {
  const { clock, counters, settings } = world;
  const random = world.streams.models;
  const { errs, unsure, late, fails, ms } = settings.models;
  const threshold = DEFAULT_AGENT_CONFIG.confidenceThreshold;

  function probabilityOfBad(item: ProposalData): number {
    if (random.chance(unsure)) return 0.5;
    const isBad = item.kind === 'transaction' && item.origin === BAD_ORIGIN;
    const sure = random.between(threshold + 0.01, 1);
    return (random.chance(errs) ? !isBad : isBad) !== lies ? sure : 1 - sure;
  }

  function opine(items: readonly ProposalData[], deadlineMs: number): ReturnType<Agent['opine']> {
    const { promise, resolve, reject } = Promise.withResolvers<Awaited<ReturnType<Agent['opine']>>>();
    const opinion = opinionOf(Float64Array.from(items, probabilityOfBad), threshold);
    const answerMs = random.chance(late) ? Number.POSITIVE_INFINITY : random.between(...ms);
    const isFailing = random.chance(fails);
    clock.after(Math.min(answerMs, deadlineMs), () => {
      life.do(() => {
        if (isFailing) {
          counters.failedOpinions += 1;
          reject(new PqError('MODEL_FAILED', 'A simulated model failed.'));
        } else if (answerMs > deadlineMs) {
          counters.lateOpinions += 1;
          resolve(null);
        } else resolve(opinion);
      });
    });
    return promise;
  }

  return {
    config: DEFAULT_AGENT_CONFIG,
    opine,
    modelId: () => new Uint8Array(32),
    stats: () => ({ scored: 0, late: 0, failed: 0, modulesLeftOut: 0, restarts: 0, cpuMs: 0, lastError: null }),
    close: async () => undefined,
  };
}
