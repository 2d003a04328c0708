/** `pq node`: one validator of the well-known development network, without any set-up. INSECURE by design. */
import { existsSync } from 'node:fs';
import { basename } from 'node:path';
import type { Command } from 'commander';
import { Agent } from '../agent/agent.ts';
import type { Module } from '../agent/modules.ts';
import { type Committee, committeeOf } from '../core/committee.ts';
import {
  devnetGenesis,
  devnetHome,
  devnetIdentity,
  devnetSeed,
  MAX_DEVNET_VALIDATORS,
  requireLoopback,
} from '../node/devnet.ts';
import { homePaths, initHome } from '../node/home.ts';
import { type Node, startNode } from '../node/node.ts';
import { loadKernels } from '../wasm/load.ts';
import { EXIT, type ExitCode, UsageError } from './exit.ts';
import { shippedModel } from './launch.ts';
import { collect, endpoint, integer, offsetMs } from './options.ts';
import { addRetention, historyOf, type RetentionOptions } from './retention.ts';
import { PHASE_TOPICS, PhasePrinter } from './ui/phases.ts';
import { Terminal } from './ui/terminal.ts';

interface NodeCommandOptions extends RetentionOptions {
  readonly node: number;
  readonly port: number;
  readonly host: string;
  readonly peer: readonly string[];
  readonly validators: number;
  readonly model: readonly string[];
  readonly home?: string;
  readonly advertise?: string;
  readonly clockOffsetMs?: number;
  readonly joining?: boolean;
  readonly quiet?: boolean;
}

const HOST = '127.0.0.1';

export function addNodeCommand(program: Command): void {
  addRetention(program.command('node'))
    .description('run a validator of the development network: loopback only, keys known to everybody')
    .requiredOption('--node <n>', 'which validator, from 1', integer('node', 1, MAX_DEVNET_VALIDATORS))
    .requiredOption('--port <port>', 'port to listen at', integer('port', 1, 65_535))
    .option(
      '--peer <host:port>',
      'a node that runs, may be given several times; one is enough to find the rest',
      collect(endpoint),
      [],
    )
    .option(
      '--validators <n>',
      'members of the network: the same for every node',
      integer('validators', 1, MAX_DEVNET_VALIDATORS),
      3,
    )
    .option(
      '--model <file>',
      'ONNX (or .json) model to judge with, one per kind of data; default: a shipped one',
      collect(String),
      [],
    )
    .option('--home <folder>', 'where its state is kept; default: .pq/devnet-…')
    .option('--host <address>', 'loopback address to listen at', HOST)
    .option('--advertise <host:port>', 'what peers are told to dial, where that is not where it listens', endpoint)
    .option('--clock-offset-ms <n>', 'run as if its clock were so far off', offsetMs('clock-offset-ms'))
    .option('--joining', 'not one of the network yet: follow, and sign once an upgrade has brought it')
    .option('--quiet', 'print no phases')
    .action(async (options: NodeCommandOptions) => {
      process.exitCode = await runNode(options);
    });
}

async function runNode(options: NodeCommandOptions): Promise<ExitCode> {
  const joining = options.joining === true;
  if (options.node > options.validators && !joining) {
    const what = `There is no node ${options.node} in a network of ${options.validators}: raise --validators, the same for every node, or say that it is --joining.`;
    throw new UsageError('NODE_INDEX', what, { node: options.node, validators: options.validators });
  }
  const history = historyOf(options);
  const terminal = new Terminal(process.stdout, process.env);
  const genesis = devnetGenesis(options.validators);
  const committee = committeeOf(loadKernels(), genesis);
  printBanner(terminal, options, committee);
  requireLoopback(options.host);
  if (options.advertise !== undefined) requireLoopback(hostOf(options.advertise));
  const home = options.home ?? devnetHome(options.validators, options.node - 1);
  const seed = devnetSeed(options.node - 1);
  if (!existsSync(homePaths(home).genesis)) await initHome(home, { genesis, seed, joining });
  const agent = await loadAgent(terminal, options);
  try {
    const node = await startNode({
      home,
      genesis,
      identity: devnetIdentity(options.node - 1),
      joining,
      listen: { host: options.host, port: options.port },
      peers: options.peer,
      ...(options.advertise === undefined ? {} : { advertise: options.advertise }),
      ...(options.clockOffsetMs === undefined ? {} : { clockOffsetMs: options.clockOffsetMs }),
      history,
      agent,
    });
    return await serve(terminal, node, options.node, options.quiet === true);
  } finally {
    // A node that did not start has not closed it, and its processes would keep this one alive.
    await agent.close();
  }
}

function hostOf(address: string): string {
  return address.slice(0, address.lastIndexOf(':'));
}

/** Prints phases until a signal, a fatal error, or the end of the process that started this one. */
async function serve(terminal: Terminal, node: Node, number: number, quiet: boolean): Promise<ExitCode> {
  terminal.line(`node ${number} listens at ${node.address}; Ctrl-C stops it`);
  const { ready, validators } = node.status();
  if (!ready) terminal.line(`waiting for others of the ${validators}: until enough are connected nothing is decided`);
  const printer = new PhasePrinter(terminal, node.index ?? -1, { kind: 'all' });
  const topics = quiet ? (['alarm'] as const) : PHASE_TOPICS;
  node.subscribe(topics, (event) => printer.handle(event));
  const stop = (): void => void node.stop();
  process.once('SIGINT', stop).once('SIGTERM', stop).once('disconnect', stop);
  const code = await node.exited;
  process.removeListener('SIGINT', stop).removeListener('SIGTERM', stop).removeListener('disconnect', stop);
  // The channel to whoever started this process would keep it alive.
  process.disconnect?.();
  return code === 0 ? EXIT.OK : EXIT.NEGATIVE;
}

/** Everything on the development network is for trying out: whatever passes the checks is approved. */
const approveUpgrades: Module = () => ({ verdict: 'approve', weight: 1 });

async function loadAgent(terminal: Terminal, options: NodeCommandOptions): Promise<Agent> {
  const agent = new Agent();
  agent.addModule('devnet-upgrades', approveUpgrades, ['upgrade']);
  const files = options.model.length > 0 ? options.model : [shippedModel(options.node)];
  try {
    for (const file of files) {
      const model = await agent.loadModel(file);
      terminal.line(`model ${basename(file)} judges ${model.kind} data  (sha256 ${model.sha256.slice(0, 16)}…)`);
    }
    return agent;
  } catch (error) {
    await agent.close();
    throw error;
  }
}

function printBanner(terminal: Terminal, options: NodeCommandOptions, committee: Committee): void {
  const { size, faulty, quorum } = committee;
  terminal.line(
    terminal.paint(
      'red',
      'INSECURE development network: its keys are known to everybody, it listens on the loopback only',
    ),
  );
  const tolerance =
    faulty > 0
      ? `tolerates f = ${faulty} faulty; a quorum of ${quorum} decides`
      : `tolerates f = 0 faulty: all ${size} must be up and vote for anything to be decided`;
  if (options.node > size) {
    terminal.line(
      `node ${options.node}, not one of the ${size} yet: it follows, and signs once an upgrade has brought it`,
    );
  } else terminal.line(`node ${options.node} of ${size}, which ${tolerance}`);
}
