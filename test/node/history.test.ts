import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { GC_DEPTH_ROUNDS } from '../../src/core/limits.ts';
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

test('who was away for longer than most keep is brought back by an archive, and says so while there is none', async () => {
  const network = await makeNetwork(4);
  for (const index of [1, 2, 3]) network.histories[index] = { retain: 10, snapshotEvery: 10 };
  network.histories[0] = { retain: 'all', snapshotEvery: 10 };
  const nodes = await network.startAll(0, 1, 2, 3);
  const [archive, second, third, sleeper] = nodes as [Node, Node, Node, Node];
  await certified(sleeper, await submit(sleeper, [proposalOf(1)]));
  await sleeper.stop();
  const { commitIndex } = sleeper.status();
  const first = (index: number) =>
    (network.logs[index]!.findLast(({ code }) => code === 'PRUNED')?.data?.first ?? 0) as number;
  // Blocks of 60 rounds are kept whatever is removed: within them it would follow without the commits.
  const far = commitIndex + GC_DEPTH_ROUNDS + 30;
  await work(archive, () => first(1) > far && first(2) > far);
  await archive.stop();
  const back = await network.start(3);
  const told = () => network.logs[3]!.some(({ code }) => code === 'HISTORY_PRUNED');
  while (!told()) await new Promise((resolve) => setTimeout(resolve, 50));
  expect(back.status().commitIndex).toBeLessThan(first(1));
  const again = await network.start(0);
  const ids = await submit(back, [proposalOf(2)]);
  for (const node of [back, again, second, third]) await certified(node, ids);
  expect(network.applications[3]!.executed).toEqual(network.applications[0]!.executed);
  expect(network.applications[0]!.executed.length).toBeGreaterThan(5);
  // What was removed is answered by the archive alone.
  expect(network.logs[0]!.some(({ code }) => code === 'PRUNED')).toBe(false);
  expect(again.certificate(2).length).toBeGreaterThan(0);
  expect(second.certificate(2)).toHaveLength(0);
}, 180_000);

test.each([{ retain: 0 }, { retain: 1.5 }, { retain: -3 }, { snapshotEvery: -1 }, { snapshotEvery: Number.NaN }])(
  'options that mean nothing are refused: %j',
  (options) => {
    expect(() => historyOptions(options)).toThrow(expect.objectContaining({ code: 'CONFIG_RETENTION' }));
  },
);
