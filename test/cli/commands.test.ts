import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeGenesis } from '../support/chain.ts';

const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `pq` as a process of its own, as a user does. */
function pq(args: readonly string[], input = ''): Promise<Ended> {
  const child = spawn(process.execPath, [MAIN, ...args], { env: { ...process.env, NO_COLOR: '1' } });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  child.stdin.end(input);
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, stdout, stderr }));
  });
}

describe('pq', () => {
  let folder: string;
  const file = (name: string, content: string): string => {
    const path = join(folder, name);
    writeFileSync(path, content);
    return path;
  };

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'pq-cli-'));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  it('says its version, its core and its runtime', async () => {
    const { code, stdout } = await pq(['version', '--json']);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      version: expect.stringMatching(/^\d+\.\d+\.\d+/),
      wasmSha256: expect.stringMatching(/^[0-9a-f]{64}$/),
      kernels: 'wasm',
      node: process.version,
    });
  });

  it('helps, and says what is wrong with a command line', async () => {
    expect(await pq(['--help'])).toMatchObject({ code: 0, stdout: expect.stringContaining('verify') });
    expect(await pq(['vrsion'])).toMatchObject({ code: 2, stderr: expect.stringContaining('version') });
    expect(await pq(['node', '--node', '1'])).toMatchObject({ code: 2, stderr: expect.stringContaining('--port') });
  });

  it.each([
    [['node', '--node', '0', '--port', '5001'], 'USAGE_NUMBER'],
    [['node', '--node', '1', '--port', '99999'], 'USAGE_NUMBER'],
    [['node', '--node', '4', '--port', '5001'], 'NODE_INDEX'],
    [['node', '--node', '1', '--port', '5001', '--peer', 'nowhere'], 'USAGE_ENDPOINT'],
    [['node', '--node', '1', '--port', '5001', '--host', '0.0.0.0'], 'DEVNET_LOOPBACK'],
    [['bench', 'wasm', '--filter', 'no such row'], 'BENCH_FILTER'],
    [['node', '--node', '1', '--port', '5001', '--advertise', '192.0.2.1:5001'], 'DEVNET_LOOPBACK'],
    [['node', '--node', '1', '--port', '5001', '--clock-offset-ms', 'soon'], 'USAGE_NUMBER'],
    [['node', '--node', '1', '--port', '5001', '--clock-offset-ms=-99999999'], 'USAGE_NUMBER'],
    [['client', '--endpoint', 'localhost'], 'USAGE_ENDPOINT'],
    [['client', '--endpoint', 'localhost:5001', '--rate', '-1'], 'USAGE_NUMBER'],
    [['client', '--endpoint', 'localhost:5001', '--file', '/nowhere/at/all.csv'], 'ENOENT'],
    [['client', '--endpoint', 'localhost:5001', '--file', '/'], 'FILE_FOLDER'],
    [['verify', '/nowhere/at/all.bin', '--genesis', '/nowhere/genesis.json'], 'ENOENT'],
  ])('%j ends with 2 and %s on one line', async (args, errorCode) => {
    const { code, stderr } = await pq(args);
    expect(stderr).toMatch(new RegExp(`^error ${errorCode}: .*\n$`));
    expect(code).toBe(2);
  });

  it('refuses a malformed file before anything is sent, and says where', async () => {
    const path = file('bad.csv', 'origin,label\na.example,0\nb.example,perhaps\n');
    const { code, stderr } = await pq(['client', '--endpoint', 'localhost:1', '--file', path]);
    expect(stderr).toMatch(/^error RECORD_LABEL: .*line 3, column 11.*Nothing was submitted/);
    expect(code).toBe(2);
  });

  it('refuses a malformed standard input too', async () => {
    expect(await pq(['client', '--endpoint', 'localhost:1'], '{"origin":')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('error RECORD_JSON'),
    });
  });

  it('proves single records only', async () => {
    const args = ['client', '--endpoint', 'localhost:1', '--proof', join(folder, 'proof.bin')];
    expect(await pq(args, 'a.example\nb.example\n')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('error USAGE_PROOF'),
    });
  });

  it('says that nobody answers', async () => {
    const { code, stderr } = await pq(['client', '--endpoint', 'localhost:1'], 'a.example\n');
    expect(stderr).toMatch(/^error QZMQ_NO_ANSWER: /);
    expect(code).toBe(1);
  });

  it('refuses a certificate that proves nothing with 1, and a genesis document that is none with 2', async () => {
    const genesis = file('genesis.json', JSON.stringify(makeGenesis()));
    const rubbish = file('certificate.bin', 'rubbish');
    const { code, stdout } = await pq(['verify', rubbish, '--genesis', genesis]);
    expect(stdout).toMatch(/^REFUSED {2}SSZ_\w+: /);
    expect(code).toBe(1);
    const json = await pq(['verify', rubbish, '--genesis', genesis, '--json']);
    expect(JSON.parse(json.stdout)).toMatchObject({ verified: false, code: expect.stringMatching(/^SSZ_/) });
    expect(json.code).toBe(1);
    expect(await pq(['verify', rubbish, '--genesis', file('x.json', '{')])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('error FILE_JSON'),
    });
    expect(await pq(['verify', rubbish, '--genesis', file('y.json', '{}')])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('error GENESIS_FIELD'),
    });
  });
});
