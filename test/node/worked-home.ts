import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Genesis } from '../../src/core/genesis.ts';
import type { HistoryOptions } from '../../src/node/history.ts';
import { homePaths, initHome } from '../../src/node/home.ts';
import type { Node } from '../../src/node/node.ts';
import { certified, submit } from './network.ts';
import { temporaryDirectory } from './temporary.ts';
import { seedOf, settingOf, startTestValidator, testGenesis } from './test-validator.ts';

/** Of homes of one validator, who decides alone: what is in its store depends on nobody else. */
export const genesis: Genesis = testGenesis(1);

/** A key that models reject. */
export const REJECTED_KEY = 'x'.repeat(255);

/** A home that a real node has not used yet; in a directory that goes away with the test, unless one is given. */
export async function newHome(home = temporaryDirectory()): Promise<string> {
  await initHome(home, { genesis, seed: seedOf(0) });
  return home;
}

/** Starts the validator of a home with the application that genesis names. */
export function startHome(home: string, history: Partial<HistoryOptions> = {}): Promise<Node> {
  const log = () => undefined;
  return startTestValidator({ index: 0, genesis, home, peers: [], application: null, history, log });
}

/** Has `count` proposals decided, one commit or more each; every fifth of them rejected. */
export async function work(node: Node, count: number, name = 'key'): Promise<void> {
  for (let i = 1; i <= count; i++) {
    const key = i % 5 === 0 ? REJECTED_KEY : `${name} ${i}`;
    await certified(node, await submit(node, [settingOf(key, `value ${i}`)]));
  }
}

/** A home whose validator has decided on `count` proposals and was stopped in order. */
export async function workedHome(
  count: number,
  history: Partial<HistoryOptions> = {},
  directory?: string,
): Promise<string> {
  const home = await newHome(directory);
  const node = await startHome(home, history);
  await work(node, count);
  await node.stop();
  return home;
}

/** A copy of a home, to be damaged. */
export function copyOf(home: string): string {
  const copy = temporaryDirectory();
  cpSync(home, copy, { recursive: true });
  rmSync(join(homePaths(copy).data, 'LOCK'), { force: true });
  return copy;
}
