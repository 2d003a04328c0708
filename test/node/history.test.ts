import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { historyOptions } from '../../src/node/history.ts';
import { homePaths } from '../../src/node/home.ts';
import type { Node } from '../../src/node/node.ts';
import { certified, makeNetwork, submit, type TestNetwork } from './network.ts';
import { proposalOf } from './test-validator.ts';

/** Snapshots in the home of a validator, oldest first. */
function snapshotsOf(network: TestNetwork, index: number): string[] {
  const { snapshots } = homePaths(network.homes[index]!);
  return readdirSync(snapshots)
    .filter((name) => name.endsWith('.snapshot'))
    .sort()
    .map((name) => join(snapshots, name));
}

function indexOf(path: string): number {
  return Number(/(\d+)\.snapshot$/.exec(path)?.[1]);
}

/** Lets the network decide, a proposal at a time, until `isDone`. */
async function work(node: Node, isDone: () => boolean): Promise<void> {
  for (let i = 0; !isDone(); i++) await certified(node, await submit(node, [proposalOf(i >> 8, i)]));
}

function damage(path: string): void {
  const bytes = readFileSync(path);
  bytes[bytes.length - 3]! ^= 1;
  writeFileSync(path, bytes);
}

/** What the last start of a validator said of where it began. */
function recoveredFrom(network: TestNetwork, index: number): unknown {
  return network.logs[index]!.findLast(({ code }) => code === 'RECOVERED')?.data?.snapshot;
}

test('a start goes on from the newest snapshot that is whole, and executes what comes after it again', async () => {
  const network = await makeNetwork(4);
  network.histories[1] = { snapshotEvery: 5 };
  const nodes = await network.startAll(0, 1, 2, 3);
  await work(nodes[0]!, () => snapshotsOf(network, 1).length === 2 && nodes[1]!.status().commitIndex > 20);
  await nodes[1]!.stop();
  const { commitIndex } = nodes[1]!.status();
  const newest = indexOf(snapshotsOf(network, 1).at(-1)!);
  let again = await network.start(1);
  expect(again.status().commitIndex).toBeGreaterThanOrEqual(commitIndex);
  expect(recoveredFrom(network, 1)).toBe(newest);
  await again.stop();
  const [older, damaged] = snapshotsOf(network, 1) as [string, string];
  damage(damaged);
  again = await network.start(1);
  expect(again.status().commitIndex).toBeGreaterThanOrEqual(commitIndex);
  expect(recoveredFrom(network, 1)).toBe(indexOf(older));
  expect(network.logs[1]!.map(({ code }) => code)).toContain('SNAPSHOT_DAMAGED');
  await again.stop();
  for (const path of snapshotsOf(network, 1)) writeFileSync(path, 'no snapshot');
  again = await network.start(1);
  expect(again.status().commitIndex).toBeGreaterThanOrEqual(commitIndex);
  expect(recoveredFrom(network, 1)).toBe(0);
  // It goes on with the others, and writes snapshots again in place of those.
  const executed = () => network.applications[1]!.executed;
  await work(nodes[0]!, () => snapshotsOf(network, 1).some((path) => readFileSync(path).length > 100));
  await certified(again, await submit(again, [proposalOf(200, 1)]));
  const [shorter, longer] = [executed(), network.applications[0]!.executed].sort((a, b) => a.length - b.length);
  expect(longer!.slice(0, shorter!.length)).toEqual(shorter);
  expect(again.stats().equivocations).toBe(0);
});

test.each([{ retain: 0 }, { retain: 1.5 }, { retain: -3 }, { snapshotEvery: -1 }, { snapshotEvery: Number.NaN }])(
  'options that mean nothing are refused: %j',
  (options) => {
    expect(() => historyOptions(options)).toThrow(expect.objectContaining({ code: 'CONFIG_RETENTION' }));
  },
);
