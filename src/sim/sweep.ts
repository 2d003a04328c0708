/** Many runs, in this process or in several others: each is a function of its task, so it does not matter where it runs. */
import { type ChildProcess, fork } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { isPqError, PqError } from '../errors.ts';
import type { Kernels } from '../wasm/kernels.ts';
import { loadKernels } from '../wasm/load.ts';
import type { SimReport } from './report.ts';
import { runScenario } from './run.ts';

const WORKER = fileURLToPath(new URL(import.meta.url.endsWith('.ts') ? './worker.ts' : './worker.js', import.meta.url));

let kernels: Kernels | undefined;

export interface SimTask {
  readonly scenario: string;
  readonly seed: number;
  readonly validators?: number;
}

/** A run in which something did not hold. */
export interface Violation extends SimTask {
  /** `SIM_…`. */
  readonly code: string;
  readonly message: string;
}

export type Outcome = SimReport | Violation;

export interface SweepOptions {
  /** Processes; 0: this one alone. Default: one per processor. */
  readonly jobs?: number;
  /** Give no more work out after the first violation. */
  readonly stopAtFirst?: boolean;
  readonly onOutcome: (outcome: Outcome) => void;
}

export function isViolation(outcome: Outcome): outcome is Violation {
  return 'code' in outcome;
}

/** One run in this process. What does not hold is an outcome; anything else that goes wrong is thrown. */
export async function outcomeOf(task: SimTask, note?: (line: string) => void): Promise<Outcome> {
  try {
    kernels ??= loadKernels();
    return await runScenario(kernels, note ? { ...task, note } : task);
  } catch (error) {
    if (!isPqError(error) || !error.code.startsWith('SIM_')) throw error;
    return { ...task, code: error.code, message: error.message };
  }
}

/** Runs all tasks. Rejects with `SIM_WORKER` when a process ends by itself. */
export async function sweep(tasks: readonly SimTask[], options: SweepOptions): Promise<void> {
  const jobs = Math.min(options.jobs ?? availableParallelism(), tasks.length);
  let next = 0;
  let isOver = false;
  const take = (): SimTask | undefined => (isOver ? undefined : tasks[next++]);
  const give = (outcome: Outcome): void => {
    if (isOver) return;
    options.onOutcome(outcome);
    isOver = options.stopAtFirst === true && isViolation(outcome);
  };
  if (jobs === 0) {
    for (let task = take(); task; task = take()) give(await outcomeOf(task));
    return;
  }
  await Promise.all(Array.from({ length: jobs }, () => work(fork(WORKER), take, give)));
}

/** Keeps one process at work until there is nothing left. */
async function work(
  worker: ChildProcess,
  take: () => SimTask | undefined,
  give: (outcome: Outcome) => void,
): Promise<void> {
  try {
    for (let task = take(); task; task = take()) give(await ask(worker, task));
  } finally {
    worker.kill();
  }
}

function ask(worker: ChildProcess, task: SimTask): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const onExit = (): void => {
      const message = `A process of the sweep ended in scenario '${task.scenario}', seed ${task.seed}: see its output.`;
      reject(new PqError('SIM_WORKER', message, { ...task }));
    };
    worker.once('exit', onExit);
    worker.once('message', (outcome) => {
      worker.off('exit', onExit);
      resolve(outcome as Outcome);
    });
    worker.send(task);
  });
}
