/** Executes stored history again, as a start of the node would, and compares what comes out with what is stored. */
import { createCore } from '../../core/core.ts';
import type { Genesis } from '../../core/genesis.ts';
import type { Input, Output } from '../../core/io.ts';
import { isPqError, PqError } from '../../errors.ts';
import type { SnapshotFiles } from '../../store/snapshot-files.ts';
import type { NodeApplication } from '../application.ts';
import { createApplication } from '../applications.ts';
import { Epochs } from '../epochs.ts';
import { type HistoryParts, replayCommits, restoreNewest } from '../recovery.ts';
import { withUpgrades } from '../upgrades.ts';
import type { CheckedStore } from './checked-store.ts';

export interface ReplayParts {
  readonly genesis: Genesis;
  readonly snapshots: Pick<SnapshotFiles, 'indexes' | 'read'>;
  /** Told how far it has come. */
  readonly onCommit: (index: number) => void;
}

/** The root of the learned models' state until there are any. */
const NO_MODELS = new Uint8Array(32);

/**
 * From the first commit, if it is kept, and from every snapshot. Returns the commits behind which execution began; what does not
 * come out as it is stored is a finding.
 */
export async function checkReplay(checked: CheckedStore, parts: ReplayParts): Promise<number[]> {
  const { disk, findings } = checked;
  const { firstCommitIndex, lastCommitIndex } = disk.store;
  const starts = parts.snapshots.indexes.toReversed();
  if (firstCommitIndex === 1) starts.unshift(0);
  const good: number[] = [];
  for (const start of starts) {
    const what = () => (start === 0 ? 'Executing every commit again' : `Going on from the snapshot of commit ${start}`);
    const done = await findings.attemptLater('REPLAY', what, async () => {
      await replayFrom(checked, parts, start);
      return true;
    });
    if (done === true) good.push(start);
  }
  const isReachable = good.length > 0 || lastCommitIndex === 0;
  findings.require(
    isReachable,
    'STORE_INCOMPLETE',
    () => 'A node cannot start from this store: resync it from its peers',
  );
  return good;
}

async function replayFrom(checked: CheckedStore, parts: ReplayParts, start: number): Promise<void> {
  const { kernels, disk, committees } = checked;
  const application = withUpgrades(kernels, createApplication(parts.genesis, kernels));
  const core = createCore({
    kernels,
    committee: committees[0]!,
    key: null,
    keysOf: application.keysOf,
    modelId: NO_MODELS,
    local: { snapshotEvery: 0 },
  });
  const problems: string[] = [];
  const execution = new Execution(core, application, problems, parts.onCommit);
  const history: HistoryParts = {
    kernels,
    store: disk.store,
    snapshots: {
      indexes: start === 0 ? [] : [start],
      read: (index) => parts.snapshots.read(index),
      distrust: () => undefined,
    },
    application,
    core,
    epochs: new Epochs(disk.store),
    post: (input) => execution.post(input),
    log: ({ message }) => void problems.push(message),
  };
  const committed = new Set<string>();
  try {
    if (restoreNewest(history, committed) !== start) throw new PqError('SNAPSHOT_UNUSABLE', problems.join('; '));
    await replayCommits(history, start, committed);
    // A core that halts at the last commit has counted it as executed.
    if (core.status().halted) throw new PqError('REPLAY_HALTED', 'the core halted');
  } catch (error) {
    if (!isPqError(error) || problems.length === 0) throw error;
    throw new PqError(error.code, problems.join('; '), error.data, error);
  }
}

/** Steps a core and executes what it orders; nothing is sent, signed or stored. */
class Execution {
  readonly #core: ReturnType<typeof createCore>;
  readonly #application: Pick<NodeApplication, 'execute'>;
  readonly #problems: string[];
  readonly #onCommit: (index: number) => void;

  constructor(
    core: ReturnType<typeof createCore>,
    application: Pick<NodeApplication, 'execute'>,
    problems: string[],
    onCommit: (index: number) => void,
  ) {
    this.#core = core;
    this.#application = application;
    this.#problems = problems;
    this.#onCommit = onCommit;
  }

  post(input: Input): void {
    const inputs = [input];
    for (let next = 0; next < inputs.length; next++) {
      for (const output of this.#core.step(Date.now(), inputs[next]!)) {
        const answer = this.#carryOut(output);
        if (answer !== undefined) inputs.push(answer);
      }
    }
  }

  #carryOut(output: Output): Input | undefined {
    if (output.type === 'event' && output.event.type === 'alarm') this.#problems.push(output.event.message);
    if (output.type !== 'execute') return undefined;
    const { execution } = output;
    this.#onCommit(execution.index);
    const { stateRoot, receipts } = this.#application.execute(execution);
    return { type: 'executed', index: execution.index, stateRoot, modelRoot: NO_MODELS, receipts };
  }
}
