/** The rules that hold the shape of src/: who imports whom, what the core may touch, how long a file gets. */

/** A breach: which file, which rule, and what of it. */
export interface Breach {
  readonly file: string;
  readonly rule: 'arrow' | 'purity' | 'web' | 'lines' | 'default-export' | 'any' | 'barrel' | 'extension';
  readonly what: string;
}

export const MAX_LINES = 400;

/** Folders of src/ that a folder may import from, besides itself and errors.ts. */
const ARROWS: Readonly<Record<string, readonly string[]>> = {
  wasm: [],
  crypto: [],
  core: ['wasm'],
  verify: ['core', 'wasm'],
  agent: ['wasm', 'crypto'],
  qzmq: ['wasm', 'crypto'],
  store: ['wasm', 'crypto'],
  app: ['core', 'wasm', 'crypto'],
  api: ['wasm', 'crypto'],
  node: ['core', 'agent', 'qzmq', 'store', 'app', 'api', 'wasm', 'crypto'],
  sim: ['node', 'core', 'agent', 'qzmq', 'store', 'app', 'api', 'wasm', 'crypto'],
  bench: ['core', 'wasm', 'crypto'],
  cli: ['bench', 'sim', 'node', 'verify', 'core', 'agent', 'qzmq', 'store', 'app', 'api', 'wasm', 'crypto'],
};

/** `import type` from these is allowed too: a type binds nothing at run time. */
const TYPE_ARROWS: Readonly<Record<string, readonly string[]>> = {
  agent: ['core'],
  store: ['core'],
  api: ['core', 'node'],
};

/** Files of nothing but constants, which those may import too. */
const CONSTANTS: readonly string[] = ['core/limits.ts'];

/** Entry points that run in a browser as they are: with everything that they load, they touch nothing of Node. */
export const WEB_ENTRIES: readonly string[] = ['verify.ts', 'wasm.ts'];

/** Globals of Node that no browser has. Names after a dot, or before a colon, are somebody's fields. */
const NODE_GLOBALS =
  /(?<![.#\w$])(?:process|Buffer|global|__dirname|__filename|setImmediate|clearImmediate)\b(?!\??:)|(?<![.#\w$])require\s*\(/;

/** What the core must not touch: time, chance, the machine, the network, floats. Names after a dot are somebody's fields. */
const IMPURE: readonly RegExp[] = [
  /\bDate\b/,
  /\bMath\.(?:random|sqrt|cbrt|exp|expm1|log|log2|log10|log1p|pow|sin|cos|tan|atan2?|hypot)\b/,
  /(?<![.#\w$])(?:performance|process|console|globalThis|Buffer|WebSocket)\b/,
  /(?<![.#\w$])(?:setTimeout|setInterval|setImmediate|queueMicrotask|requestAnimationFrame|fetch|require)\s*\(/,
  /(?<![\w.])\d[\d_]*\.\d/,
  /(?<![\w.])\d[\d_]*e-\d/i,
];

/** The core never waits. */
const WAITING = /(?<![.#\w$])(?:async|await|Promise)\b/;
/** But its verifiers take the signature check as a function, which may. */
const MAY_WAIT: readonly string[] = ['core/certificate.ts', 'core/epoch-chain.ts', 'core/evidence.ts', 'core/proof.ts'];

const IMPORT =
  /\b(?:import|export)\s+(type\s+)?(?:[\w$*{},\s]+?\s+from\s*)?['"]([^'"]+)['"]|\bimport\s*\(\s*['"]([^'"]+)['"]/g;
const ANY = /(?:[:<|&=,]|\bas|\bextends|=>)\s*any\b(?!\s*[:(.])|\bany\[\]/;

/** Every breach in one file. `path` is relative to src/, with forward slashes. */
export function breachesOf(path: string, source: string): Breach[] {
  const withStrings = blank(source, false);
  const bare = blank(source, true);
  const breaches: Breach[] = [];
  const report = (rule: Breach['rule'], what: string): void => void breaches.push({ file: path, rule, what });

  const lines = source.trimEnd().split('\n').length;
  if (lines > MAX_LINES) report('lines', `${lines} lines`);
  for (const found of importsOf(withStrings)) checkImport(path, found, report);
  if (/\bexport\s+default\b|\bas\s+default\b/.test(bare)) report('default-export', 'export default');
  const any = ANY.exec(bare);
  if (any !== null) report('any', any[0]);
  if (path.includes('/') && isBarrel(bare)) report('barrel', 'export … from');
  if (folderOf(path) === 'core') {
    const patterns = MAY_WAIT.includes(path) ? IMPURE : [...IMPURE, WAITING];
    for (const pattern of patterns) {
      const match = pattern.exec(bare);
      if (match !== null) report('purity', match[0]);
    }
  }
  return breaches;
}

/**
 * Every breach of the web entry `entry`: a file that it loads, directly or not, that imports a package or a part of Node,
 * or uses a global of Node. `sourceOf`: the text of a file of src/.
 */
export function webBreachesOf(entry: string, sourceOf: (path: string) => string): Breach[] {
  const breaches: Breach[] = [];
  const loaded = new Set([entry]);
  // A set is walked in the order of insertion, and what is added on the way is walked too.
  for (const file of loaded) {
    const source = sourceOf(file);
    for (const { specifier, typeOnly } of importsOf(blank(source, false))) {
      if (typeOnly) continue;
      if (specifier.startsWith('.')) loaded.add(resolve(file, specifier));
      else breaches.push({ file, rule: 'web', what: specifier });
    }
    const used = NODE_GLOBALS.exec(blank(source, true));
    if (used !== null) breaches.push({ file, rule: 'web', what: used[0] });
  }
  return breaches;
}

/** Passes everything on, or nothing but what others declare. One name passed on beside own ones is no barrel. */
function isBarrel(bare: string): boolean {
  if (/\bexport\s+(?:type\s+)?\*/.test(bare)) return true;
  const passesOn = /\bexport\s+(?:type\s+)?\{[^}]*\}\s*from\b/.test(bare);
  return (
    passesOn && !/\bexport\s+(?:async\s+)?(?:const|function|class|interface|type\s+\w|abstract|declare)/.test(bare)
  );
}

interface Import {
  readonly specifier: string;
  readonly typeOnly: boolean;
}

function importsOf(code: string): Import[] {
  return [...code.matchAll(IMPORT)].map((match) => ({
    specifier: match[2] ?? match[3] ?? '',
    typeOnly: match[1] !== undefined,
  }));
}

function checkImport(path: string, found: Import, report: (rule: Breach['rule'], what: string) => void): void {
  const folder = folderOf(path);
  if (!found.specifier.startsWith('.')) {
    if (folder === 'core' || path === 'errors.ts') report('arrow', `${path} imports ${found.specifier}`);
    return;
  }
  if (!/\.(?:ts|json)$/.test(found.specifier)) report('extension', found.specifier);
  const target = resolve(path, found.specifier);
  const targetFolder = folderOf(target);
  if (targetFolder === folder && folder !== '') return;
  // The one file that everyone may import. Other files at the top of src/ are entry points, which may import anything.
  if (target === 'errors.ts' || (folder === '' && path !== 'errors.ts')) return;
  if (CONSTANTS.includes(target) && TYPE_ARROWS[folder]?.includes(targetFolder)) return;
  const allowed = [...(ARROWS[folder] ?? []), ...(found.typeOnly ? (TYPE_ARROWS[folder] ?? []) : [])];
  if (!allowed.includes(targetFolder))
    report('arrow', `${path} imports ${found.typeOnly ? 'a type of ' : ''}${target}`);
}

/** First folder under src/; empty for files at its top. */
export function folderOf(path: string): string {
  return path.includes('/') ? path.slice(0, path.indexOf('/')) : '';
}

/** True for a folder that the arrows name. */
export function isKnownFolder(folder: string): boolean {
  return folder === '' || folder in ARROWS;
}

function resolve(path: string, specifier: string): string {
  const parts = path.split('/').slice(0, -1);
  for (const part of specifier.split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '.') parts.push(part);
  }
  return parts.join('/');
}

const REGEX_MAY_FOLLOW = /(?:^|[=(,:;!&|?{}[+\-*%<>~^]|\breturn|\btypeof|\bcase)\s*$/;

/** Blanks comments and regular expressions, and if `strings` the text of strings and templates too (not what is in `${}`). */
export function blank(source: string, strings: boolean): string {
  let out = '';
  let at = 0;
  /** Depth of braces at which each open template goes on. */
  const templates: number[] = [];
  let depth = 0;
  const skipTo = (end: number, keep: boolean): void => {
    out += keep ? source.slice(at, end) : source.slice(at, end).replace(/[^\n]/g, ' ');
    at = end;
  };
  while (at < source.length) {
    const char = source[at]!;
    const pair = source.slice(at, at + 2);
    if (pair === '//') skipTo(endOf(source, '\n', at), false);
    else if (pair === '/*') skipTo(endOf(source, '*/', at + 2) + 2, false);
    else if (char === "'" || char === '"') skipTo(endOfQuoted(source, at, char), !strings);
    else if (char === '`' || (char === '}' && templates.at(-1) === depth)) {
      if (char === '}') templates.pop();
      const end = endOfTemplate(source, at + 1);
      const opens = source[end] === '$';
      skipTo(opens ? end + 2 : end + 1, !strings);
      if (opens) templates.push(depth);
    } else if (char === '/' && REGEX_MAY_FOLLOW.test(out.slice(-40))) skipTo(endOfRegex(source, at), false);
    else {
      if (char === '{') depth += 1;
      if (char === '}') depth -= 1;
      skipTo(at + 1, true);
    }
  }
  return out;
}

function endOf(source: string, mark: string, from: number): number {
  const end = source.indexOf(mark, from);
  return end < 0 ? source.length : end;
}

function endOfQuoted(source: string, from: number, quote: string): number {
  let at = from + 1;
  while (at < source.length && source[at] !== quote && source[at] !== '\n') at += source[at] === '\\' ? 2 : 1;
  return Math.min(at + 1, source.length);
}

/** Position of the closing backtick, or of the `$` of `${`. */
function endOfTemplate(source: string, from: number): number {
  let at = from;
  while (at < source.length && source[at] !== '`' && source.slice(at, at + 2) !== '${')
    at += source[at] === '\\' ? 2 : 1;
  return at;
}

function endOfRegex(source: string, from: number): number {
  let at = from + 1;
  let inClass = false;
  while (at < source.length && source[at] !== '\n' && (inClass || source[at] !== '/')) {
    if (source[at] === '[') inClass = true;
    if (source[at] === ']') inClass = false;
    at += source[at] === '\\' ? 2 : 1;
  }
  return at + 1;
}
