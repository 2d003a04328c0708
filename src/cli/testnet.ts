/** `pq testnet`: a development network of several processes on this machine, its homes under ./.pq/testnet. */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Command } from 'commander';
import { committeeOf } from '../core/committee.ts';
import { isPqError, PqError } from '../errors.ts';
import { Client } from '../node/client.ts';
import { linkTo } from '../node/client-link.ts';
import type { NodeStatus } from '../node/client-protocol.ts';
import { devnetGenesis, MAX_DEVNET_VALIDATORS } from '../node/devnet.ts';
import { loadKernels } from '../wasm/load.ts';
import { UsageError } from './exit.ts';
import { freePorts, launchNode, type NodeLaunch, shippedModel } from './launch.ts';
import { integer } from './options.ts';
import { addRetention, historyOf, type RetentionOptions } from './retention.ts';
import { NodeProcess, type ProcessState } from './testnet-processes.ts';
import { table } from './ui/table.ts';
import { Terminal } from './ui/terminal.ts';

const FOLDER = join('.pq', 'testnet');
const READY_TIMEOUT_MS = 60_000;
const POLL_MS = 200;

/** What `init` fixes. */
interface Layout {
  readonly ports: readonly number[];
  /** What every node keeps of the past. */
  readonly history?: RetentionOptions;
}

interface InitOptions extends RetentionOptions {
  readonly validators: number;
  readonly force?: boolean;
}

interface Member {
  readonly launch: NodeLaunch;
  readonly process: NodeProcess;
  readonly endpoint: string;
}

interface MemberStatus {
  readonly node: number;
  readonly endpoint: string;
  readonly state: ProcessState;
  readonly pid: number | null;
  /** Null when it does not run or does not answer. */
  readonly status: NodeStatus | null;
}

export function addTestnetCommand(program: Command): void {
  const testnet = program
    .command('testnet')
    .description('a development network of several processes on this machine, under ./.pq/testnet');
  const validators = [
    '--validators <n>',
    'members of the network',
    integer('validators', 1, MAX_DEVNET_VALIDATORS),
    4,
  ] as const;
  const terminal = new Terminal(process.stdout, process.env);

  addRetention(testnet.command('init'))
    .description('fix size, ports and what is kept; refuses while there is one')
    .option(...validators)
    .option('--force', 'throw away the one that is there')
    .action((options: InitOptions) => init(terminal, options));
  addRetention(testnet.command('start', { isDefault: true }))
    .description('start every node that does not run, after init if there was none')
    .option(...validators)
    .action((options: InitOptions) => start(terminal, options));
  testnet
    .command('stop')
    .description('end every node')
    .action(() => stop(terminal));
  testnet
    .command('status')
    .description('who runs, and where it stands')
    .option('--json', 'print JSON')
    .action((options: { json?: boolean }) => printStatus(terminal, options.json === true));
  addSignalCommand(testnet, terminal, 'kill', 'end a node at once, as a crash would', 'SIGKILL');
  addSignalCommand(testnet, terminal, 'pause', 'stop a node where it is, as a hanging machine would', 'SIGSTOP');
  addSignalCommand(testnet, terminal, 'resume', 'let a paused node go on', 'SIGCONT');
}

function addSignalCommand(
  testnet: Command,
  terminal: Terminal,
  name: string,
  description: string,
  signal: NodeJS.Signals,
): void {
  testnet
    .command(name)
    .description(description)
    .argument('<node>', 'which node, from 1', integer('node', 1, MAX_DEVNET_VALIDATORS))
    .action((node: number) => {
      const member = members()[node - 1];
      if (member === undefined)
        throw new UsageError('NODE_INDEX', `There is no node ${node} in this network.`, { node });
      member.process.signal(signal);
      terminal.line(`node ${node}: ${signal} sent`);
    });
}

async function init(terminal: Terminal, options: InitOptions): Promise<void> {
  const { validators, force = false } = options;
  const history = historyOf(options);
  if (existsSync(FOLDER)) {
    if (!force)
      throw new UsageError(
        'TESTNET_EXISTS',
        `There is a network under ${FOLDER}: use it, or throw it away with --force.`,
      );
    await stop(terminal);
    rmSync(FOLDER, { recursive: true });
  }
  mkdirSync(FOLDER, { recursive: true });
  const layout: Layout = { ports: await freePorts(validators), history };
  writeFileSync(layoutFile(), `${JSON.stringify(layout, null, 2)}\n`);
  writeFileSync(join(FOLDER, 'genesis.json'), `${JSON.stringify(devnetGenesis(validators), null, 2)}\n`);
  terminal.line(
    `${validators} validators on ports ${layout.ports.join(' ')}; genesis document ${join(FOLDER, 'genesis.json')}`,
  );
}

async function start(terminal: Terminal, options: InitOptions): Promise<void> {
  if (!existsSync(layoutFile())) await init(terminal, options);
  else if (options.retain !== undefined || options.snapshotEvery !== undefined) {
    const what = `What the network under ${FOLDER} keeps was fixed by init: start it as it is, or init another with --force.`;
    throw new UsageError('TESTNET_EXISTS', what);
  }
  const all = members();
  for (const { launch, process: running } of all) {
    if (running.state !== 'stopped') continue;
    const child = launchNode(launch, { detached: true });
    if (child.pid === undefined)
      throw new PqError('TESTNET_START', `Node ${launch.node} could not be started.`, { node: launch.node });
    running.record(child.pid);
    child.unref();
    terminal.line(`node ${launch.node} starts: pid ${child.pid}, log ${launch.log}`);
  }
  await waitUntilReady(all);
  await printStatus(terminal, false);
}

async function waitUntilReady(all: readonly Member[]): Promise<void> {
  const deadlineMs = performance.now() + READY_TIMEOUT_MS;
  for (const member of all) {
    while ((await askStatus(member, all.length))?.ready !== true) {
      const { launch, process: running } = member;
      if (running.state === 'paused') break;
      if (running.state === 'stopped')
        throw new PqError('NODE_EXITED', `Node ${launch.node} ended: see ${launch.log}.`, { node: launch.node });
      if (performance.now() > deadlineMs)
        throw new PqError('TESTNET_TIMEOUT', `Node ${launch.node} is not ready: see ${launch.log}.`, {
          node: launch.node,
        });
      await delay(POLL_MS);
    }
  }
}

async function stop(terminal: Terminal): Promise<void> {
  const all = existsSync(layoutFile()) ? members() : [];
  const stopped = await Promise.all(all.map((member) => member.process.stop()));
  terminal.line(`${stopped.filter(Boolean).length} of ${all.length} nodes ran and are stopped`);
}

async function printStatus(terminal: Terminal, json: boolean): Promise<void> {
  const all = members();
  const statuses = await Promise.all(all.map((member) => statusOf(member, all.length)));
  if (json) {
    terminal.line(JSON.stringify(statuses, null, 2));
    return;
  }
  const rows = statuses.map(({ node, endpoint, state, pid, status }) => [
    `node ${node}`,
    endpoint,
    state === 'running' && status === null ? 'no answer' : state,
    String(pid ?? '–'),
    ...(status === null
      ? ['–', '–', '–', '–']
      : [status.round, status.commitIndex, status.certifiedIndex, status.peers.length].map(String)),
  ]);
  for (const line of table(['', 'endpoint', 'state', 'pid', 'round', 'commit', 'certified', 'peers'], rows))
    terminal.line(line);
}

async function statusOf(member: Member, validators: number): Promise<MemberStatus> {
  const { launch, endpoint, process: running } = member;
  const { state, pid } = running;
  const status = state === 'running' ? await askStatus(member, validators) : null;
  return { node: launch.node, endpoint, state, pid, status };
}

/** Null when it does not answer. */
async function askStatus({ endpoint }: Member, validators: number): Promise<NodeStatus | null> {
  const committee = committeeOf(loadKernels(), devnetGenesis(validators));
  let client: Client | null = null;
  try {
    client = await Client.connect({ connect: linkTo(endpoint, committee) });
    return await client.status();
  } catch (error) {
    if (!isPqError(error)) throw error;
    return null;
  } finally {
    await client?.close();
  }
}

/** Throws `TESTNET_MISSING`, `TESTNET_LAYOUT`. */
function members(): Member[] {
  const { ports, history = {} } = readLayout();
  const endpoints = ports.map((port) => `localhost:${port}`);
  return ports.map((port, i) => {
    const node = i + 1;
    // Absolute: the home is also how the process is told from others.
    const home = resolve(FOLDER, `node-${node}`);
    const log = join(FOLDER, `node-${node}.log`);
    const peers = endpoints.filter((_, other) => other !== i);
    const launch = { node, validators: ports.length, port, peers, models: [shippedModel(node)], home, log, history };
    return { launch, process: new NodeProcess(join(FOLDER, `node-${node}.pid`), home), endpoint: endpoints[i]! };
  });
}

function readLayout(): Layout {
  let layout: Partial<Layout>;
  try {
    layout = JSON.parse(readFileSync(layoutFile(), 'utf8')) as Partial<Layout>;
  } catch (cause) {
    throw new UsageError(
      'TESTNET_MISSING',
      `There is no network under ${FOLDER} here: run pq testnet init.`,
      {},
      cause,
    );
  }
  const isGood =
    Array.isArray(layout.ports) && layout.ports.length > 0 && layout.ports.every((port) => Number.isInteger(port));
  if (!isGood) throw new UsageError('TESTNET_LAYOUT', `${layoutFile()} is damaged: run pq testnet init --force.`);
  return layout as Layout;
}

function layoutFile(): string {
  return join(FOLDER, 'testnet.json');
}
