import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));

/** `pq bench wasm` as a process of its own, in a quick run; what it prints. */
async function bench(...args: readonly string[]): Promise<string> {
  const env = { ...process.env, NO_COLOR: '1' };
  const { stdout } = await promisify(execFile)(process.execPath, [MAIN, 'bench', 'wasm', '--quick', ...args], { env });
  return stdout;
}

describe('pq bench wasm', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'pq-bench-test-'));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  it('measures the rows that were asked for, and writes them', async () => {
    const [json, page] = [join(folder, 'rows.json'), join(folder, 'rows.md')];
    const said = await bench('--filter', 'sha3-256  bytes 32', '--json', json, '--markdown', page);
    expect(said).toMatch(/twin.*scalar.*simd[\s\S]*sha3-256 {2}bytes 32.*×/);
    const { machine, runtime, rows } = JSON.parse(readFileSync(json, 'utf8'));
    expect([machine.cores > 0, runtime.node]).toEqual([true, process.version]);
    expect(rows).toMatchObject([{ name: 'sha3-256', params: { bytes: 32 }, unit: 'µs per hash' }]);
    for (const column of ['naive', 'twin', 'scalar', 'simd', 'node:crypto', 'crypto.hash', 'hash-wasm', 'noble'])
      expect(rows[0].values[column], column).toBeGreaterThan(0);
    expect(readFileSync(page, 'utf8')).toContain('| sha3-256  bytes 32, µs per hash |');
  });

  it('refuses a filter that no row fits', async () => {
    await expect(bench('--filter', 'no such row')).rejects.toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/^error BENCH_FILTER: .*\n$/),
    });
  });

  it('measures whole networks: what the node takes, and twins for everything', { timeout: 300_000 }, async () => {
    const json = join(folder, 'network.json');
    await bench('--filter', 'end-to-end  validators 4, proposals together', '--json', json);
    const { rows } = JSON.parse(readFileSync(json, 'utf8'));
    expect(rows).toMatchObject([{ name: 'end-to-end', unit: 'ms of CPU per finalized proposal' }]);
    expect([rows[0].values.twin > 0, rows[0].values.simd > 0]).toEqual([true, true]);
  });
});
