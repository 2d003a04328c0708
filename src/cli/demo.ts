/**
 * `pq demo`, what `npm start` runs: validators as processes of this machine, labelled records replayed as transfers, the
 * five phases as one node sees them, the figures of the run, and its last certificate checked by the verifier alone.
 */
import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Command } from 'commander';
import type { Committee } from '../core/committee.ts';
import { PqError } from '../errors.ts';
import type { Client } from '../node/client.ts';
import { MAX_DEVNET_VALIDATORS } from '../node/devnet.ts';
import type { NodeEvent, NodeStats, ProposalOpinion } from '../node/events.ts';
import { EXIT, type ExitCode, UsageError } from './exit.ts';
import { readText } from './files.ts';
import { verifyLast } from './last-certificate.ts';
import { type Network, networkOf } from './network.ts';
import { integer, rate } from './options.ts';
import { Progress } from './progress.ts';
import { MAX_RECORDS, MAX_RECORDS_BYTES, type PaymentRecord, parseRecords } from './records.ts';
import { type Outcome, replay } from './replay.ts';
import { type Summary, summarize } from './summary.ts';
import { Testbed } from './testbed.ts';
import { TransferDesk } from './transfers.ts';
import { PHASE_TOPICS, PhasePrinter } from './ui/phases.ts';
import { printSummary } from './ui/summary.ts';
import { Terminal } from './ui/terminal.ts';
import type { VerifiedReport } from './verify.ts';

/** At most two stories of blocks a second are told. */
const STORY_GAP_MS = 500;
const STATUS_MS = 250;
/** Records submitted once more after the replay, slowly: how long finality takes when the machine is not full. */
const LIGHT_RECORDS = 60;
const LIGHT_PER_SECOND = 10;
/** Where the certificate and the genesis document of the last run stay. */
const RESULTS = join('.pq', 'demo');

interface DemoOptions {
  readonly validators: number;
  readonly count: number;
  readonly rate: number;
  readonly file?: string;
  readonly json?: string;
  readonly keep?: boolean;
}

/** What `--json FILE` writes. */
interface DemoReport extends Summary {
  readonly certificate: {
    readonly verified: boolean;
    readonly signers: number;
    readonly bytes: number;
    readonly commit: number;
  };
}

export function addDemoCommand(program: Command): void {
  program
    .command('demo')
    .description(
      'what `npm start` runs: a network on this machine, labelled records through it, figures, a verified certificate',
    )
    .option(
      '--validators <n>',
      `validators, each a process of its own (1 to ${MAX_DEVNET_VALIDATORS})`,
      integer('validators', 1, MAX_DEVNET_VALIDATORS),
      4,
    )
    .option('--count <n>', 'held-out records to replay', integer('count', 1, MAX_RECORDS), 1000)
    .option('--rate <n>', 'records a second; 0: as fast as the node takes them', rate, 50)
    .option('--file <csv>', 'records of your own instead: CSV or NDJSON with origin and label')
    .option('--json <file>', 'write the summary as JSON')
    .option('--keep', 'leave the network running at the end, until Ctrl-C')
    .action(async (options: DemoOptions) => {
      process.exitCode = await runDemo(options);
    });
}

async function runDemo(options: DemoOptions): Promise<ExitCode> {
  const terminal = new Terminal(process.stdout, process.env);
  const abort = new AbortController();
  const interrupt = (): void => {
    if (abort.signal.aborted) process.exit(130);
    abort.abort(new PqError('INTERRUPTED', 'Stopped before the end.'));
  };
  process.on('SIGINT', interrupt).on('SIGTERM', interrupt);
  const folder = mkdtempSync(join(tmpdir(), 'pq-demo-'));
  let isGood = false;
  try {
    isGood = await demonstrate(terminal, options, folder, abort.signal);
    return isGood ? EXIT.OK : EXIT.NEGATIVE;
  } finally {
    terminal.clearStatus();
    process.removeListener('SIGINT', interrupt).removeListener('SIGTERM', interrupt);
    // Whoever stopped it needs no logs.
    if (isGood || abort.signal.aborted) rmSync(folder, { recursive: true, force: true });
    else terminal.line(`The logs of the nodes are in ${folder}`);
  }
}

/** True when everything was delivered and verified. The processes have ended when it returns, however it returns. */
async function demonstrate(
  terminal: Terminal,
  options: DemoOptions,
  folder: string,
  signal: AbortSignal,
): Promise<boolean> {
  const records = await readRecords(options, folder);
  const network = await networkOf({ validators: options.validators });
  const { committee, genesis } = network;
  introduce(terminal, options, committee, records.length);
  const testbed = await Testbed.start(committee, folder);
  try {
    const clients = await testbed.ready(signal);
    terminal.line(`All ${committee.size} nodes are up and connected over QZMQ: ${testbed.endpoints.join(' ')}\n`);
    const run = await runRecords(terminal, testbed, clients, records, network, options.rate, signal);
    signal.throwIfAborted();
    testbed.requireRunning();
    printSummary(terminal, run.summary);
    const verified = await verifyLast(terminal, clients[0]!, genesis, RESULTS);
    if (options.json !== undefined) writeReport(options.json, run.summary, verified);
    const isGood = judge(terminal, run.summary, records.length, verified !== null);
    if (options.keep === true && isGood) await keep(terminal, testbed, signal);
    return isGood;
  } finally {
    terminal.clearStatus();
    await testbed.stop();
  }
}

function introduce(terminal: Terminal, options: DemoOptions, committee: Committee, records: number): void {
  const { paint } = terminal;
  terminal.line(
    paint.call(terminal, 'bold', 'Photon → Quasar: models vote, a quorum decides, a certificate proves it'),
  );
  terminal.line(
    `${committee.size} validators, each a process with a model of its own; f = ${committee.faulty} may be faulty, a quorum is ${committee.quorum}.`,
  );
  const pace = options.rate === 0 ? 'as fast as they are taken' : `at ${options.rate}/s`;
  terminal.line(
    `${records} labelled records that no model was trained on become signed transfers, ${pace}, to the nodes in turn.`,
  );
  terminal.line(
    'Below: whole stories of sampled blocks as node 1 sees them, at most two a second. Every block is in the figures.',
  );
}

/** The file that was named, or held-out records that the repository's script writes into `folder`. */
async function readRecords(options: DemoOptions, folder: string): Promise<PaymentRecord[]> {
  if (options.file !== undefined) return parseRecords(await readText(options.file, MAX_RECORDS_BYTES));
  const script = fileURLToPath(new URL('../../scripts/origin-records.ts', import.meta.url));
  if (!existsSync(script)) {
    throw new UsageError(
      'RECORD_SCRIPT',
      'The held-out records are written by a script of the repository: run in a clone, or give --file.',
    );
  }
  const path = join(folder, 'records.csv');
  try {
    await promisify(execFile)(process.execPath, [script, path, '--records', String(options.count)]);
  } catch (cause) {
    const said = cause instanceof Error && 'stderr' in cause ? String(cause.stderr) : '';
    const why = said.split('\n').find((line) => line.includes('Error: ')) ?? 'see its output';
    throw new UsageError(
      'RECORD_SCRIPT',
      `scripts/origin-records.ts wrote no ${options.count} records: ${why}`,
      {},
      cause,
    );
  }
  return parseRecords(await readText(path, MAX_RECORDS_BYTES));
}

interface Run {
  readonly outcomes: readonly Outcome[];
  readonly summary: Summary;
}

async function runRecords(
  terminal: Terminal,
  testbed: Testbed,
  clients: readonly Client[],
  records: readonly PaymentRecord[],
  network: Network,
  recordsPerSecond: number,
  signal: AbortSignal,
): Promise<Run> {
  const { opinions, listeners } = await listen(terminal, testbed, clients);
  const before = await readStats(clients);
  const progress = new Progress(terminal, records.length);
  const desk = new TransferDesk(network);
  const timer = setInterval(() => progress.show(), STATUS_MS);
  const build = (record: PaymentRecord): Promise<Uint8Array> => desk.build(record);
  try {
    const onOutcome = (outcome: Outcome): void => progress.add(outcome);
    const outcomes = await replay(clients, records, { rate: recordsPerSecond, build, onOutcome, signal });
    const after = await readStats(clients);
    // Nobody watches the second part: to report every block takes a tenth of a node.
    await Promise.all(listeners.map((listener) => listener.close()));
    const lightRecords = records.slice(0, LIGHT_RECORDS);
    const light = await replay(clients, lightRecords, { rate: LIGHT_PER_SECOND, build, onOutcome: () => {}, signal });
    const lightLoad = { perSecond: LIGHT_PER_SECOND, outcomes: light };
    return { outcomes, summary: summarize({ outcomes, lightLoad, opinions, before, after }) };
  } finally {
    clearInterval(timer);
    terminal.clearStatus();
  }
}

/** Prints node 1's phases and keeps what every node's models say of each proposal. Sessions of their own: a slow reader is cut. */
async function listen(
  terminal: Terminal,
  testbed: Testbed,
  clients: readonly Client[],
): Promise<{ readonly opinions: readonly Map<string, ProposalOpinion>[]; readonly listeners: readonly Client[] }> {
  const listeners: Client[] = [];
  const printer = new PhasePrinter(terminal, 0, { kind: 'sample', gapMs: STORY_GAP_MS });
  const opinions = clients.map(() => new Map<string, ProposalOpinion>());
  for (const [i, byId] of opinions.entries()) {
    const listener = await testbed.client(i);
    listeners.push(listener);
    await listener.subscribe(i === 0 ? PHASE_TOPICS : ['opinion'], (event: NodeEvent) => {
      if (i === 0) printer.handle(event);
      if (event.type !== 'opinion') return;
      for (const opinion of event.proposals) if (!byId.has(opinion.id)) byId.set(opinion.id, opinion);
    });
  }
  return { opinions, listeners };
}

function readStats(clients: readonly Client[]): Promise<NodeStats[]> {
  return Promise.all(clients.map((client) => client.stats()));
}

function writeReport(path: string, summary: Summary, verified: VerifiedReport | null): void {
  const certificate = {
    verified: verified !== null,
    signers: verified?.signers.length ?? 0,
    bytes: verified?.bytes ?? 0,
    commit: verified?.commit.index ?? 0,
  };
  const report: DemoReport = { ...summary, certificate };
  writeFileSync(path, `${JSON.stringify(report, null, 2)}\n`);
}

/** Says what is missing, if anything is. */
function judge(terminal: Terminal, summary: Summary, records: number, isVerified: boolean): boolean {
  const decided = Object.values(summary.decisions).reduce((sum, count) => sum + count, 0);
  const missing: string[] = [];
  if (decided !== records) missing.push(`${records - decided} of ${records} records have no certified decision`);
  if (!isVerified) missing.push('the last certificate is not verified');
  for (const what of missing) terminal.line(terminal.paint('red', `MISSING: ${what}`));
  return missing.length === 0;
}

async function keep(terminal: Terminal, testbed: Testbed, signal: AbortSignal): Promise<void> {
  terminal.line('\nThe network goes on until Ctrl-C. In another terminal:');
  for (const endpoint of testbed.endpoints)
    terminal.line(`  npm run pq -- client --endpoint ${endpoint} --validators ${testbed.endpoints.length}`);
  while (!signal.aborted) {
    testbed.requireRunning();
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
}
