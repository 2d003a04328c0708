import { describe, expect, test } from 'vitest';
import type { CoreEvent } from '../../src/core/events.ts';
import type { Simulation } from '../../src/sim/simulation.ts';
import type { SimValidator } from '../../src/sim/validator.ts';
import { SHORT, simulate } from './run.ts';

/** Runs with validator 1 saying something else than what is so. */
async function codeOf(change: (event: CoreEvent) => CoreEvent, settings = SHORT): Promise<string> {
  return codeOfRun(simulate(9, settings), (simulation) => {
    const { invariants } = simulation;
    const observed = invariants.observed.bind(invariants);
    invariants.observed = (validator, event) => observed(validator, validator === 1 ? change(event) : event);
  });
}

async function codeOfRun(simulation: Simulation, tamper: (simulation: Simulation) => void): Promise<string> {
  tamper(simulation);
  return simulation.run().then(
    () => 'nothing',
    (error: { code: string }) => error.code,
  );
}

describe('the invariants see', () => {
  test('nothing where nothing is wrong', async () => {
    expect(await codeOf((event) => event)).toBe('nothing');
  });

  test('another state at one commit', async () => {
    const digest = new Uint8Array(32).fill(7) as never;
    const tampered = (event: CoreEvent) => (event.type === 'executed' ? { ...event, digest } : event);
    expect(await codeOf(tampered)).toBe('SIM_DISAGREEMENT');
  });

  test('another decision', async () => {
    const code = await codeOf((event) => {
      if (event.type !== 'committed' || event.decisions.length === 0) return event;
      return { ...event, decisions: event.decisions.map((each) => ({ ...each, confidence: each.confidence - 1 })) };
    });
    expect(code).toMatch(/^SIM_(DISAGREEMENT|DECIDED_OTHERWISE)$/);
  });

  test('a commit without one of its blocks', async () => {
    const code = await codeOf((event) => {
      return event.type === 'committed' && event.blocks.length > 1
        ? { ...event, blocks: event.blocks.slice(1) }
        : event;
    });
    expect(code).toMatch(/^SIM_(DISAGREEMENT|COMMIT_OTHER_BLOCKS)$/);
  });

  test('a commit time that nobody told', async () => {
    const code = await codeOf((event) => {
      return event.type === 'committed' ? { ...event, timestampMs: event.timestampMs + 60_000 } : event;
    });
    expect(code).toMatch(/^SIM_(DISAGREEMENT|COMMIT_OTHER_TIME|DECIDED_OTHERWISE)$/);
  });

  test('a certificate of too few', async () => {
    const code = await codeOf((event) => {
      if (event.type !== 'certified') return event;
      return { ...event, certificate: { ...event.certificate, entries: event.certificate.entries.slice(0, 2) } };
    });
    expect(code).toBe('SIM_CERTIFIED_BY_FEW');
  });

  test('an alarm, and a node that ends', async () => {
    const raised = { type: 'alarm', fatal: true, code: 'X', message: '', data: {} } as const;
    expect(await codeOf((event) => (event.type === 'certified' ? raised : event))).toBe('SIM_ALARM');
    const dies = await codeOfRun(simulate(9, SHORT), (simulation) => simulation.failed(2, 'NODE_EXITED', ''));
    expect(dies).toBe('SIM_NODE_FAILED');
  });

  test('a proposal that nobody decides', async () => {
    const code = await codeOfRun(simulate(9, { ...SHORT, settleMs: 2_000 }), ({ validators }) => {
      for (const gone of validators.slice(2)) gone.start = async () => undefined;
    });
    expect(code).toBe('SIM_UNDECIDED');
  });

  test('a validator that stays behind', async () => {
    const code = await codeOfRun(simulate(9, { ...SHORT, settleMs: 2_000 }), ({ validators }) => {
      const last = validators[3] as SimValidator;
      last.start = async () => undefined;
    });
    expect(code).toBe('SIM_BEHIND');
  });
});

describe('the invariants see of signatures', () => {
  /** A disk that says of itself what a test wants. */
  async function codeOfSigning(sign: (validator: SimValidator, simulation: Simulation) => void): Promise<string> {
    return codeOfRun(simulate(9, SHORT), (simulation) => {
      const signing = simulation.signing.bind(simulation);
      simulation.signing = (validator, digest) => {
        if (validator.index === 1) sign(validator, simulation);
        return signing(validator, digest);
      };
    });
  }

  test('two in one round', async () => {
    let kept: Awaited<ReturnType<SimValidator['disk']['durableRecord']>> = null;
    const code = await codeOfSigning((validator) => {
      const { disk } = validator;
      const durable = disk.durableRecord.bind(disk);
      // The record names the right block, in the round of the one before.
      disk.durableRecord = async () => {
        const record = await durable();
        kept ??= record;
        return record && kept && { ...record, round: kept.round };
      };
    });
    expect(code).toBe('SIM_DOUBLE_SIGNATURE');
  });

  test('one that the record does not name', async () => {
    expect(await codeOfSigning(({ disk }) => disk.loseRecord())).toBe('SIM_SIGNED_BEFORE_RECORD');
  });

  test('one whose block is not durable', async () => {
    const code = await codeOfSigning(({ disk }) => {
      disk.durableBlock = () => undefined;
    });
    expect(code).toBe('SIM_SIGNED_BEFORE_BLOCK');
  });

  test('one whose history is not durable', async () => {
    const code = await codeOfSigning(({ disk }) => {
      const durable = Object.getPrototypeOf(disk).durableBlock.bind(disk);
      let asked = 0;
      disk.durableBlock = (digest) => (asked++ === 0 ? durable(digest) : undefined);
    });
    expect(code).toBe('SIM_SIGNED_BEFORE_HISTORY');
  });

  test('rounds that were skipped', async () => {
    const code = await codeOfSigning(({ disk }) => {
      const durable = Object.getPrototypeOf(disk).durableRecord.bind(disk);
      disk.durableRecord = async () => {
        const record = await durable();
        return record && { ...record, round: 3 * record.round };
      };
    });
    expect(code).toBe('SIM_ROUND_SKIPPED');
  });
});
