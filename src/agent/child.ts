/** One child process of the pool: starting, asking, killing, and the account of its processor time. */
import { type ChildProcess, fork } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { PqError } from '../errors.ts';
import { CHILD_START_MS, MAX_CHILD_STDERR } from './limits.ts';
import type { Answer, Question, Reply, Request } from './protocol.ts';

/** The worker is TypeScript when this file is, and JavaScript after a build. */
const WORKER = fileURLToPath(new URL(import.meta.url.endsWith('.ts') ? './worker.ts' : './worker.js', import.meta.url));
/** Ticks of /proc/PID/stat; 100 on every Linux that Node supports. */
const TICK_MS = 10;

/** What the runtime needs of the environment. The rest may hold the operator's secrets, and this child runs strangers' files. */
const PASSED_ON = ['PATH', 'LD_LIBRARY_PATH', 'SystemRoot', 'TMPDIR', 'TEMP', 'LANG'];

function childEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(
    PASSED_ON.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]])),
  );
}

interface Pending {
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: PqError) => void;
}

export class ModelChild {
  readonly #process: ChildProcess;
  readonly #pending = new Map<number, Pending>();
  readonly #exited: Promise<void>;
  #nextId = 1;
  #cpuMs = 0;
  #stderr = '';
  #alive = true;
  /** True while a run is out: the pool gives a child one at a time. */
  busy = false;

  private constructor(onExit: () => void) {
    this.#process = fork(WORKER, [], {
      serialization: 'advanced',
      execArgv: [],
      env: childEnvironment(),
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    this.#process.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr = (this.#stderr + text).slice(-MAX_CHILD_STDERR);
    });
    this.#process.on('message', (reply: Reply) => this.#receive(reply));
    this.#exited = new Promise((resolve) => {
      const ended = (reason: string): void => {
        if (!this.#alive) return;
        this.#alive = false;
        this.#fail(reason);
        onExit();
        resolve();
      };
      this.#process.on('exit', (code, signal) => ended(`ended by ${signal ?? `exit code ${code}`}`));
      // Without a listener a failed fork, or a message to a child just killed, would end this process.
      this.#process.on('error', (error) => {
        if (this.#process.pid === undefined) ended(`could not be started (${error.message})`);
      });
    });
  }

  /** Starts a child and waits until its runtime is loaded. `onExit` is called once, whatever ends it. Throws `MODEL_CHILD`. */
  static async start(onExit: () => void): Promise<ModelChild> {
    const child = new ModelChild(onExit);
    const timer = setTimeout(() => child.kill(), CHILD_START_MS);
    try {
      await new Promise<Answer>((resolve, reject) => child.#pending.set(0, { resolve, reject }));
    } finally {
      clearTimeout(timer);
    }
    return child;
  }

  /** Sends a question and waits for its answer. Throws `MODEL_RUN` or another code if it fails, `MODEL_CHILD` if the child ends. */
  ask(question: Question): Promise<Answer> {
    return new Promise((resolve, reject) => {
      if (!this.#alive) {
        reject(this.#died('has ended'));
        return;
      }
      const id = this.#nextId;
      this.#nextId += 1;
      this.#pending.set(id, { resolve, reject });
      const request: Request = { id, question };
      this.#process.send(request);
    });
  }

  /** Like {@link ask}, but the child is killed if it takes longer than `limitMs`. Throws `MODEL_CHILD` then. */
  async askWithin(question: Question, limitMs: number): Promise<Answer> {
    const timer = setTimeout(() => this.kill(), limitMs);
    try {
      return await this.ask(question);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Ends the child at once, in the middle of whatever it computes. Resolves when it is gone. */
  kill(): Promise<void> {
    if (this.#alive) {
      this.#cpuMs = Math.max(this.#cpuMs, this.#cpuMsFromSystem());
      this.#process.kill('SIGKILL');
    }
    return this.#exited;
  }

  /** Processor time so far, as last reported; for a killed child on Linux as the system counted it. */
  get cpuMs(): number {
    return this.#cpuMs;
  }

  get pid(): number | undefined {
    return this.#process.pid;
  }

  #receive({ id, cpuMs, answer }: Reply): void {
    this.#cpuMs = Math.max(this.#cpuMs, cpuMs);
    const pending = this.#pending.get(id);
    this.#pending.delete(id);
    if (answer.op === 'failed') pending?.reject(new PqError(answer.code, `The model failed: ${answer.message}`));
    else pending?.resolve(answer);
  }

  #fail(reason: string): void {
    const error = this.#died(reason);
    for (const pending of this.#pending.values()) pending.reject(error);
    this.#pending.clear();
  }

  #died(reason: string): PqError {
    const said = this.#stderr.trim();
    return new PqError(
      'MODEL_CHILD',
      `The process that runs the models ${reason}${said ? `; it said: ${said}` : ''}.`,
      { reason, said },
    );
  }

  /** A killed child can no longer report its last run. Only Linux tells; elsewhere the last report stands. */
  #cpuMsFromSystem(): number {
    if (process.platform !== 'linux' || this.pid === undefined) return 0;
    try {
      const stat = readFileSync(`/proc/${this.pid}/stat`, 'utf8');
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
    } catch {
      // It ended by itself between the check and the read: its last report stands.
      return 0;
    }
  }
}
