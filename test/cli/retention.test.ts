import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, onTestFinished, test } from 'vitest';
import { freePorts, mainFile } from '../../src/cli/launch.ts';
import type { StoreReport } from '../../src/node/check/store-report.ts';
import { PATIENCE, Running } from './running.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'pq-retention-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const check = (home: string) =>
  JSON.parse(
    execFileSync(process.execPath, [mainFile(), 'store', 'check', '--home', home, '--json'], { encoding: 'utf8' }),
  ) as StoreReport;

/** Runs a network of one, whose node is given `args`, until its client has decisions; returns what the node has kept. */
async function kept(...args: readonly string[]): Promise<StoreReport> {
  const [port] = (await freePorts(1)) as [number];
  const network = ['--validators', '1'];
  const home = join(folder, args.join(''));
  const node = new Running(
    ['node', '--node', '1', ...network, '--port', String(port), '--home', home, ...args],
    folder,
  );
  onTestFinished(() => node.stop('SIGKILL'));
  await node.says(/listens at/);
  for (let run = 0; run < 3; run++) {
    const client = new Running(['client', '--endpoint', `localhost:${port}`, ...network, '--rate', '20'], folder);
    expect([await client.code(), client.output]).toEqual([0, expect.stringContaining('10 proposals')]);
  }
  await node.stop();
  return check(home);
}

test('a node keeps what it is told to keep', PATIENCE, async () => {
  const few = await kept('--retain', '4', '--snapshot-every', '3');
  expect(few.ok).toBe(true);
  expect(few.commits.first).toBeGreaterThan(1);
  expect(few.snapshots).toHaveLength(2);
  for (const { index } of few.snapshots) expect(index % 3).toBe(0);
  const all = await kept('--retain', 'all', '--snapshot-every', '3');
  expect(all.commits.first).toBe(1);
  expect(all.snapshots).toHaveLength(2);
  const none = await kept('--snapshot-every', '0');
  expect([none.commits.first, none.snapshots]).toEqual([1, []]);
});

test('values that mean nothing are refused, and say what to give', async () => {
  const refused = async (...args: readonly string[]) => {
    const node = new Running([...args], folder);
    return `${await node.code()} ${/error (\w+): /.exec(node.output)?.[1]}`;
  };
  const node = ['node', '--node', '1', '--port', '5001'];
  expect(await refused(...node, '--retain', '0')).toBe('2 USAGE_NUMBER');
  expect(await refused(...node, '--retain', 'most')).toBe('2 USAGE_NUMBER');
  expect(await refused(...node, '--snapshot-every', '-1')).toBe('2 USAGE_NUMBER');
  expect(await refused(...node, '--retain', '10', '--snapshot-every', '0')).toBe('2 CONFIG_RETENTION');
  expect(await refused('testnet', 'init', '--retain', '10', '--snapshot-every', '0')).toBe('2 CONFIG_RETENTION');
  expect(await refused('testnet', 'init', '--retain', 'all', '--snapshot-every', '100')).toBe('0 undefined');
  const layout: unknown = JSON.parse(readFileSync(join(folder, '.pq', 'testnet', 'testnet.json'), 'utf8'));
  expect(layout).toMatchObject({ history: { retain: 'all', snapshotEvery: 100 } });
  expect(await refused('testnet', 'start', '--retain', '10')).toBe('2 TESTNET_EXISTS');
});
