/** `pq` processes for tests, with all that they print. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';

const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));
/** Processes on a machine that does other things too. */
export const PATIENCE = { timeout: 240_000 };
const POLL = { timeout: 60_000, interval: 100 };

/** A `pq` process and all that it has printed so far. */
export class Running {
  readonly child: ChildProcess;
  output = '';

  constructor(args: readonly string[], cwd: string) {
    this.child = spawn(process.execPath, [MAIN, ...args], {
      cwd,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, NO_COLOR: '1' },
    });
    for (const stream of [this.child.stdout!, this.child.stderr!]) {
      stream.on('data', (chunk: Buffer) => {
        this.output += chunk.toString();
      });
    }
  }

  async says(pattern: RegExp): Promise<void> {
    await expect.poll(() => this.output, POLL).toMatch(pattern);
  }

  async code(): Promise<number | null> {
    if (this.child.exitCode === null && this.child.signalCode === null) await once(this.child, 'close');
    return this.child.exitCode;
  }

  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    this.child.kill(signal);
    await this.code();
  }
}
