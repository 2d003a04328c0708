/**
 * Child processes that run ONNX models. A run that does not end is killed with its child, which is started again; what waits
 * goes on in the new one. Nothing here ever blocks the caller's thread.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { isPqError, PqError } from '../errors.ts';
import { ModelChild } from './child.ts';
import {
  CHILD_BACKOFF_MS_MAX,
  CHILD_BACKOFF_MS_MIN,
  LATE_RUN_KILL_MS,
  MAX_POOL_CHILDREN,
  MAX_QUEUED_RUNS,
  MODEL_LOAD_MS,
} from './limits.ts';
import type { ProposalData } from './proposals.ts';
import type { Answer, Feeds, Question } from './protocol.ts';
import type { ScorePlan } from './scorer.ts';

export interface PoolStats {
  /** Runs that missed their deadline, waiting or running. */
  readonly late: number;
  /** Children started in place of one that was killed or died. */
  readonly restarts: number;
  /** Processor time of all children so far, ended ones included, milliseconds. */
  readonly cpuMs: number;
  /** Children that can take a run now or when their present one ends. */
  readonly children: number;
}

interface Job {
  readonly question: Question;
  readonly resolve: (answer: Answer | null) => void;
  readonly reject: (error: unknown) => void;
  timer: NodeJS.Timeout | undefined;
  child: ModelChild | undefined;
  /** The child has answered, or died. */
  ended: boolean;
}

export class ModelPool {
  readonly #children = new Set<ModelChild>();
  readonly #models = new Map<string, { readonly bytes: Uint8Array; readonly plan: ScorePlan | null }>();
  readonly #queue: Job[] = [];
  readonly #running = new Set<Job>();
  readonly #timers = new Set<NodeJS.Timeout>();
  #late = 0;
  #restarts = 0;
  #endedCpuMs = 0;
  #closed = false;

  readonly #loadMs: number;

  private constructor(loadMs: number) {
    this.#loadMs = loadMs;
  }

  /**
   * Starts `children` processes (1 … 16) and waits until all are ready. A model that takes longer than `loadMs` to load is
   * refused. Throws `MODEL_POOL`, `MODEL_CHILD`.
   */
  static async start(children = 1, loadMs: number = MODEL_LOAD_MS): Promise<ModelPool> {
    if (!Number.isInteger(children) || children < 1 || children > MAX_POOL_CHILDREN) {
      throw new PqError('MODEL_POOL', `A pool has 1 to ${MAX_POOL_CHILDREN} children.`, { children });
    }
    const pool = new ModelPool(loadMs);
    try {
      await Promise.all(Array.from({ length: children }, () => pool.#startChild()));
    } catch (error) {
      await pool.close();
      throw error;
    }
    return pool;
  }

  /** Loads a model into every child, and into those that replace them; without a plan it can only be `run`. Throws `MODEL_LOAD` if the runtime does not take it. */
  async load(model: string, bytes: Uint8Array, plan: ScorePlan | null = null): Promise<void> {
    this.#models.set(model, { bytes, plan });
    try {
      await Promise.all(
        [...this.#children].map((child) => child.askWithin({ op: 'load', model, bytes, plan }, this.#loadMs)),
      );
    } catch (error) {
      // Kept, it would also end every child that replaces this one.
      this.#models.delete(model);
      const reason = error instanceof Error ? error.message : String(error);
      throw new PqError('MODEL_LOAD', `ONNX Runtime cannot load the model: ${reason}`, { model }, error);
    }
  }

  /** Forgets a model. */
  async unload(model: string): Promise<void> {
    this.#models.delete(model);
    await Promise.all([...this.#children].map((child) => child.ask({ op: 'unload', model })));
  }

  /**
   * Runs the batches one after another in one child and returns the named outputs of each; null if that took more than
   * `deadlineMs` from now, waiting included. Throws `MODEL_RUN` (the runtime refused), `MODEL_CHILD` (the child died).
   */
  async run(
    model: string,
    batches: readonly Feeds[],
    outputs: readonly string[],
    deadlineMs: number,
  ): Promise<readonly Feeds[] | null> {
    const answer = await this.#ask({ op: 'run', model, batches, outputs }, deadlineMs);
    return answer?.op === 'ran' ? answer.results : null;
  }

  /** P(should be rejected) per item by the model's plan, NaN where it cannot judge; null and errors as for {@link run}, and `MODEL_OUTPUT`. */
  async score(model: string, items: readonly ProposalData[], deadlineMs: number): Promise<Float64Array | null> {
    const answer = await this.#ask({ op: 'score', model, items }, deadlineMs);
    return answer?.op === 'scored' ? answer.p : null;
  }

  stats(): PoolStats {
    let cpuMs = this.#endedCpuMs;
    for (const child of this.#children) cpuMs += child.cpuMs;
    return { late: this.#late, restarts: this.#restarts, cpuMs, children: this.#children.size };
  }

  /** Process ids of the children, for the operator's eyes and for tests. */
  pids(): number[] {
    return [...this.#children].flatMap(({ pid }) => (pid === undefined ? [] : [pid]));
  }

  /** Ends all children; what waits or runs resolves with null. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
    for (const job of [...this.#queue.splice(0), ...this.#running]) this.#settle(job, () => job.resolve(null));
    await Promise.all([...this.#children].map((child) => child.kill()));
  }

  #ask(question: Question, deadlineMs: number): Promise<Answer | null> {
    if (this.#closed) return Promise.reject(new PqError('MODEL_POOL', 'The pool is closed: start another.'));
    if (this.#queue.length >= MAX_QUEUED_RUNS || !(deadlineMs > 0)) {
      this.#late += 1;
      return Promise.resolve(null);
    }
    return new Promise((resolve, reject) => {
      const job: Job = { question, resolve, reject, timer: undefined, child: undefined, ended: false };
      job.timer = setTimeout(() => void this.#expire(job), deadlineMs);
      this.#queue.push(job);
      this.#pump();
    });
  }

  async #startChild(): Promise<void> {
    let started: ModelChild | undefined;
    const child = await ModelChild.start(() => {
      if (started !== undefined) this.#onExit(started);
    });
    started = child;
    for (const [model, { bytes, plan }] of this.#models)
      await child.askWithin({ op: 'load', model, bytes, plan }, this.#loadMs);
    if (this.#closed) {
      await child.kill();
      return;
    }
    this.#children.add(child);
    this.#pump();
  }

  #onExit(child: ModelChild): void {
    this.#endedCpuMs += child.cpuMs;
    // One that ended while loading was never added; whoever started it sees the error.
    if (this.#children.delete(child) && !this.#closed) this.#restart(CHILD_BACKOFF_MS_MIN);
  }

  #restart(backoffMs: number): void {
    this.#restarts += 1;
    this.#startChild().catch((error: unknown) => {
      if (!isPqError(error)) throw error;
      if (this.#closed) return;
      const timer = setTimeout(() => {
        this.#timers.delete(timer);
        this.#restart(Math.min(2 * backoffMs, CHILD_BACKOFF_MS_MAX));
      }, backoffMs);
      this.#timers.add(timer);
    });
  }

  #pump(): void {
    for (const child of this.#children) {
      if (child.busy) continue;
      const job = this.#queue.shift();
      if (job === undefined) return;
      child.busy = true;
      job.child = child;
      this.#running.add(job);
      child.ask(job.question).then(
        (answer) => this.#finish(job, child, () => job.resolve(answer)),
        (error: unknown) => this.#finish(job, child, () => job.reject(error)),
      );
    }
  }

  #finish(job: Job, child: ModelChild, answer: () => void): void {
    child.busy = false;
    job.ended = true;
    this.#settle(job, answer);
    this.#pump();
  }

  /** Answers a job once: whichever of result, deadline and closing comes first. */
  #settle(job: Job, answer: () => void): void {
    if (job.timer === undefined) return;
    clearTimeout(job.timer);
    job.timer = undefined;
    this.#running.delete(job);
    answer();
  }

  async #expire(job: Job): Promise<void> {
    // This process may have stood still itself: then the answer has come and is only not read yet.
    await nextTurn();
    if (job.timer === undefined) return;
    this.#late += 1;
    const { child } = job;
    if (child === undefined) this.#queue.splice(this.#queue.indexOf(job), 1);
    this.#settle(job, () => job.resolve(null));
    if (child !== undefined) this.#endIfStuck(job, child);
  }

  /**
   * The runtime cannot be interrupted. On a busy machine a run is late and ends all the same: to start the child again would
   * take more of the machine than the run, and make the next ones late too.
   */
  #endIfStuck(job: Job, child: ModelChild): void {
    const timer = setTimeout(async () => {
      this.#timers.delete(timer);
      await nextTurn();
      // The rejection of the pending request finds the job settled.
      if (!job.ended) void child.kill();
    }, LATE_RUN_KILL_MS);
    this.#timers.add(timer);
  }
}
