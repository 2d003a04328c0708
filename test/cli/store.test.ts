import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { verifyWithGenesis } from '../../src/cli/verify.ts';
import { homePaths } from '../../src/node/home.ts';
import { Database } from '../../src/store/database.ts';
import * as keys from '../../src/store/keys.ts';
import { testGenesis } from '../node/test-validator.ts';
import { copyOf, genesis, newHome, startHome, work, workedHome } from '../node/worked-home.ts';

const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));
const PROPOSALS = 10;

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}
type Line = Readonly<Record<string, unknown>> & { readonly type: string };

let folder: string;
/** Of a validator that has decided and was stopped. */
let home: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'pq-store-cli-'));
  home = await workedHome(PROPOSALS, { snapshotEvery: 5 }, join(folder, 'home'));
});
afterAll(() => rmSync(folder, { recursive: true }));

function store(...args: readonly string[]): Promise<Ended> {
  return new Promise((resolve) => {
    const options = { env: { ...process.env, NO_COLOR: '1' }, maxBuffer: 64 * 1024 * 1024 };
    execFile(process.execPath, [MAIN, 'store', ...args], options, (error, stdout, stderr) =>
      resolve({ code: Number(error?.code ?? 0), stdout, stderr }),
    );
  });
}

function linesOf(text: string): Line[] {
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Line);
}

test('check tells what is there and ends with 0, for people and for programs', async () => {
  const told = await store('check', '--home', home);
  expect(told).toMatchObject({ code: 0, stderr: '' });
  expect(told.stdout).toMatch(/^OK {2}the store of /);
  expect(told.stdout).toMatch(/executed +again from the first commit, from the snapshot of commit \d+/);
  expect(told.stdout).toMatch(/last signed +epoch 0, round \d+/);
  const { code, stdout } = await store('check', '--home', home, '--json');
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({ ok: true, decisions: PROPOSALS, findings: [], chainName: 'test' });
});

test('check names what is damaged and ends with 1; export says where it cannot go on', async () => {
  const damaged = copyOf(home);
  const database = await Database.open(homePaths(damaged).data);
  const [key, value] = [...database.range(keys.tableStart(keys.BLOCK), keys.tableEnd(keys.BLOCK))][4]!;
  const other = Buffer.from(value);
  other[other.length - 1]! ^= 1;
  database.write([{ key, value: other }]);
  await database.close();
  const told = await store('check', '--home', damaged);
  expect(told.code).toBe(1);
  expect(told.stdout).toMatch(/^DAMAGED /);
  expect(told.stdout).toContain('BLOCK_DAMAGED');
  const exported = await store('export', '--home', damaged);
  expect(exported.code).toBe(1);
  expect(exported.stderr).toMatch(/^error STORE_DAMAGED: .*pq store check/);
  // What comes before it is whole.
  expect(linesOf(exported.stdout)[0]).toMatchObject({ type: 'commit', index: 1 });
});

test('what cannot be looked at ends with 2 and says what to do', async () => {
  const codes = async (...args: readonly string[]) => {
    const both = [await store('check', ...args), await store('export', ...args)];
    return both.map(({ code, stderr }) => `${code} ${/^error (\w+): \S/.exec(stderr)?.[1]}`);
  };
  const other = join(folder, 'other.json');
  writeFileSync(other, JSON.stringify(testGenesis(2)));
  expect(await codes('--home', join(folder, 'nowhere'))).toEqual(['2 HOME_MISSING', '2 HOME_MISSING']);
  expect(await codes('--home', await newHome())).toEqual(['2 STORE_MISSING', '2 STORE_MISSING']);
  expect(await codes('--home', home, '--genesis', other)).toEqual(['2 NODE_OTHER_CHAIN', '2 NODE_OTHER_CHAIN']);
  expect((await store('check')).code).toBe(2);
  expect((await store('export', '--home', home, '--only', 'blocks')).code).toBe(2);
});

test('a node that runs is not disturbed', async () => {
  const used = copyOf(home);
  const node = await startHome(used);
  onTestFinished(() => node.stop());
  for (const command of ['check', 'export']) {
    expect(await store(command, '--home', used)).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/^error STORE_LOCKED: .*stop it first/),
    });
  }
  await work(node, 2, 'meanwhile');
});

test('export writes the chain, its blocks, decisions and certificates, one object a line', async () => {
  const { code, stdout } = await store('export', '--home', home);
  expect(code).toBe(0);
  const lines = linesOf(stdout);
  const of = (type: string) => lines.filter((line) => line.type === type);
  const commits = of('commit');
  expect(commits.map(({ index }) => index)).toEqual(commits.map((_, i) => i + 1));
  for (const [i, commit] of commits.slice(1).entries()) expect(commit.previous).toBe(commits[i]!.digest);
  expect(of('decision')).toHaveLength(PROPOSALS);
  expect(new Set(of('decision').map(({ decision }) => decision))).toEqual(new Set(['APPROVED', 'REJECTED']));
  const named = commits.flatMap(({ blocks }) => (blocks as { digest: string }[]).map(({ digest }) => digest));
  expect(of('block').map(({ digest }) => digest)).toEqual(named);
  const proposed = of('block').flatMap(({ proposals }) => (proposals as { id: string }[]).map(({ id }) => id));
  expect(proposed.sort()).toEqual(
    of('decision')
      .map(({ id }) => String(id))
      .sort(),
  );
  const [certificate] = of('certificate');
  expect(await verifyWithGenesis(Buffer.from(JSON.stringify(certificate)), genesis)).toMatchObject({
    verified: true,
    commit: { index: certificate!.commit, digest: commits[Number(certificate!.commit) - 1]!.digest },
  });
});

test('export takes a range, some kinds, and a file', async () => {
  const out = join(folder, 'export.ndjson');
  const range = ['--from', '3', '--to', '5'];
  expect(await store('export', '--home', home, ...range, '--only', 'commit,decision', '--out', out)).toMatchObject({
    code: 0,
    stdout: '',
  });
  const lines = linesOf(readFileSync(out, 'utf8'));
  expect(lines.flatMap((line) => (line.type === 'commit' ? [line.index] : []))).toEqual([3, 4, 5]);
  expect(new Set(lines.map(({ type }) => type)).has('block')).toBe(false);
  expect(await store('export', '--home', home, '--from', '1000000')).toMatchObject({
    code: 2,
    stderr: expect.stringMatching(/^error STORE_RANGE: This store has commits 1 to \d+/),
  });
  expect((await store('export', '--home', home, '--out', join(folder, 'no', 'such', 'folder'))).code).toBe(2);
});
