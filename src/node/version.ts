import { readFileSync } from 'node:fs';

let version: string | undefined;

/** The version in package.json. This file runs as src/node/version.ts and as build/node/version.js: it is two folders up. */
export function packageVersion(): string {
  version ??= (JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string })
    .version;
  return version;
}
