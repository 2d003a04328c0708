/**
 * The labelled web origins that the origin models are trained and tested on, read from registry packages in
 * node_modules. Nothing of it is committed. Label 1 = should be rejected (phishing), 0 = benign.
 */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { hostOf, partsOf } from '../src/agent/features/origin.ts';

export type Split = 'train' | 'calibration' | 'test';

/** One labelled origin. `source` names the package it came from. */
export interface OriginRecord {
  readonly origin: string;
  readonly label: 0 | 1;
  readonly source: string;
  readonly split: Split;
}

/** Origins kept of one registered domain: node operators and content networks have hundreds, all alike. */
const MAX_PER_DOMAIN = 4;
const require = createRequire(import.meta.url);

/** Folder of an installed package; not by resolving its package.json, which some packages do not export. */
function packageDir(name: string): string {
  for (const folder of require.resolve.paths(name) ?? []) if (existsSync(join(folder, name))) return join(folder, name);
  throw new Error(`The package ${name} is not installed: run \`npm ci\` (it is a development dependency).`);
}

const readJson = (path: string): unknown => JSON.parse(readFileSync(path, 'utf8'));

/** Every http(s) host in a JSON-like value, images excepted. Iterative: the depth is the package's, not ours. */
function hostsIn(value: unknown): string[] {
  const hosts: string[] = [];
  const open: unknown[] = [value];
  while (open.length > 0) {
    const next = open.pop();
    if (typeof next === 'string') {
      if (/^https?:\/\//.test(next) && !/\.(png|svg|jpe?g)$/.test(next)) hosts.push(hostOf(next));
    } else if (typeof next === 'object' && next !== null) open.push(...Object.values(next));
  }
  return hosts;
}

function phishingLists(): { blocked: string[]; allowed: string[] } {
  const dir = packageDir('eth-phishing-detect');
  const config = readJson(join(dir, 'src/config.json')) as {
    blacklist: string[];
    whitelist: string[];
    fuzzylist: string[];
  };
  const hosts = readFileSync(join(dir, 'src/hosts.txt'), 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('0.0.0.0 '));
  return {
    blocked: [...config.blacklist, ...hosts.map((line) => line.slice('0.0.0.0 '.length))],
    // The lists its own tests hold to be harmless: popular sites and applications.
    allowed: [
      ...config.whitelist,
      ...config.fuzzylist,
      ...(readJson(join(dir, 'test/alexa.json')) as string[]),
      ...(readJson(join(dir, 'test/dapps.json')) as string[]),
    ],
  };
}

function simpleIcons(): string[] {
  const icons = readJson(join(packageDir('simple-icons'), 'data/simple-icons.json'));
  return hostsIn(icons);
}

function thirdPartyWeb(): string[] {
  const path = join(packageDir('third-party-web'), 'dist/entities-nostats.json');
  const entities = readJson(path) as { homepage?: string; domains: string[] }[];
  return entities.flatMap((entity) =>
    [...entity.domains, ...(entity.homepage ? [entity.homepage] : [])].map((domain) =>
      hostOf(domain.replace('*.', '')),
    ),
  );
}

function viemChains(): string[] {
  const dir = join(packageDir('viem'), 'chains/definitions');
  const files = readdirSync(dir)
    .filter((file) => file.endsWith('.ts'))
    .sort();
  return files.flatMap((file) =>
    [...readFileSync(join(dir, file), 'utf8').matchAll(/https?:\/\/[^'"`\s]+/g)].map((match) => hostOf(match[0])),
  );
}

function chainRegistry(): string[] {
  const chains = require('chain-registry/chains') as { default: unknown };
  return hostsIn(chains.default ?? chains);
}

/** Split by the registered name, so that `uniswap-app.com` and `uniswap-app.net` never stand on two sides. 70 / 12 / 18 %. */
export function splitOf(origin: string): Split {
  const part =
    createHash('sha256')
      .update(`pq/origin-split/1:${partsOf(origin).label}`)
      .digest()
      .readUInt32LE(0) /
    2 ** 32;
  if (part < 0.7) return 'train';
  return part < 0.82 ? 'calibration' : 'test';
}

const VALID_HOST = /^[a-z0-9_-]+(\.[a-z0-9_-]+)+$/;
const IP_ADDRESS = /^[\d.]+$/;

/**
 * All records, sorted by origin. An origin that is both blocked and listed as benign counts as neither. At most
 * {@link MAX_PER_DOMAIN} origins of one registered domain, those that sort first by hash.
 */
export function loadOrigins(): OriginRecord[] {
  const { blocked, allowed } = phishingLists();
  const sources: [string, 0 | 1, string[]][] = [
    ['eth-phishing-detect', 1, blocked],
    ['eth-phishing-detect', 0, allowed],
    ['simple-icons', 0, simpleIcons()],
    ['third-party-web', 0, thirdPartyWeb()],
    ['viem', 0, viemChains()],
    ['chain-registry', 0, chainRegistry()],
  ];
  const byOrigin = new Map<string, { label: 0 | 1; source: string; contradicted: boolean }>();
  for (const [source, label, origins] of sources) {
    for (const raw of origins) {
      const origin = hostOf(raw);
      if (!VALID_HOST.test(origin) || IP_ADDRESS.test(origin)) continue;
      const known = byOrigin.get(origin);
      if (known === undefined) byOrigin.set(origin, { label, source, contradicted: false });
      else if (known.label !== label) known.contradicted = true;
    }
  }
  const rank = (origin: string): string => createHash('sha256').update(`pq/origin-rank/1:${origin}`).digest('hex');
  const ranked = [...byOrigin]
    .filter(([, known]) => !known.contradicted)
    .map(([origin, known]) => ({ origin, known, rank: rank(origin) }));
  ranked.sort((a, b) => (a.rank < b.rank ? -1 : 1));
  const perDomain = new Map<string, number>();
  const records: OriginRecord[] = [];
  for (const { origin, known } of ranked) {
    const { label, suffix } = partsOf(origin);
    const domain = `${label}.${suffix}`;
    const taken = perDomain.get(domain) ?? 0;
    if (taken >= MAX_PER_DOMAIN) continue;
    perDomain.set(domain, taken + 1);
    records.push({ origin, label: known.label, source: known.source, split: splitOf(origin) });
  }
  return records.sort((a, b) => (a.origin < b.origin ? -1 : 1));
}

/** SHA-256 over origins and labels: names the data set that a model was trained on. */
export function dataHash(records: readonly OriginRecord[]): string {
  const hash = createHash('sha256');
  for (const record of records) hash.update(`${record.origin},${record.label}\n`);
  return hash.digest('hex');
}
