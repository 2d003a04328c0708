/** Breakages that the simulator must notice, each with the scenario that is about it. */
import { CORE_MUTANTS } from './core.ts';
import { EPOCH_MUTANTS } from './epochs.ts';
import { PIPELINE_MUTANTS } from './pipeline.ts';
import type { Breakage } from './tree.ts';

export interface SimulatedMutant extends Breakage {
  /** `turns`: all of them, one seed each. */
  readonly scenario: string;
  /** The broken place is in the TypeScript twin of a kernel: run on it. */
  readonly twin?: true;
}

export const SIMULATED_MUTANTS: readonly SimulatedMutant[] = [
  // Order
  { ...known('quorum off by one'), scenario: 'turns' },
  { ...known('gcRound read after the commit'), scenario: 'gc-edge' },
  {
    name: 'a leader is skipped by less than a quorum',
    file: 'wasm/twin/commit-rule.ts',
    from: '      this.#votes[word] = blame;\n    }\n    return this.#stakes.of(this.#votes, 0) >= this.#quorum;',
    to: '      this.#votes[word] = blame;\n    }\n    return this.#stakes.of(this.#votes, 0) >= this.#quorum - 1;',
    scenario: 'turns',
    twin: true,
  },
  { ...known('undecided slots are passed over'), scenario: 'turns', twin: true },
  { ...known('time goes back'), scenario: 'turns' },
  // Decisions
  {
    name: 'later votes count',
    file: 'wasm/twin/tally.ts',
    from: 'if (slot < 0 || opinions[row + slot] !== OPINION.NONE) continue;',
    to: 'if (slot < 0) continue;',
    scenario: 'equivocate',
    twin: true,
  },
  { ...known('votes counted before their targets are opened'), scenario: 'turns' },
  { ...known('decided ids are forgotten'), scenario: 'turns' },
  { ...known('the second of two in conflict is approved'), scenario: 'turns' },
  { ...known('times out after the rounds alone'), scenario: 'slow-models' },
  { ...known("the leader's own payload is opened at once"), scenario: 'turns' },
  // Own blocks
  {
    name: 'signs before the record is durable',
    file: 'node/sealer.ts',
    from: 'await this.#parts.record.write(record);',
    to: 'void this.#parts.record.write(record);',
    scenario: 'turns',
  },
  {
    name: 'signs before its history is durable',
    file: 'node/sealer.ts',
    from: 'await store.sync();',
    to: 'void store.sync();',
    scenario: 'turns',
  },
  { ...known('begins at its own round again without its block'), scenario: 'disks' },
  { ...known('jumps whenever others are ahead'), scenario: 'round-jumping' },
  { ...known('links the previous round only'), scenario: 'late' },
  { ...known('jumps over the round that a quorum is in'), scenario: 'late' },
  // Pace and loss
  {
    name: 'says nothing again',
    file: 'core/repetition.ts',
    from: 'service.tellAll(nowMs);',
    to: 'void service;',
    scenario: 'outage',
  },
  { ...known('answers every block'), scenario: 'turns' },
  { ...known('what fell out of the DAG is lost'), scenario: 'turns' },
  { ...known('waits again for whom it waited for in vain'), scenario: 'silence' },
  // Epochs
  { ...known('what is open outlives its epoch'), scenario: 'epoch' },
  { ...known('a new epoch allows to skip rounds'), scenario: 'epoch' },
  // The past
  {
    name: 'a commit less than is to be kept',
    file: 'node/pruner.ts',
    from: 'store.lastCommitIndex - retain + 1',
    to: 'store.lastCommitIndex - retain + 2',
    scenario: 'pruned',
  },
];

/** A mutant of the other lists. Throws when it is in neither. */
function known(name: string): Breakage {
  const found = [...CORE_MUTANTS, ...PIPELINE_MUTANTS, ...EPOCH_MUTANTS].find((mutant) => mutant.name === name);
  if (!found) throw new Error(`there is no mutant '${name}'`);
  const { file, from, to } = found;
  return { name, file, from, to };
}
