import { readdirSync, readFileSync } from 'node:fs';
import { join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import {
  blank,
  breachesOf,
  folderOf,
  isKnownFolder,
  MAX_LINES,
  WEB_ENTRIES,
  webBreachesOf,
} from './architecture-rules.ts';

const SRC = fileURLToPath(new URL('../src', import.meta.url));

// Spelled apart: the linter takes a placeholder inside a plain string for a mistake.
const TICK = '`';
const OPEN = '{';

const files = readdirSync(SRC, { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.ts'))
  .map((path) => path.split(sep).join('/'));

describe('src/', () => {
  it('is found', () => {
    expect(files).toContain('errors.ts');
    expect(files.filter((path) => folderOf(path) === 'core').length).toBeGreaterThan(5);
  });

  it('has only folders that the layout names', () => {
    expect(files.filter((path) => !isKnownFolder(folderOf(path)))).toEqual([]);
  });

  it('keeps every rule', () => {
    const breaches = files.flatMap((path) => breachesOf(path, readFileSync(join(SRC, path), 'utf8')));
    expect(breaches).toEqual([]);
  });
});

describe('an entry for browsers', () => {
  it.each(WEB_ENTRIES)('%s loads nothing of Node, however indirectly', (entry) => {
    expect(webBreachesOf(entry, (path) => readFileSync(join(SRC, path), 'utf8'))).toEqual([]);
  });

  const breaches = (files: Readonly<Record<string, string>>): string[] =>
    webBreachesOf('verify.ts', (path) => files[path] ?? '').map(({ file, what }) => `${file}: ${what}`);

  it.each([
    ["import 'node:fs';", 'core/b.ts: node:fs'],
    ["import { sha3_256 } from '@noble/hashes';", 'core/b.ts: @noble/hashes'],
    ["const fs = await import('fs');", 'core/b.ts: fs'],
    ['export const home = process.env.HOME;', 'core/b.ts: process'],
    ['export const bytes = Buffer.alloc(1);', 'core/b.ts: Buffer'],
    ["const fs = require('fs');", 'core/b.ts: require('],
  ])('is refused with %j two imports away', (source, breach) => {
    const files = { 'verify.ts': "export { a } from './core/a.ts';", 'core/a.ts': "import './b.ts';" };
    expect(breaches({ ...files, 'core/b.ts': source })).toEqual([breach]);
  });

  it('may import types, and ask the engine what it has', () => {
    const types = "import type { A } from './node/a.ts';\nimport type { B } from 'viem';";
    const asks = 'const host = globalThis as { readonly process?: object };\nconst x = host.process;';
    expect(breaches({ 'verify.ts': `${types}\n${asks}`, 'node/a.ts': "import 'node:fs';" })).toEqual([]);
  });
});

describe('the checker', () => {
  const rules = (path: string, source: string): string[] => breachesOf(path, source).map((breach) => breach.rule);

  it.each([
    ['core imports the node', 'core/a.ts', "import { startNode } from '../node/start.ts';"],
    ['core imports a type of the application', 'core/a.ts', "import type { Transfer } from '../app/payments.ts';"],
    ['core imports a builtin', 'core/a.ts', "import { readFileSync } from 'node:fs';"],
    ['core imports a package', 'core/a.ts', "import { sha3_256 } from '@noble/hashes';"],
    ['core re-exports the node', 'core/a.ts', "export { startNode } from '../node/start.ts';"],
    ['core loads the node when asked', 'core/a.ts', "const node = import('../node/start.ts');"],
    ['over several lines', 'core/a.ts', "import {\n  a,\n  b,\n} from '../store/log.ts';"],
    ['wasm imports core', 'wasm/a.ts', "import type { Ref } from '../core/types.ts';"],
    ['a value of core in agent', 'agent/a.ts', "import { DECISION } from '../core/types.ts';"],
    ['an inline type still loads the file', 'agent/a.ts', "import { type Ref } from '../core/types.ts';"],
    ['a constant of core in qzmq', 'qzmq/a.ts', "import { MAX_VOTES } from '../core/limits.ts';"],
    ['qzmq imports node', 'qzmq/a.ts', "import { x } from '../node/clock.ts';"],
    ['node imports cli', 'node/a.ts', "import '../cli/main.ts';"],
    ['node imports sim', 'node/deep/a.ts', "import { World } from '../../sim/world.ts';"],
    ['errors imports anything', 'errors.ts', "import { toHex } from './core/bytes.ts';"],
  ])('refuses an arrow: %s', (_, path, source) => {
    expect(rules(path, source)).toContain('arrow');
  });

  it.each([
    ['core/a.ts', "import { PqError } from '../errors.ts';\nimport type { Kernels } from '../wasm/kernels.ts';"],
    ['agent/a.ts', "import type { Ref } from '../core/types.ts';"],
    ['app/a.ts', "import { decodeProposal } from '../core/proposal.ts';"],
    ['cli/commands/a.ts', "import { Client } from '../../node/client.ts';\nimport { join } from 'node:path';"],
    ['agent/a.ts', "import { CONFIDENCE_MAX } from '../core/limits.ts';"],
    ['core/a.ts', "// import { x } from '../node/start.ts';\nconst text = 'no clock';"],
  ])('lets %s import %j', (path, source) => {
    expect(breachesOf(path, source)).toEqual([]);
  });

  it.each([
    'const now = Date.now();',
    'const x = Math.random();',
    'const x = Math.sqrt(2);',
    'performance.now();',
    'setTimeout(run, 1);',
    `const x = ${TICK}$${OPEN}process.pid}${TICK};`,
    'Buffer.from(bytes);',
    'await later;',
    'const half = 0.5;',
    'const small = 1e-3;',
  ])('refuses in core, and only there: %s', (source) => {
    expect(rules('core/a.ts', source)).toEqual(['purity']);
    expect(rules('node/a.ts', source)).toEqual([]);
  });

  it.each([
    '// Date.now()',
    '/* Math.random() */ const a = 1;',
    "const s = 'process.env';",
    'const r = /Date/;',
    'a.b[0].c;',
    'this.#fetch.due(); io.fetch(x);',
    'x / 2;',
  ])('lets core say %j', (source) => {
    expect(rules('core/a.ts', source)).toEqual([]);
  });

  it.each([
    'const a: any = 1;',
    'const a = b as any;',
    'let a: any[];',
    'function f(a: number, b: Map<string, any>) {}',
    'type A = any;',
  ])('refuses any: %s', (source) => {
    expect(rules('node/a.ts', source)).toEqual(['any']);
  });

  it('lets the word any be', () => {
    expect(rules('node/a.ts', "// any\nconst text = 'any';\nawait Promise.any(list);")).toEqual([]);
  });

  it('refuses default exports, barrels, missing extensions and long files', () => {
    expect(rules('node/a.ts', 'export default class A {}')).toEqual(['default-export']);
    expect(rules('node/a.ts', "export * from './clock.ts';")).toEqual(['barrel']);
    expect(rules('node/a.ts', "export { clock } from './clock.ts';")).toEqual(['barrel']);
    expect(rules('node/a.ts', "import { clock } from './clock';")).toEqual(['extension']);
    expect(rules('node/a.ts', 'x;\n'.repeat(MAX_LINES))).toEqual([]);
    expect(rules('node/a.ts', 'x;\n'.repeat(MAX_LINES + 1))).toEqual(['lines']);
  });

  it('blanks what is not code', () => {
    expect(blank(`a // b\nc`, true)).toBe('a     \nc');
    expect(blank(`a = 'it\\'s' + b`, true).replace(/ +/g, ' ')).toBe('a = + b');
    expect(blank(`${TICK}x \${y + ${TICK}z \${w}${TICK}} v${TICK} + u`, true).replace(/\s+/g, ' ').trim()).toBe(
      'y + w + u',
    );
    expect(blank('a = /["\'`]/; b', true).replace(/\s+/g, ' ')).toBe('a = ; b');
    expect(blank("a = 1 / 2; b = '/'", false)).toBe("a = 1 / 2; b = '/'");
  });
});
