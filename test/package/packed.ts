/** The package as npm would publish it: built from a clean copy, packed, and put into an empty project. */
import { execFileSync } from 'node:child_process';
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const NOT_COPIED = new Set(['node_modules', 'build', '.git', '.pq']);

export interface Packed {
  /** Of the tarball. */
  readonly bytes: number;
  readonly files: readonly string[];
  /** An empty project that has the package as its only dependency. */
  readonly project: string;
  /** The package in it. */
  readonly home: string;
  /** Runs a program in the project. */
  run(program: string, args: readonly string[], input?: string): string;
  remove(): void;
}

interface PackReport {
  readonly size: number;
  readonly filename: string;
  readonly files: readonly { readonly path: string }[];
}

/**
 * No network: `npm install` of a tarball asks a registry for its dependencies, even with `--offline` where they are not in
 * npm's cache. So the tarball is unpacked where `npm install` would put it, and the dependencies that it declares,
 * no others, are linked to where this repository has them; `pq` is linked as npm links it.
 */
export function packPackage(): Packed {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'pq-package-')));
  const copy = join(folder, 'copy');
  cpSync(ROOT, copy, { recursive: true, filter: (path) => !NOT_COPIED.has(relative(ROOT, path)) });
  symlinkSync(join(ROOT, 'node_modules'), join(copy, 'node_modules'));
  npm(copy, ['run', '--silent', 'build']);
  const [report] = JSON.parse(npm(copy, ['pack', '--json', '--ignore-scripts'])) as [PackReport];
  const project = join(folder, 'project');
  const home = install(join(copy, report.filename), project);
  rmSync(copy, { recursive: true });
  return {
    bytes: report.size,
    files: report.files.map(({ path }) => path),
    project,
    home,
    run: (program, args, input = '') =>
      execFileSync(program, args, { cwd: project, env: quietEnvironment(), input, encoding: 'utf8' }),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

function install(tarball: string, project: string): string {
  const modules = join(project, 'node_modules');
  const home = join(modules, 'photon-quasar');
  mkdirSync(home, { recursive: true });
  execFileSync('tar', ['-xzf', tarball, '-C', home, '--strip-components=1']);
  const manifest = JSON.parse(readFileSync(join(home, 'package.json'), 'utf8')) as {
    readonly version: string;
    readonly dependencies: Readonly<Record<string, string>>;
    readonly bin: Readonly<Record<string, string>>;
  };
  for (const name of Object.keys(manifest.dependencies)) {
    mkdirSync(dirname(join(modules, name)), { recursive: true });
    symlinkSync(realpathSync(join(ROOT, 'node_modules', name)), join(modules, name));
  }
  mkdirSync(join(modules, '.bin'));
  for (const [name, file] of Object.entries(manifest.bin)) {
    execFileSync('chmod', ['+x', join(home, file)]);
    symlinkSync(join('..', 'photon-quasar', file), join(modules, '.bin', name));
  }
  const dependencies = { 'photon-quasar': manifest.version };
  writeFileSync(join(project, 'package.json'), JSON.stringify({ private: true, type: 'module', dependencies }));
  return home;
}

function npm(cwd: string, args: readonly string[]): string {
  const stdio = ['ignore', 'pipe', 'pipe'] as const;
  return execFileSync('npm', args, { cwd, env: quietEnvironment(), stdio: [...stdio], encoding: 'utf8' });
}

/** What `npm test` tells its own child about this repository must not reach an npm that works on another folder. */
function quietEnvironment(): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) => !/^(?:npm_|INIT_CWD$|VITEST|PQ_)/i.test(name));
  return {
    ...Object.fromEntries(kept),
    NO_COLOR: '1',
    npm_config_offline: 'true',
    npm_config_update_notifier: 'false',
  };
}
