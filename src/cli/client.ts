/** `pq client`: submits records to a node, follows each to its certified decision, and says how long that took. */
import { fstatSync, writeFileSync } from 'node:fs';
import type { Command } from 'commander';
import { toHex } from '../core/bytes.ts';
import { isPqError, PqError } from '../errors.ts';
import { Client } from '../node/client.ts';
import { linkTo } from '../node/client-link.ts';
import { NO_COMMIT } from '../node/client-protocol.ts';
import { MAX_DEVNET_VALIDATORS } from '../node/devnet.ts';
import { jsonReport } from './client-report.ts';
import { EXIT, type ExitCode, UsageError } from './exit.ts';
import { readText } from './files.ts';
import { type NetworkChoice, networkOf } from './network.ts';
import { endpoint, integer, rate } from './options.ts';
import { Progress } from './progress.ts';
import { MAX_RECORDS_BYTES, type PaymentRecord, parseRecords, SAMPLES } from './records.ts';
import { type Outcome, replay } from './replay.ts';
import { TransferDesk } from './transfers.ts';
import { bytes } from './ui/format.ts';
import { printOutcome, printRun } from './ui/outcomes.ts';
import { Terminal } from './ui/terminal.ts';

/** Up to here every decision gets a line; above it only a status line. */
const MAX_LISTED = 200;
const STATUS_MS = 250;

interface ClientCommandOptions extends NetworkChoice {
  readonly endpoint: string;
  readonly file?: string;
  readonly rate: number;
  readonly proof?: string;
  readonly json?: boolean;
}

export function addClientCommand(program: Command): void {
  program
    .command('client')
    .description('submit records as signed transfers and follow each to its certified decision')
    .requiredOption('--endpoint <host:port>', 'a node that runs', endpoint)
    .option(
      '--file <file>',
      'CSV (origin[,label], or a header with origin, label, from, to, amount) or NDJSON; - is standard input',
    )
    .option('--rate <n>', 'records a second; 0: as fast as the node takes them', rate, 0)
    .option('--validators <n>', 'size of the development network', integer('validators', 1, MAX_DEVNET_VALIDATORS), 3)
    .option('--genesis <file>', 'genesis document of another network')
    .option('--epochs <file>', 'chain of epochs, to know nodes that are not in genesis: pq committee chain writes it')
    .option('--proof <file>', 'of a single record: write the proof of its decision, for pq verify, to this file')
    .option('--json', 'print one JSON object')
    .action(async (options: ClientCommandOptions) => {
      process.exitCode = await runClient(options);
    });
}

async function runClient(options: ClientCommandOptions): Promise<ExitCode> {
  // For people; with --json everything but the object goes to stderr.
  const terminal = new Terminal(options.json === true ? process.stderr : process.stdout, process.env);
  const records = await readRecords(terminal, options.file);
  requireSingle(records, options.proof);
  const network = await networkOf(options);
  const desk = new TransferDesk(network);
  desk.requireAccounts(records);
  const onProblem = (error: PqError): void =>
    terminal.line(terminal.paint('yellow', `${error.code}: ${error.message}`));
  const connect = linkTo(options.endpoint, network.committee, network.later);
  const client = await Client.connect({ connect, reconnect: true, onProblem }).catch((error: unknown) =>
    explain(error, options),
  );
  const abort = new AbortController();
  const interrupt = (): void => abort.abort();
  process.once('SIGINT', interrupt).once('SIGTERM', interrupt);
  try {
    const outcomes = await submit(terminal, client, records, desk, options.rate, abort);
    if (options.json === true) process.stdout.write(`${JSON.stringify(jsonReport(outcomes), null, 2)}\n`);
    else printRun(terminal, outcomes);
    if (options.proof !== undefined) await saveProof(terminal, client, outcomes[0], options.proof);
    return outcomes.length === records.length && outcomes.every(({ certified }) => certified !== null)
      ? EXIT.OK
      : EXIT.NEGATIVE;
  } finally {
    process.removeListener('SIGINT', interrupt).removeListener('SIGTERM', interrupt);
    await client.close();
  }
}

/** A node of a network of another size looks as if nobody were there. */
function explain(error: unknown, options: ClientCommandOptions): never {
  if (!isPqError(error, 'QZMQ_NO_ANSWER') || options.genesis !== undefined) throw error;
  const what = `No node of the development network of ${options.validators} answers at ${options.endpoint}: is it up, and are its --validators ${options.validators} too?`;
  throw new PqError(error.code, what, error.data, error);
}

async function submit(
  terminal: Terminal,
  client: Client,
  records: readonly PaymentRecord[],
  desk: TransferDesk,
  recordsPerSecond: number,
  abort: AbortController,
): Promise<Outcome[]> {
  const progress = new Progress(terminal, records.length);
  const timer = setInterval(() => progress.show(), STATUS_MS);
  // What is under way is given up, so that an interrupted client ends with the figures of what it has.
  abort.signal.addEventListener('abort', () => void client.close(), { once: true });
  try {
    return await replay([client], records, {
      rate: recordsPerSecond,
      build: (record) => desk.build(record),
      onOutcome: (outcome) => {
        progress.add(outcome);
        if (records.length <= MAX_LISTED) printOutcome(terminal, outcome);
      },
      signal: abort.signal,
    });
  } finally {
    clearInterval(timer);
    terminal.clearStatus();
  }
}

function requireSingle(records: readonly PaymentRecord[], proofFile: string | undefined): void {
  if (proofFile === undefined || records.length === 1) return;
  throw new UsageError('USAGE_PROOF', 'A proof is of one proposal: give --proof with a single record.', {
    records: records.length,
  });
}

/** Throws `PROOF_NONE` when there is nothing to prove: it was refused, or ran out before any commit held it. */
async function saveProof(
  terminal: Terminal,
  client: Client,
  outcome: Outcome | undefined,
  file: string,
): Promise<void> {
  const certified = outcome?.certified ?? null;
  const proof = certified === null || certified.index === NO_COMMIT ? null : await client.proof(certified.id);
  if (proof === null) throw new PqError('PROOF_NONE', 'No certified commit holds a decision on it: there is no proof.');
  writeFileSync(file, proof);
  terminal.line(`proof of ${toHex(certified!.id)}: ${file}, ${bytes(proof.length)}`);
}

/** A named file, standard input where something comes from it, or the samples. */
async function readRecords(terminal: Terminal, file: string | undefined): Promise<readonly PaymentRecord[]> {
  if (file !== undefined) return parseRecords(await readText(file, MAX_RECORDS_BYTES));
  const text = stdinIsPiped() ? await readText('-', MAX_RECORDS_BYTES) : '';
  if (text !== '') return parseRecords(text);
  terminal.line(`No --file: submitting ${SAMPLES.length} built-in samples`);
  return SAMPLES;
}

/** Neither a terminal nor /dev/null. */
function stdinIsPiped(): boolean {
  try {
    const stat = fstatSync(0);
    return stat.isFIFO() || stat.isFile() || stat.isSocket();
  } catch {
    // A closed standard input has nothing to read.
    return false;
  }
}
