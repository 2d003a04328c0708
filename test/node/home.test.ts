import { statSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Agent } from '../../src/agent/agent.ts';
import { toHex } from '../../src/core/bytes.ts';
import { parseGenesis } from '../../src/core/genesis.ts';
import { identityFromSeed } from '../../src/crypto/identity.ts';
import {
  devnetAccount,
  devnetGenesis,
  devnetIdentity,
  devnetSeed,
  MAX_DEVNET_VALIDATORS,
  requireLoopback,
} from '../../src/node/devnet.ts';
import { homePaths, initHome, readGenesis, readSeed } from '../../src/node/home.ts';
import type { LogLine } from '../../src/node/log.ts';
import { startNode } from '../../src/node/node.ts';
import { createSignedRecord, openSignedRecord } from '../../src/store/signed-record.ts';
import { temporaryDirectory } from './temporary.ts';
import { proposalOf, seedOf, testGenesis } from './test-validator.ts';

const PASSWORD = 'correct horse';

function options(home: string, log: LogLine[] = []) {
  return {
    home,
    genesis: testGenesis(1),
    identity: identityFromSeed(seedOf(0)),
    listen: { host: '127.0.0.1', port: 0 },
    agent: new Agent(),
    log: (line: LogLine) => void log.push(line),
  };
}

test('a home holds genesis, keystore and the first record, for nobody else to read', async () => {
  const home = temporaryDirectory();
  const genesis = testGenesis(2);
  await initHome(home, { genesis, seed: seedOf(1), password: PASSWORD });
  expect(await readGenesis(home)).toEqual(genesis);
  expect(await readSeed(home, PASSWORD)).toEqual(seedOf(1));
  const paths = homePaths(home);
  const record = await openSignedRecord(paths.record);
  expect(record.read()).toMatchObject({ epoch: 0, round: 0, votedIndex: 0 });
  await record.close();
  for (const path of [paths.config, paths.data, paths.keystore, paths.record]) {
    expect(statSync(path).mode & 0o077).toBe(0);
  }
});

test('a home is made once, and for a validator of its genesis document only', async () => {
  const home = temporaryDirectory();
  const genesis = testGenesis(2);
  await expect(initHome(home, { genesis, seed: seedOf(2) })).rejects.toMatchObject({ code: 'NODE_NOT_A_VALIDATOR' });
  expect(await readdir(home)).toEqual([]);
  await initHome(home, { genesis, seed: seedOf(0) });
  await expect(initHome(home, { genesis, seed: seedOf(0) })).rejects.toMatchObject({ code: 'HOME_EXISTS' });
  await expect(readGenesis(join(home, 'nowhere'))).rejects.toMatchObject({ code: 'HOME_MISSING' });
});

test('a home of another chain is refused, by its store and by its record', async () => {
  const home = temporaryDirectory();
  await initHome(home, { genesis: testGenesis(1), seed: seedOf(0) });
  const node = await startNode(options(home));
  await node.stop();
  const other = { ...testGenesis(1), chainName: 'another' };
  await expect(startNode({ ...options(home), genesis: other })).rejects.toMatchObject({ code: 'NODE_OTHER_CHAIN' });
  const mixed = temporaryDirectory();
  await initHome(mixed, { genesis: other, seed: seedOf(0) });
  await expect(startNode(options(mixed))).rejects.toMatchObject({ code: 'NODE_OTHER_CHAIN' });
  // What was refused has let go of its home.
  await (await startNode({ ...options(mixed), genesis: other })).stop();
});

test('a stranger to the committee and models that may take too long are refused', async () => {
  const home = temporaryDirectory();
  await initHome(home, { genesis: testGenesis(1), seed: seedOf(0) });
  const stranger = { ...options(home), identity: identityFromSeed(seedOf(5)) };
  await expect(startNode(stranger)).rejects.toMatchObject({ code: 'NODE_NOT_A_VALIDATOR' });
  const slow = options(home);
  slow.agent.configure({ timeoutPhase: 1001 });
  await expect(startNode(slow)).rejects.toMatchObject({ code: 'CONFIG_TIMEOUT_PHASE' });
});

test('without its last-signed record a node starts, says so, signs nothing, and takes nothing that it could not propose', async () => {
  const home = temporaryDirectory();
  const log: LogLine[] = [];
  const node = await startNode(options(home, log));
  expect(log.map(({ code }) => code)).toContain('SIGNED_RECORD_MISSING');
  expect(await node.submit([proposalOf(1)])).toMatchObject([{ taken: false, code: 'NODE_NOT_SIGNING' }]);
  expect(node.stats().blocksEmitted).toBe(0);
  await node.stop();
});

test('a record that is ahead of the store stops the validator from signing an earlier round', async () => {
  const home = temporaryDirectory();
  const genesis = testGenesis(1);
  await initHome(home, { genesis, seed: seedOf(0) });
  const record = await openSignedRecord(homePaths(home).record);
  const last = record.read()!;
  const ahead = { ...last, round: 50 as typeof last.round, digest: new Uint8Array(32).fill(9) as typeof last.digest };
  await record.write(ahead);
  await record.close();
  const node = await startNode(options(home));
  expect(node.status().round).toBeGreaterThanOrEqual(50);
  await node.stop();
  await expect(createSignedRecord(homePaths(home).record, last.chainId)).rejects.toMatchObject({
    code: 'SIGNED_RECORD_EXISTS',
  });
});

test('the devnet is the same everywhere, well-formed in every size, and on the loopback only', () => {
  for (const validators of [1, 4, MAX_DEVNET_VALIDATORS]) {
    const genesis = devnetGenesis(validators);
    expect(parseGenesis(structuredClone(genesis))).toEqual(genesis);
    expect(genesis.validators).toHaveLength(validators);
    expect(genesis.validators[0]!.publicKey).toBe(toHex(devnetIdentity(0).signing.publicKey));
  }
  const accounts = devnetGenesis(1).application.state as { publicKey: string }[];
  expect(accounts).toHaveLength(64);
  expect(accounts[63]!.publicKey).toBe(toHex(devnetAccount(63).publicKey));
  const codeOf = (run: () => unknown): unknown => {
    try {
      return run();
    } catch (error) {
      return (error as { code: string }).code;
    }
  };
  expect(codeOf(() => devnetGenesis(17))).toBe('DEVNET_SIZE');
  expect(codeOf(() => devnetSeed(16))).toBe('DEVNET_SIZE');
  expect(codeOf(() => devnetAccount(64))).toBe('DEVNET_SIZE');
  for (const host of ['0.0.0.0', '::', '10.0.0.1', 'localhost.example.org', '127.0.0.1.example.org']) {
    expect(codeOf(() => requireLoopback(host))).toBe('DEVNET_LOOPBACK');
  }
  for (const host of ['127.0.0.1', 'localhost', '::1']) requireLoopback(host);
});
