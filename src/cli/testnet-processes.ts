/** The processes of a test network: found again by their pid files, whoever started them. */
import { execFileSync } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { PqError } from '../errors.ts';

export type ProcessState = 'running' | 'paused' | 'stopped';

/** From SIGTERM to SIGKILL. */
const STOP_GRACE_MS = 10_000;
const POLL_MS = 50;

/** One validator's process. `mark` is a part of its command line: a pid may have gone to another process since. */
export class NodeProcess {
  readonly #pidFile: string;
  readonly #mark: string;

  constructor(pidFile: string, mark: string) {
    this.#pidFile = pidFile;
    this.#mark = mark;
  }

  /** Its pid while it lives, else null. */
  get pid(): number | null {
    const pid = this.#recorded();
    return pid !== null && commandOf(pid).includes(this.#mark) ? pid : null;
  }

  get state(): ProcessState {
    const { pid } = this;
    if (pid === null) return 'stopped';
    return isPaused(pid) ? 'paused' : 'running';
  }

  record(pid: number): void {
    writeFileSync(this.#pidFile, `${pid}\n`);
  }

  /** Throws `TESTNET_NOT_RUNNING`. */
  signal(signal: NodeJS.Signals): void {
    if (this.#send(signal)) return;
    throw new PqError('TESTNET_NOT_RUNNING', `${this.#mark} does not run: start it first.`);
  }

  /** False when there is no process, or it ended just now. */
  #send(signal: NodeJS.Signals): boolean {
    const { pid } = this;
    if (pid === null) return false;
    try {
      return process.kill(pid, signal);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
      throw error;
    }
  }

  /** Ends it: kindly, then not. False when it did not run. */
  async stop(): Promise<boolean> {
    if (!this.#send('SIGTERM')) return false;
    // A paused process gets to its SIGTERM only when it goes on.
    this.#send('SIGCONT');
    const deadlineMs = performance.now() + STOP_GRACE_MS;
    while (this.pid !== null && performance.now() < deadlineMs) await delay(POLL_MS);
    this.#send('SIGKILL');
    rmSync(this.#pidFile, { force: true });
    return true;
  }

  #recorded(): number | null {
    try {
      const pid = Number(readFileSync(this.#pidFile, 'utf8'));
      return Number.isSafeInteger(pid) && pid > 1 ? pid : null;
    } catch {
      // No file: it was never started, or stopped in order.
      return null;
    }
  }
}

/** The command line of a process, empty when there is none. */
function commandOf(pid: number): string {
  try {
    if (process.platform === 'linux') return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
    return execFileSync('ps', ['-o', 'command=', '-p', String(pid)], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
  } catch {
    // Both say so when the process is gone.
    return '';
  }
}

function isPaused(pid: number): boolean {
  try {
    if (process.platform !== 'linux') {
      return execFileSync('ps', ['-o', 'stat=', '-p', String(pid)], { encoding: 'utf8' }).startsWith('T');
    }
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name in brackets may hold anything, brackets too: the state follows the last one.
    return stat.slice(stat.lastIndexOf(')') + 2).startsWith('T');
  } catch {
    // It ended in between.
    return false;
  }
}
