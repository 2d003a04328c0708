import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { describe, expect, onTestFinished, test } from 'vitest';
import { type CoreSource, openKernels } from '../../src/wasm/open.ts';
import { codeOfAsync } from '../support/hostile.ts';

const BUILD = new URL('../../build/', import.meta.url);
const core = new URL('core.wasm', BUILD);
const scalar = new URL('core.scalar.wasm', BUILD);
const bytes = readFileSync(core);
const hello = (kernels: { sha3_256(...parts: Uint8Array[]): Uint8Array }): string =>
  Buffer.from(kernels.sha3_256(new TextEncoder().encode('abc'))).toString('hex');
const ABC = '3a985da74fe225b2045c172d6bd390bd855f086e3e9d525b46bfe24511431532';

/** A server of one answer. */
async function serve(status: number, body: Uint8Array): Promise<string> {
  const server = createServer((_, response) => response.writeHead(status).end(body)).listen(0, '127.0.0.1');
  onTestFinished(() => void server.close());
  await new Promise((resolve) => server.once('listening', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/core.wasm`;
}

describe('opening the kernels', () => {
  test.each<[string, CoreSource]>([
    ['bytes', bytes],
    ['a file URL', core],
    ['a file URL as text', core.href],
  ])('from %s', async (_, source) => {
    const kernels = await openKernels({ core: source });
    expect([kernels.name, hello(kernels)]).toEqual(['wasm', ABC]);
  });

  test('over HTTP', async () => {
    const kernels = await openKernels({ core: await serve(200, bytes) });
    expect([kernels.name, hello(kernels)]).toEqual(['wasm', ABC]);
  });

  test('says when a core is not there, or is none', async () => {
    const missing = await serve(404, new Uint8Array(0));
    const nowhere = pathToFileURL('/nowhere/core.wasm');
    expect(await codeOfAsync(() => openKernels({ core: missing }))).toBe('WASM_MISSING');
    expect(await codeOfAsync(() => openKernels({ core: nowhere }))).toBe('WASM_MISSING');
    expect(await codeOfAsync(() => openKernels({ core: 'no URL at all' }))).toBe('WASM_MISSING');
    const rubbish = { core: bytes.subarray(0, 1000), scalar: new Uint8Array(8) };
    expect(await codeOfAsync(() => openKernels(rubbish))).toBe('WASM_INVALID');
  });

  // V8 has no SIMD in WebAssembly on a processor without SSE 4.1, which this switch makes of any x64 one.
  test.runIf(process.arch === 'x64')('takes the scalar core in an engine that has no SIMD', () => {
    const script = `
      import { openKernels } from ${JSON.stringify(new URL('../../src/wasm/open.ts', import.meta.url).href)};
      const kernels = await openKernels({ core: process.argv[1], scalar: process.argv[2] });
      const digest = kernels.sha3_256(new TextEncoder().encode('abc'));
      console.log(kernels.name, Buffer.from(digest).toString('hex'));`;
    const args = ['--no-enable-sse4-1', '--input-type=module', '--eval', script, core.href, scalar.href];
    const cwd = fileURLToPath(BUILD);
    expect(execFileSync(process.execPath, args, { cwd, encoding: 'utf8' })).toBe(`wasm-scalar ${ABC}\n`);
  });
});
