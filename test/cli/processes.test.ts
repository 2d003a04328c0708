import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { freePorts } from '../../src/cli/launch.ts';
import { NodeProcess } from '../../src/cli/testnet-processes.ts';

describe('a process of a test network', () => {
  let folder: string;
  let child: ChildProcess;
  let pidFile: string;

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'pq-processes-'));
    pidFile = join(folder, 'node.pid');
    // It says when it is there: before that its command line may still be the one of this process.
    child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000); console.log("up")', '--', folder]);
    await once(child.stdout!, 'data');
  });
  afterEach(() => {
    child.kill('SIGKILL');
    rmSync(folder, { recursive: true });
  });

  it('is found by its pid file, paused, resumed and stopped', async () => {
    const found = new NodeProcess(pidFile, folder);
    expect([found.state, found.pid]).toEqual(['stopped', null]);
    found.record(child.pid!);
    expect([found.state, found.pid]).toEqual(['running', child.pid]);
    found.signal('SIGSTOP');
    await expect.poll(() => found.state).toBe('paused');
    found.signal('SIGCONT');
    await expect.poll(() => found.state).toBe('running');
    expect(await found.stop()).toBe(true);
    expect(found.state).toBe('stopped');
    expect(existsSync(pidFile)).toBe(false);
    expect(await found.stop()).toBe(false);
  });

  it('that is paused stops too', async () => {
    const found = new NodeProcess(pidFile, folder);
    found.record(child.pid!);
    found.signal('SIGSTOP');
    await found.stop();
    expect(found.state).toBe('stopped');
  });

  it('is never taken for another one that has its pid now', () => {
    const other = new NodeProcess(pidFile, join(folder, 'another-home'));
    other.record(child.pid!);
    expect(other.state).toBe('stopped');
    expect(() => other.signal('SIGKILL')).toThrow(expect.objectContaining({ code: 'TESTNET_NOT_RUNNING' }));
    expect(child.exitCode).toBeNull();
    for (const text of ['', 'rubbish', '1', '-1', '999999999']) {
      writeFileSync(pidFile, text);
      expect(new NodeProcess(pidFile, folder).state).toBe('stopped');
    }
  });
});

describe('free ports', () => {
  it('are all different, and can be listened at', async () => {
    const ports = await freePorts(8);
    expect(new Set(ports).size).toBe(8);
    for (const port of ports) {
      const server = createServer().listen(port, '127.0.0.1');
      await once(server, 'listening');
      server.close();
    }
  });
});
