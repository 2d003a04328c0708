/** Starting validators as processes of this machine: `pq node` again, with its output in a file. */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync } from 'node:fs';
import { createServer } from 'node:net';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { UsageError } from './exit.ts';
import type { RetentionOptions } from './retention.ts';

/**
 * Of the runtime that one of several validators of a machine runs on. What a block brings lives for some rounds: in the default
 * nurseries of 1 MB it is copied again and again, or promoted to where only a full collection finds it; and where all
 * cores are busy the collector's helpers only take turns with it. docs/performance.md has what each brings.
 */
export const NODE_FLAGS = ['--min-semi-space-size=16', '--max-semi-space-size=64', '--single-threaded-gc'] as const;

/** Origin models in models/: validators beyond them share. */
const SHIPPED_MODELS = 4;

export interface NodeLaunch {
  /** From 1, as people count. */
  readonly node: number;
  readonly validators: number;
  readonly port: number;
  /** HOST:PORT of others. */
  readonly peers: readonly string[];
  readonly models: readonly string[];
  readonly home: string;
  readonly log: string;
  /** HOST:PORT that peers are told to dial, where that is not where it listens. */
  readonly advertise?: string;
  /** How far its clock is off. */
  readonly clockOffsetMs?: number;
  /** What it keeps of the past. */
  readonly history?: RetentionOptions;
  /** Its log holds no phases: somebody else shows them. */
  readonly quiet?: boolean;
  /** On top of the environment of this process. */
  readonly environment?: Readonly<Record<string, string>>;
}

export interface LaunchOptions {
  /** Lives on after this process. Else it ends when this process does, however that ends. */
  readonly detached: boolean;
}

/** The command's own file: src/cli/main.ts or build/cli/main.js, as this one is. */
export function mainFile(): string {
  const name = import.meta.url.endsWith('.ts') ? './main.ts' : './main.js';
  return fileURLToPath(new URL(name, import.meta.url));
}

/** Arguments of `node` that run `pq node` for this launch. */
export function nodeArguments(launch: NodeLaunch): string[] {
  return [
    mainFile(),
    'node',
    ...['--node', String(launch.node), '--validators', String(launch.validators), '--port', String(launch.port)],
    ...['--home', launch.home],
    ...launch.peers.flatMap((peer) => ['--peer', peer]),
    ...launch.models.flatMap((model) => ['--model', model]),
    ...(launch.advertise === undefined ? [] : ['--advertise', launch.advertise]),
    ...(launch.clockOffsetMs === undefined ? [] : [`--clock-offset-ms=${launch.clockOffsetMs}`]),
    ...retentionArguments(launch.history ?? {}),
    ...(launch.quiet === true ? ['--quiet'] : []),
  ];
}

function retentionArguments({ retain, snapshotEvery }: RetentionOptions): string[] {
  return [
    ...(retain === undefined ? [] : ['--retain', String(retain)]),
    ...(snapshotEvery === undefined ? [] : ['--snapshot-every', String(snapshotEvery)]),
  ];
}

/** Starts one validator; its output is added to the log file. */
export function launchNode(launch: NodeLaunch, options: LaunchOptions): ChildProcess {
  mkdirSync(dirname(launch.log), { recursive: true });
  const log = openSync(launch.log, 'a');
  try {
    // The channel closes when this process ends, whatever ends it: the node sees that and ends too.
    const stdio = options.detached ? (['ignore', log, log] as const) : (['ignore', log, log, 'ipc'] as const);
    return spawn(process.execPath, [...NODE_FLAGS, ...nodeArguments(launch)], {
      detached: options.detached,
      stdio: [...stdio],
      env: { ...process.env, NO_COLOR: '1', ...launch.environment },
    });
  } finally {
    closeSync(log);
  }
}

/** The model that ships for a validator (from 1). Throws `MODEL_MISSING`. */
export function shippedModel(node: number): string {
  const path = fileURLToPath(new URL(`../../models/origin-${((node - 1) % SHIPPED_MODELS) + 1}.onnx`, import.meta.url));
  if (!existsSync(path))
    throw new UsageError('MODEL_MISSING', `${path} is missing; name a model with --model.`, { path });
  return path;
}

/** Ports of the loopback that nobody listens on now, all different. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer());
  try {
    return await Promise.all(servers.map((server) => listen(server)));
  } finally {
    await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  }
}

function listen(server: ReturnType<typeof createServer>): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  server.once('error', reject);
  server.listen(0, '127.0.0.1', () => {
    const address = server.address();
    if (address === null || typeof address === 'string') reject(new Error('The system gave no port.'));
    else resolve(address.port);
  });
  return promise;
}
