import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, test } from 'vitest';
import { ModelPool } from '../../src/agent/pool.ts';
import { slowToLoad, torchMlp } from './fixtures.ts';

const DEADLINE_MS = 30_000;
const FEEDS = [{ input: { type: 'float32', dims: [1, 2], data: Float32Array.of(1, 0) } }];
const pools: ModelPool[] = [];

async function start(children?: number, loadMs?: number): Promise<ModelPool> {
  const pool = await ModelPool.start(children, loadMs);
  pools.push(pool);
  return pool;
}

afterEach(async () => {
  for (const pool of pools.splice(0)) await pool.close();
});

/** Waits until a process is gone; the test's own time limit ends it otherwise. */
async function gone(pid: number): Promise<void> {
  for (;;) {
    try {
      process.kill(pid, 0);
    } catch (error) {
      expect((error as NodeJS.ErrnoException).code).toBe('ESRCH');
      return;
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function output(pool: ModelPool): Promise<number> {
  const results = await pool.run('mlp', FEEDS, ['output'], DEADLINE_MS);
  return Number(results?.[0]?.output?.data[0]);
}

describe('a pool', () => {
  test('is refused without a child or with too many', async () => {
    await expect(ModelPool.start(0)).rejects.toMatchObject({ code: 'MODEL_POOL' });
    await expect(ModelPool.start(17)).rejects.toMatchObject({ code: 'MODEL_POOL' });
  });

  test('runs in other processes, spread over them', async () => {
    const pool = await start(2);
    expect(new Set(pool.pids()).size).toBe(2);
    expect(pool.pids()).not.toContain(process.pid);
    await pool.load('mlp', torchMlp('Sigmoid'));
    const all = await Promise.all(Array.from({ length: 20 }, () => output(pool)));
    expect(new Set(all)).toEqual(new Set([all[0]]));
    expect(all[0]).toBeCloseTo(1 / (1 + Math.exp(-2)), 6);
    expect(pool.stats().cpuMs).toBeGreaterThan(0);
  });

  test('names what the runtime refuses, and goes on', async () => {
    const pool = await start();
    await expect(pool.load('bad', new Uint8Array(10))).rejects.toMatchObject({ code: 'MODEL_LOAD' });
    await expect(pool.run('absent', FEEDS, ['output'], DEADLINE_MS)).rejects.toMatchObject({ code: 'MODEL_RUN' });
    await pool.load('mlp', torchMlp('Sigmoid'));
    await expect(pool.run('mlp', FEEDS, ['nothing'], DEADLINE_MS)).rejects.toMatchObject({ code: 'MODEL_RUN' });
    expect(await output(pool)).toBeGreaterThan(0.5);
    expect(pool.stats()).toMatchObject({ late: 0, restarts: 0 });
  });

  test('refuses a model that takes for ever to load, and starts its child again without it', async () => {
    const pool = await start(1, 2000);
    const [pid = 0] = pool.pids();
    await expect(pool.load('slow', slowToLoad())).rejects.toMatchObject({ code: 'MODEL_LOAD' });
    await gone(pid);
    await expect(pool.run('slow', FEEDS, ['probability'], DEADLINE_MS)).rejects.toMatchObject({ code: 'MODEL_RUN' });
    expect(pool.pids()).not.toContain(pid);
  });

  test.skipIf(process.platform !== 'linux')(
    'tells its children none of the secrets in the environment; they go first when memory is short',
    async () => {
      process.env.PQ_TEST_SECRET = 'hush';
      const pool = await start();
      delete process.env.PQ_TEST_SECRET;
      const [pid = 0] = pool.pids();
      expect(readFileSync(`/proc/${pid}/environ`, 'utf8')).not.toContain('hush');
      expect(readFileSync(`/proc/${pid}/oom_score_adj`, 'utf8').trim()).toBe('1000');
    },
  );

  test("'s children leave it to their parent to end them when the whole group is signalled", async () => {
    const pool = await start();
    await pool.load('mlp', torchMlp('Sigmoid'));
    const [pid = 0] = pool.pids();
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.kill(pid, signal);
    expect(await output(pool)).toBeGreaterThan(0.5);
    expect(pool.pids()).toEqual([pid]);
  });

  test('starts a child again that somebody else killed, with its models', async () => {
    const pool = await start();
    await pool.load('mlp', torchMlp('Sigmoid'));
    const [pid = 0] = pool.pids();
    process.kill(pid, 'SIGKILL');
    await gone(pid);
    // Either the run waits for the new child, or it was on its way to the old one and says so.
    const first = await output(pool).catch((error: unknown) => error);
    if (typeof first !== 'number') expect(first).toMatchObject({ code: 'MODEL_CHILD' });
    expect(await output(pool)).toBeGreaterThan(0.5);
    expect(pool.stats()).toMatchObject({ restarts: 1, children: 1 });
  });

  test.skipIf(process.platform === 'win32')('keeps a child whose run was late and ended all the same', async () => {
    const pool = await start();
    await pool.load('mlp', torchMlp('Sigmoid'));
    const [pid = 0] = pool.pids();
    process.kill(pid, 'SIGSTOP');
    expect(await pool.run('mlp', FEEDS, ['output'], 100)).toBeNull();
    process.kill(pid, 'SIGCONT');
    expect(await output(pool)).toBeGreaterThan(0.5);
    expect(pool.pids()).toEqual([pid]);
    expect(pool.stats()).toMatchObject({ late: 1, restarts: 0 });
  });

  test.skipIf(process.platform === 'win32')('ends a child whose run does not end', async () => {
    const pool = await start();
    await pool.load('mlp', torchMlp('Sigmoid'));
    const [pid = 0] = pool.pids();
    process.kill(pid, 'SIGSTOP');
    expect(await pool.run('mlp', FEEDS, ['output'], 100)).toBeNull();
    await gone(pid);
    expect(await output(pool)).toBeGreaterThan(0.5);
    expect(pool.stats()).toMatchObject({ late: 1, restarts: 1 });
  });

  test('takes an answer that came in time, though its own process stood still when it did', async () => {
    const pool = await start();
    await pool.load('mlp', torchMlp('Sigmoid'));
    const asked = pool.run('mlp', FEEDS, ['output'], 200);
    await new Promise((resolve) => setImmediate(resolve));
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2000);
    expect(await asked).not.toBeNull();
    expect(pool.stats()).toMatchObject({ late: 0, restarts: 0 });
  });

  test('ends its children and what waits for them when it is closed', async () => {
    const pool = await start();
    await pool.load('mlp', torchMlp('Sigmoid'));
    const [pid = 0] = pool.pids();
    const waiting = pool.run('mlp', FEEDS, ['output'], DEADLINE_MS);
    await pool.close();
    expect(await waiting).toBeNull();
    await gone(pid);
    await expect(output(pool)).rejects.toMatchObject({ code: 'MODEL_POOL' });
  });

  test("'s children end with their parent, even if it was killed", async () => {
    const source = fileURLToPath(new URL('../../src/agent/pool.ts', import.meta.url));
    const script = `const { ModelPool } = await import(${JSON.stringify(source)}); const pool = await ModelPool.start(); console.log(pool.pids()[0]); setInterval(() => {}, 1000);`;
    const parent = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [line] = (await once(parent.stdout, 'data')) as [Buffer];
    const pid = Number(line.toString());
    expect(pid).toBeGreaterThan(1);
    parent.kill('SIGKILL');
    await gone(pid);
  });
});
