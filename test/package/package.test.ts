import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ml_dsa65 } from '@noble/post-quantum/ml-dsa.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { toHex } from '../../src/core/bytes.ts';
import { encodeProof } from '../../src/core/proof.ts';
import { seeded } from '../support/random.ts';
import { signedGenesis, signedProof } from '../support/signed.ts';
import { type Packed, packPackage } from './packed.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** Bound of the tarball: models and code, nothing that came along by mistake. */
const MAX_TARBALL_BYTES = 2 * 1024 * 1024;
/** All that a package consists of. */
const SHIPPED = [
  /^(?:package\.json|README\.md|LICENSE|CHANGELOG\.md)$/,
  /^build\/(?:[\w-]+\/)*[\w-]+\.(?:js|d\.ts)$/,
  /^build\/core(?:\.scalar)?\.wasm$/,
  /^models\/origin-\d\.onnx(?:\.json)?$/,
  /^assembly\/[\w-]+\.ts$/,
];
const PACKAGE_IMPORTS = /(?:\bfrom\s*|\bimport\s*\(?\s*)['"]([@\w][\w@/.:-]*)['"]/g;

let packed: Packed;

beforeAll(() => {
  packed = packPackage();
}, 240_000);
afterAll(() => packed?.remove());

const read = (path: string): string => readFileSync(join(packed.home, path), 'utf8');
const manifest = (): { exports: Record<string, string | Record<string, string>>; dependencies: object } =>
  JSON.parse(read('package.json'));

/** Runs a module in the project; what it prints. */
function runModule(name: string, source: string, input = ''): string {
  writeFileSync(join(packed.project, name), source);
  return packed.run(process.execPath, [name], input);
}

describe('the tarball', () => {
  it('holds what is needed and nothing else', () => {
    expect(packed.files.filter((file) => !SHIPPED.some((pattern) => pattern.test(file)))).toEqual([]);
    const needed = ['build/cli/main.js', 'build/core.wasm', 'build/core.scalar.wasm', 'models/origin-1.onnx'];
    expect(packed.files).toEqual(expect.arrayContaining([...needed, 'LICENSE', 'README.md']));
    expect(packed.bytes).toBeLessThan(MAX_TARBALL_BYTES);
  });

  it('holds nothing of the machine that made it, and no key', () => {
    const folder = basename(dirname(packed.project));
    for (const file of packed.files) {
      const text = readFileSync(join(packed.home, file), 'latin1');
      expect(text.includes(folder), `${file} names the folder that it was built in`).toBe(false);
      expect(/-----BEGIN [A-Z ]*PRIVATE KEY|_authToken/.test(text), file).toBe(false);
    }
  });

  it('has every file that its exports name', () => {
    for (const target of Object.values(manifest().exports)) {
      const paths = typeof target === 'string' ? [target] : Object.values(target);
      for (const path of paths) expect(existsSync(join(packed.home, path)), path).toBe(true);
    }
  });

  it('imports no package that it does not declare', () => {
    const declared = Object.keys(manifest().dependencies);
    const undeclared = new Set<string>();
    for (const file of packed.files.filter((path) => path.endsWith('.js'))) {
      for (const [, specifier] of read(file).matchAll(PACKAGE_IMPORTS)) {
        const name = specifier!.startsWith('@') ? specifier!.split('/', 2).join('/') : specifier!.split('/')[0]!;
        if (name.startsWith('node:') || builtinModules.includes(name) || declared.includes(name)) continue;
        undeclared.add(`${file}: ${specifier}`);
      }
    }
    expect([...undeclared]).toEqual([]);
  });
});

describe('in an empty project', () => {
  it('photon-quasar/wasm computes a SHA3 and verifies an ML-DSA signature', () => {
    const { publicKey, secretKey } = ml_dsa65.keygen(seeded(1).bytes(32));
    const message = seeded(2).bytes(100);
    const context = Uint8Array.of(1, 2, 3);
    const signature = ml_dsa65.sign(message, secretKey, { context, extraEntropy: false });
    const source = `
      import { readFileSync } from 'node:fs';
      import { openKernels } from 'photon-quasar/wasm';
      const parts = JSON.parse(readFileSync(0, 'utf8')).map((hex) => Uint8Array.from(Buffer.from(hex, 'hex')));
      const [publicKey, message, context, signature] = parts;
      const kernels = await openKernels();
      const verifier = kernels.createVerifier({ maxKeys: 1 });
      const valid = verifier.verify(publicKey, message, context, signature);
      signature[50] ^= 1;
      const forged = verifier.verify(publicKey, message, context, signature);
      const sha3 = Buffer.from(kernels.sha3_256(message)).toString('hex');
      console.log(JSON.stringify({ name: kernels.name, sha3, valid, forged }));`;
    const input = JSON.stringify([publicKey, message, context, signature].map((bytes) => toHex(bytes)));
    expect(JSON.parse(runModule('kernels.js', source, input))).toEqual({
      name: 'wasm',
      sha3: createHash('sha3-256').update(message).digest('hex'),
      valid: true,
      forged: false,
    });
  });

  it.each(['photon-quasar', 'photon-quasar/verify'])('%s verifies a proof', async (name) => {
    const proof = await signedProof(1, 3);
    const source = `
      import { readFileSync } from 'node:fs';
      import { isPqError, openVerifier } from '${name}';
      const { genesis, hex } = JSON.parse(readFileSync(0, 'utf8'));
      const bytes = Uint8Array.from(Buffer.from(hex, 'hex'));
      const verifier = await openVerifier(genesis);
      const { decision } = await verifier.verifyProof(bytes);
      bytes[bytes.length - 1] ^= 1;
      const refused = await verifier.verifyProof(bytes).catch((error) => isPqError(error) && error.code);
      console.log(JSON.stringify([decision.id, decision.decision, refused]));`;
    const input = JSON.stringify({ genesis: signedGenesis, hex: toHex(encodeProof(proof)) });
    const expected = [toHex(proof.decided.id), 'REJECTED', 'PROOF_ROOT'];
    expect(JSON.parse(runModule('verify.js', source, input))).toEqual(expected);
  });

  it('what is not exported cannot be imported', () => {
    const source = `
      const internals = ['build/core/core.js', 'build/wasm/load.js', 'build/errors.js', 'core'];
      const codes = internals.map((path) => import('photon-quasar/' + path).catch((error) => error.code));
      console.log(new Set(await Promise.all(codes)));`;
    expect(runModule('internals.js', source)).toBe("Set(1) { 'ERR_PACKAGE_PATH_NOT_EXPORTED' }\n");
  });

  it('npx pq runs, and its core is the one that is shipped', () => {
    const version = JSON.parse(packed.run('npx', ['pq', 'version', '--json'])) as Record<string, string>;
    const core = createHash('sha256').update(readFileSync(join(packed.home, 'build/core.wasm')));
    expect(version).toMatchObject({
      version: JSON.parse(read('package.json')).version,
      wasmSha256: core.digest('hex'),
    });
    expect(packed.run('npx', ['pq', '--help'])).toContain('verify');
  });

  it('npx pq bench wasm measures the kernels, without the libraries that are not installed', () => {
    const args = ['pq', 'bench', 'wasm', '--quick', '--filter', 'sha3-256  bytes 32', '--json', 'rows.json'];
    const said = packed.run('npx', args);
    expect(said).toMatch(/hash-wasm.*noble[\s\S]*bytes 32.* not +not [\s\S]*installed +installed/);
    const { rows } = JSON.parse(readFileSync(join(packed.project, 'rows.json'), 'utf8'));
    expect(Object.keys(rows[0].values)).toEqual(['naive', 'twin', 'scalar', 'simd', 'node:crypto', 'crypto.hash']);
  });

  it.each(['nodenext', 'bundler'])('the types are there for %s, strict, without those of Node', (resolution) => {
    const source = `
      import { openVerifier, PqError, type VerifiedDecision } from 'photon-quasar/verify';
      import { type DagKernel, type Kernels, OPINION, openKernels } from 'photon-quasar/wasm';
      const kernels: Kernels = await openKernels({ core: new URL('https://a.example/core.wasm') });
      const dag: DagKernel = kernels.createDag({ stakes: [1], quorum: 1, maxBlocks: 2 });
      export const handle: number = dag.insert(1, 0, new Uint8Array(32), []);
      export const approve: 1 = OPINION.APPROVE;
      const shown: VerifiedDecision = await (await openVerifier({})).verifyProof(new Uint8Array(1));
      export const decision: 'APPROVED' | 'REJECTED' | 'CONFLICT' | 'EXPIRED' = shown.decision.decision;
      export const code: string = new PqError('A', 'b').code;
      // @ts-expect-error: a round is a number
      dag.insert('1', 0, new Uint8Array(32), []);
    `;
    writeFileSync(join(packed.project, 'types.ts'), source);
    const strict = ['--strict', '--exactOptionalPropertyTypes', '--skipLibCheck', 'false', '--noEmit', '--types', ''];
    const target = ['--target', 'es2024', '--lib', 'es2024,dom', '--ignoreConfig'];
    const module = ['--module', resolution === 'bundler' ? 'esnext' : 'nodenext', '--moduleResolution', resolution];
    const tsc = join(ROOT, 'node_modules/typescript/bin/tsc');
    expect(packed.run(process.execPath, [tsc, ...strict, ...target, ...module, 'types.ts'])).toBe('');
  });

  const guide = readFileSync(join(ROOT, 'docs/wasm.md'), 'utf8');
  const examples = [...guide.matchAll(/^## (.*)$|```js\n([\s\S]*?)```/gm)].reduce<[string, string][]>(
    (found, [, heading, code]) => {
      if (code !== undefined) found.at(-1)![1] = code;
      else found.push([heading!, '']);
      return found;
    },
    [['openKernels', '']],
  );

  it('the guide has an example for every kernel', () => {
    const headings = [
      'openKernels',
      'Hash',
      'Merkle trees',
      'Signatures',
      'DAG and commit rule',
      'Tally',
      'Conflict set',
      'Network',
      'Robust aggregation',
    ];
    expect(examples.map(([heading]) => heading)).toEqual(headings);
  });

  it.each(examples)('the example of the guide runs and prints what it says: %s', (_, code) => {
    const said = [...code.matchAll(/console\.log\(.*\); \/\/ (.*)$/gm)].map((match) => match[1]);
    expect(said.length).toBeGreaterThan(0);
    expect(runModule('example.js', code).trimEnd().split('\n')).toEqual(said);
  });
});
