/** `pq committee`: who decides, what leads there from genesis, and proposals that change it. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import type { Committee } from '../core/committee.ts';
import { decodeEpochChain } from '../core/epoch-chain.ts';
import { decodeEvidence, type Equivocation, verifyEvidence } from '../core/evidence.ts';
import { PARAMETER_NAMES } from '../core/genesis.ts';
import { encodeProposal } from '../core/proposal.ts';
import { applyUpgrade, emptyUpgrade, UPGRADE_KIND, UPGRADE_VERSION, type Upgrade } from '../core/upgrade.ts';
import { encodeUpgrade } from '../core/upgrade-codec.ts';
import { verify } from '../crypto/verify.ts';
import { PqError } from '../errors.ts';
import { Client } from '../node/client.ts';
import { linkTo } from '../node/client-link.ts';
import { devnetIdentity, MAX_DEVNET_VALIDATORS } from '../node/devnet.ts';
import { consentTo } from '../node/upgrades.ts';
import { loadKernels } from '../wasm/load.ts';
import { joinOf, parametersOf, type Renewal, renewal, type StakeOf, stakeOf } from './committee-changes.ts';
import { committeesAlong, followEpochs } from './epochs.ts';
import { EXIT, type ExitCode, UsageError } from './exit.ts';
import { type NetworkChoice, networkOf } from './network.ts';
import { collect, endpoint, integer } from './options.ts';
import { bytes, confidence } from './ui/format.ts';
import { table } from './ui/table.ts';
import { harmless, Terminal } from './ui/terminal.ts';

interface NetworkOptions extends NetworkChoice {
  readonly endpoint: string;
  readonly json?: boolean;
}

interface ProposeOptions extends NetworkOptions {
  readonly join?: string;
  readonly leave: readonly number[];
  readonly stake: readonly StakeOf[];
  readonly rotate?: Renewal;
  readonly parameter: readonly string[];
}

const VALIDATOR = integer('validator', 1, 128);

export function addCommitteeCommand(program: Command): void {
  const committee = program.command('committee').description('who decides, and changes of that by approved proposals');
  reaching(committee.command('show').description('the committee of the newest epoch, followed from genesis')).action(
    async (options: NetworkOptions) => {
      process.exitCode = await show(options);
    },
  );
  reaching(
    committee
      .command('chain')
      .description('write what leads from genesis to the newest epoch, for pq verify --epochs')
      .requiredOption('--out <file>', 'where to'),
  ).action(async (options: NetworkOptions & { readonly out: string }) => {
    process.exitCode = await chain(options);
  });
  reaching(
    committee
      .command('evidence')
      .description('who signed two blocks of one round, as far as the node saw it; each case is checked here')
      .option('--out <folder>', 'write each piece of evidence into a file there, for pq verify --evidence'),
  ).action(async (options: NetworkOptions & { readonly out?: string }) => {
    process.exitCode = await evidence(options);
  });
  reaching(
    committee
      .command('propose')
      .description('propose another committee or other parameters, and follow the proposal to its certified decision')
      .option('--join <file>', 'a new validator, with its consent: pq committee consent writes it')
      .option('--leave <n>', 'a validator that leaves, from 1', collect(VALIDATOR), [])
      .option('--stake <n=s>', 'the new stake of a validator', collect(stakeOf), [])
      .option('--rotate <n=file>', 'new keys of a validator, with the consent: pq committee consent writes it', renewal)
      .option('--parameter <name=value>', `one of ${PARAMETER_NAMES.join(', ')}`, collect(String), []),
  ).action(async (options: ProposeOptions) => {
    process.exitCode = await propose(options);
  });
  reaching(
    committee
      .command('consent')
      .description('write the keys of a development validator, signed for its place in the next epoch')
      .requiredOption('--node <n>', 'whose keys, from 1', integer('node', 1, MAX_DEVNET_VALIDATORS))
      .option('--rotate <n>', 'they are the new keys of this validator', VALIDATOR)
      .option('--stake <s>', 'stake of a new validator', integer('stake', 1, Number.MAX_SAFE_INTEGER), 1)
      .requiredOption('--out <file>', 'where to'),
  ).action(async (options: ConsentOptions) => {
    process.exitCode = await consent(options);
  });
}

/** What all of them need to find the network. */
function reaching(command: Command): Command {
  return command
    .requiredOption('--endpoint <host:port>', 'a node that runs', endpoint)
    .option('--validators <n>', 'size of the development network', integer('validators', 1, MAX_DEVNET_VALIDATORS), 3)
    .option('--genesis <file>', 'genesis document of another network')
    .option('--epochs <file>', 'chain of epochs, to know nodes that are not in genesis: pq committee chain writes it')
    .option('--json', 'print one JSON object');
}

interface Reached {
  readonly client: Client;
  readonly genesis: Committee;
  /** Of the newest epoch, proven from genesis. */
  readonly committee: Committee;
  /** What proves it. */
  readonly chain: Uint8Array;
}

async function reach<Result>(options: NetworkOptions, work: (reached: Reached) => Promise<Result>): Promise<Result> {
  const network = await networkOf(options);
  const client = await Client.connect({ connect: linkTo(options.endpoint, network.committee, network.later) });
  try {
    const genesis = network.committee;
    return await work({ client, genesis, ...(await followEpochs(client, genesis)) });
  } finally {
    await client.close();
  }
}

function show(options: NetworkOptions): Promise<ExitCode> {
  return reach(options, async ({ committee }) => {
    const { epoch, quorum, total, parameters, validators } = committee;
    const members = validators.map(({ index, name, stake }) => ({ validator: index + 1, name, stake }));
    if (options.json === true) print({ epoch, quorum, total, parameters, validators: members });
    else {
      const terminal = new Terminal(process.stdout, process.env);
      terminal.line(`epoch ${epoch}, stake ${total}, a quorum is ${quorum}`);
      const rows = members.map(({ validator, name, stake }) => [String(validator), harmless(name), String(stake)]);
      for (const line of table(['validator', 'name', 'stake'], rows)) terminal.line(line);
      for (const name of PARAMETER_NAMES) terminal.line(`  ${name} ${parameters[name]}`);
    }
    return EXIT.OK;
  });
}

function chain(options: NetworkOptions & { readonly out: string }): Promise<ExitCode> {
  return reach(options, async ({ committee, chain: encoded }) => {
    writeFileSync(options.out, encoded);
    if (options.json === true) print({ epoch: committee.epoch, bytes: encoded.length, file: options.out });
    else {
      const terminal = new Terminal(process.stdout, process.env);
      terminal.line(`from genesis to epoch ${committee.epoch}: ${options.out}, ${bytes(encoded.length)}`);
    }
    return EXIT.OK;
  });
}

/** What does not show what it claims is of a node that lies: it is refused, and the node with it. */
function evidence(options: NetworkOptions & { readonly out?: string }): Promise<ExitCode> {
  return reach(options, async ({ client, genesis, chain: encoded }) => {
    const committees = [genesis, ...(await committeesAlong(genesis, decodeEpochChain(encoded)))];
    const cases: (Equivocation & { readonly name: string; readonly file?: string })[] = [];
    for (const bytes of await client.evidence()) {
      const shown = decodeEvidence(bytes);
      const committee = committees[shown.first.fields.epoch] ?? committees.at(-1)!;
      const equivocation = await verifyEvidence(loadKernels(), committee, shown, verify);
      const { epoch, round, author } = equivocation;
      const { name } = committee.validators[author]!;
      if (options.out === undefined) {
        cases.push({ ...equivocation, name });
        continue;
      }
      mkdirSync(options.out, { recursive: true });
      const file = join(options.out, `epoch-${epoch}-validator-${author + 1}-round-${round}.evidence`);
      writeFileSync(file, bytes);
      cases.push({ ...equivocation, name, file });
    }
    printEvidence(cases, options.json === true);
    return EXIT.OK;
  });
}

function printEvidence(cases: readonly (Equivocation & { name: string; file?: string })[], asJson: boolean): void {
  if (asJson) {
    return print({ equivocations: cases.map(({ author, ...rest }) => ({ validator: author + 1, ...rest })) });
  }
  const terminal = new Terminal(process.stdout, process.env);
  if (cases.length === 0) return terminal.line('this node saw nobody sign two blocks of one round');
  const rows = cases.map(({ epoch, round, author, name, file }) => {
    return [String(epoch), String(round), String(author + 1), harmless(name), file ?? ''];
  });
  for (const line of table(['epoch', 'round', 'validator', 'name', 'evidence'], rows)) terminal.line(line);
}

function propose(options: ProposeOptions): Promise<ExitCode> {
  return reach(options, async ({ client, committee }) => {
    const upgrade = await upgradeOf(committee, options);
    const next = applyUpgrade(committee, upgrade);
    const proposal = encodeProposal({
      version: UPGRADE_VERSION,
      kind: UPGRADE_KIND,
      // A node takes half of what is agreed; some of that is for clocks that differ.
      expiryMs: Date.now() + Math.floor(committee.parameters.maxExpiryMs / 3),
      sender: new Uint8Array(0),
      body: encodeUpgrade(upgrade),
      signature: new Uint8Array(0),
    });
    const [handle] = client.submit([proposal]);
    const { index, decision } = await handle!.certified;
    const approved = decision.decision === 'APPROVED';
    const report = { decision: decision.decision, reason: decision.reason, commit: index, epoch: committee.epoch };
    if (options.json === true) print({ ...report, validators: next.validators.length });
    else {
      const terminal = new Terminal(process.stdout, process.env);
      const verdict = `${decision.decision} (${decision.reason}), confidence ${confidence(decision.confidence)}`;
      terminal.line(terminal.paint(approved ? 'green' : 'red', verdict));
      if (approved)
        terminal.line(`commit ${index} ends epoch ${committee.epoch}: ${next.validators.length} validators`);
    }
    return approved ? EXIT.OK : EXIT.NEGATIVE;
  });
}

/** Throws `USAGE_UPGRADE` when nothing is to change, and what the files of keys are refused with. */
async function upgradeOf(committee: Committee, options: ProposeOptions): Promise<Upgrade> {
  const { leave, stake, rotate, parameter } = options;
  const joins = options.join === undefined ? [] : [await joinOf(options.join)];
  const rotations = rotate === undefined ? [] : [{ ...(await joinOf(rotate.file)), author: rotate.author }];
  const size = committee.size + joins.length - leave.length;
  const parameters = parametersOf(committee.parameters, parameter, size);
  if (joins.length + rotations.length + leave.length + stake.length === 0 && parameters === null) {
    throw new UsageError('USAGE_UPGRADE', 'Say what is to change: --join, --leave, --stake, --rotate or --parameter.');
  }
  return {
    ...emptyUpgrade(committee),
    joins,
    rotations,
    parameters,
    leaves: leave.map((n) => n - 1).sort((a, b) => a - b),
    stakes: [...stake].sort((a, b) => a.author - b.author),
  };
}

interface ConsentOptions extends NetworkOptions {
  readonly node: number;
  readonly rotate?: number;
  readonly stake: number;
  readonly out: string;
}

function consent(options: ConsentOptions): Promise<ExitCode> {
  return reach(options, async ({ committee }) => {
    const place =
      options.rotate === undefined
        ? { name: `node-${options.node}`, stake: options.stake }
        : { author: options.rotate - 1 };
    if ('author' in place && place.author >= committee.size) {
      throw new PqError('UPGRADE_AUTHOR', `There is no validator ${options.rotate} in epoch ${committee.epoch}.`);
    }
    const signed = await consentTo(loadKernels(), committee, devnetIdentity(options.node - 1), place);
    writeFileSync(options.out, `${JSON.stringify(signed, null, 2)}\n`);
    const what = { file: options.out, epoch: committee.epoch };
    if (options.json === true) print(what);
    else new Terminal(process.stdout, process.env).line(`${options.out}: good in epoch ${committee.epoch} only`);
    return EXIT.OK;
  });
}

function print(value: object): void {
  process.stdout.write(`${JSON.stringify(value, null, 2)}\n`);
}
