import { afterEach, describe, expect, test } from 'vitest';
import { Agent } from '../../src/agent/agent.ts';
import type { ModuleVerdict } from '../../src/agent/modules.ts';
import { VERDICT } from '../../src/agent/opinion.ts';
import { SimpleModel } from '../../src/agent/simple-model.ts';
import { CARD, nanForZero, slowForBigAmounts, torchMlp, transaction, write } from './fixtures.ts';

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));
const agents: Agent[] = [];

function agent(): Agent {
  const made = new Agent();
  // Machines that run tests are busy ones; what is tested here is never how fast.
  made.configure({ timeoutPhase: 30_000 });
  agents.push(made);
  return made;
}

afterEach(async () => {
  for (const each of agents.splice(0)) await each.close();
});

/** p = σ(8 · is_self_transfer − 4): 0.018 or 0.982. */
const SELF = SimpleModel.of({ kind: 'transaction', input: ['is_self_transfer'], weights: [8], bias: -4 });
const GOOD = transaction();
const BAD = transaction({ to: 'aa' });

describe('configuration', () => {
  test('has the documented defaults and keeps what is set', () => {
    const made = new Agent();
    expect(made.config).toMatchObject({ confidenceThreshold: 0.7, timeoutPhase: 500 });
    made.configure({ confidenceThreshold: 0.9 });
    expect(made.config).toMatchObject({ confidenceThreshold: 0.9, timeoutPhase: 500 });
  });

  test('refuses what is agreed elsewhere, unknown, or out of range, and then changes nothing', () => {
    const made = new Agent();
    const configure = made.configure.bind(made) as (changes: Record<string, unknown>) => void;
    const refusal = (changes: Record<string, unknown>): unknown => {
      try {
        return configure(changes);
      } catch (error) {
        return (error as { code: string }).code;
      }
    };
    expect(refusal({ requiredVotes: 3 })).toBe('CONFIG_AGREED');
    expect(refusal({ confidenceTreshold: 0.8 })).toBe('CONFIG_UNKNOWN');
    for (const confidenceThreshold of [0.5, 1, Number.NaN, '0.7'])
      expect(refusal({ confidenceThreshold })).toBe('CONFIG_RANGE');
    expect(refusal({ timeoutPhase: 100, maxProposalsPerSec: 0 })).toBe('CONFIG_RANGE');
    expect(made.config.timeoutPhase).toBe(500);
  });
});

describe('an opinion', () => {
  test('is never formed without a model, whatever modules say', async () => {
    const made = agent();
    made.addModule('eager', () => ({ verdict: 'approve', weight: 10 }));
    expect(await made.opine([GOOD])).toBeNull();
    expect([...made.modelId()]).toEqual(new Array(32).fill(0));
  });

  test('approves, rejects and says how sure it is', async () => {
    const made = agent();
    made.addModel(SELF);
    const opinion = await made.opine([GOOD, BAD]);
    expect([...opinion!.verdicts]).toEqual([VERDICT.APPROVE, VERDICT.REJECT]);
    expect(opinion!.p[1]).toBeCloseTo(sigmoid(4), 12);
    expect(opinion!.confidence).toBe(Math.round(sigmoid(4) * 10_000));
    expect(made.stats()).toMatchObject({ scored: 1, late: 0, failed: 0 });
  });

  test('abstains on what no model is for, and on an empty block is empty', async () => {
    const made = agent();
    made.addModel(SELF);
    const opinion = await made.opine([{ kind: 'other', body: new Uint8Array(4) }, BAD]);
    expect([...opinion!.verdicts]).toEqual([VERDICT.ABSTAIN, VERDICT.REJECT]);
    expect(opinion!.p[0]).toBe(0.5);
    expect(opinion!.confidence).toBe(Math.round(((0.5 + sigmoid(4)) / 2) * 10_000));
    expect(await made.opine([])).toMatchObject({ confidence: 0, verdicts: new Uint8Array(0) });
  });

  test('abstains where the model gives no number', async () => {
    const made = agent();
    await made.loadModel(write(nanForZero(), CARD));
    const opinion = await made.opine([GOOD, BAD]);
    expect([...opinion!.verdicts]).toEqual([VERDICT.ABSTAIN, VERDICT.REJECT]);
    expect([...opinion!.p].every(Number.isFinite)).toBe(true);
  });

  test('depends on the threshold', async () => {
    const made = agent();
    made.addModel(SimpleModel.of({ kind: 'transaction', input: ['is_self_transfer'], weights: [1.5], bias: 0 }));
    expect((await made.validateProposal(BAD))?.verdict).toBe(VERDICT.REJECT);
    made.configure({ confidenceThreshold: 0.9 });
    expect((await made.validateProposal(BAD))?.verdict).toBe(VERDICT.ABSTAIN);
  });

  test('is lost, and nothing else, when a model fails', async () => {
    const made = agent();
    made.addModel({
      name: 'broken',
      kind: 'transaction',
      sha256: '00',
      score: () => Promise.reject(new Error('out of order')),
    });
    expect(await made.opine([GOOD])).toBeNull();
    expect(made.stats()).toMatchObject({ scored: 0, failed: 1, lastError: 'out of order' });
  });

  test('that is late is none; the model is started again and judges the next', async () => {
    const made = agent();
    await made.loadModel(write(slowForBigAmounts(), { kind: 'transaction', input: ['amount_log1p'] }));
    const quick = transaction({ amount: 1n });
    expect((await made.opine([quick]))?.p[0]).toBe(0.5);
    expect(await made.opine([transaction({ amount: 10n ** 12n })], 300)).toBeNull();
    expect(made.stats()).toMatchObject({ scored: 1, late: 1 });
    expect((await made.opine([quick]))?.p[0]).toBe(0.5);
    expect(made.stats()).toMatchObject({ scored: 2, late: 1, restarts: 1, failed: 0 });
    expect(made.stats().cpuMs).toBeGreaterThan(0);
  });

  test('that waits behind a late one is formed by the new child, if its own time allows', async () => {
    const made = agent();
    await made.loadModel(write(slowForBigAmounts(), { kind: 'transaction', input: ['amount_log1p'] }));
    const late = made.opine([transaction({ amount: 10n ** 12n })], 300);
    const patient = made.opine([transaction({ amount: 1n })]);
    const hasty = made.opine([transaction({ amount: 1n })], 100);
    expect(await hasty).toBeNull();
    expect(await late).toBeNull();
    expect((await patient)?.p[0]).toBe(0.5);
    expect(made.stats()).toMatchObject({ scored: 1, late: 2, restarts: 1 });
  });

  test('comes out as none when the agent is closed', async () => {
    const made = agent();
    await made.loadModel(write(slowForBigAmounts(), { kind: 'transaction', input: ['amount_log1p'] }));
    const pending = made.opine([transaction({ amount: 10n ** 12n })]);
    await made.close();
    expect(await pending).toBeNull();
  });
});

describe('models', () => {
  test('are one per kind, and named together by one id that does not depend on their order', async () => {
    const upgrade = SimpleModel.of({ kind: 'upgrade', input: ['value_length_log1p'], weights: [1], bias: 0 });
    const [one, two] = [agent(), agent()];
    for (const model of [SELF, upgrade]) one.addModel(model);
    for (const model of [upgrade, SELF]) two.addModel(model);
    expect(one.modelId()).toEqual(two.modelId());
    expect(() => one.addModel(SELF)).toThrow(expect.objectContaining({ code: 'MODEL_KIND_TAKEN' }));
    await expect(two.loadModel(write(torchMlp('Sigmoid'), CARD))).rejects.toMatchObject({ code: 'MODEL_KIND_TAKEN' });
  });
});

describe('modules', () => {
  const verdict = (says: ModuleVerdict['verdict'], weight: number) => (): ModuleVerdict => ({ verdict: says, weight });

  test('move the verdict by their weight', async () => {
    const made = agent();
    made.addModel(SELF);
    made.addModule('fraud-detector', verdict('reject', 3));
    made.addModule('shy', verdict('abstain', 10));
    const found = await made.validateProposal(GOOD);
    expect(found?.p).toBeCloseTo((sigmoid(-4) + 3) / 4, 12);
    expect(found?.verdict).toBe(VERDICT.REJECT);
  });

  test('judge alone what no model is for', async () => {
    const made = agent();
    made.addModel(SELF);
    made.addModule('custom-validator', (item) => ({
      verdict: item.kind === 'dispute' ? 'reject' : 'abstain',
      weight: 1,
    }));
    const opinion = await made.opine([{ kind: 'dispute', proposalId: 'ab', claim: '' }, GOOD]);
    expect([...opinion!.verdicts]).toEqual([VERDICT.REJECT, VERDICT.APPROVE]);
  });

  test('that throw, lie about their weight or never answer are left out, and counted', async () => {
    const made = agent();
    made.configure({ timeoutPhase: 500 });
    made.addModel(SELF);
    made.addModule('throws', () => {
      throw new Error('no');
    });
    made.addModule('rejects', () => Promise.reject(new Error('no')));
    made.addModule('heavy', verdict('reject', 1e9));
    made.addModule('nonsense', (() => 'reject') as unknown as () => ModuleVerdict);
    made.addModule('hangs', () => new Promise<ModuleVerdict>(() => undefined));
    expect((await made.validateProposal(GOOD))?.p).toBeCloseTo(sigmoid(-4), 12);
    expect(made.stats()).toMatchObject({ scored: 1, modulesLeftOut: 5 });
  });

  test('have names of their own', () => {
    const made = agent();
    made.addModule('same', verdict('abstain', 1));
    expect(() => made.addModule('same', verdict('abstain', 1))).toThrow(
      expect.objectContaining({ code: 'MODULE_NAME' }),
    );
  });
});
