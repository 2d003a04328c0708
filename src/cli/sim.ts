/** `pq sim`: replays one simulated run, or runs many seeds and says what was exercised. */
import { writeFileSync } from 'node:fs';
import type { Command } from 'commander';
import { MAX_VALIDATORS } from '../core/limits.ts';
import { Totals } from '../sim/report.ts';
import { SCENARIOS } from '../sim/scenarios.ts';
import { isViolation, type Outcome, outcomeOf, type SimTask, sweep } from '../sim/sweep.ts';
import { EXIT, type ExitCode, UsageError } from './exit.ts';
import { integer } from './options.ts';
import { plural } from './ui/format.ts';
import { totalsTable } from './ui/sim-totals.ts';
import { Terminal } from './ui/terminal.ts';

const MAX_SEED = 2 ** 31 - 1;
const MAX_JOBS = 64;
/** Every scenario in each seed, rather than one after the other. */
const ALL = 'all';

interface SimCommandOptions {
  readonly list?: boolean;
  readonly seed?: number;
  readonly seeds: readonly [first: number, last: number];
  readonly scenario?: string;
  readonly validators?: number;
  readonly jobs?: number;
  readonly first?: boolean;
  readonly trace?: boolean;
  readonly json?: boolean | string;
}

export function addSimCommand(program: Command): void {
  program
    .command('sim')
    .description('networks of whole nodes on a virtual clock, with faults and liars, from a seed')
    .option('--list', 'name the scenarios')
    .option('--seed <n>', 'replay one run of each scenario, or of --scenario', integer('seed', 0, MAX_SEED))
    .option('--seeds <a..b>', 'run many; without --scenario the scenarios take turns', seedRange, [1, 36] as const)
    .option('--scenario <name>', `one of --list, or ${ALL}: every one of them in each seed`)
    .option('--validators <n>', 'in place of what the scenario draws', integer('validators', 1, MAX_VALIDATORS))
    .option('--jobs <n>', 'processes at work; default: one per processor', integer('jobs', 1, MAX_JOBS))
    .option('--first', 'stop at the first violation')
    .option('--trace', 'of a single run, say what happens')
    .option('--json [file]', 'print one JSON object, or write it to a file')
    .action(async (options: SimCommandOptions) => {
      process.exitCode = await runSim(options);
    });
}

async function runSim(options: SimCommandOptions): Promise<ExitCode> {
  const terminal = new Terminal(options.json === true ? process.stderr : process.stdout, process.env);
  if (options.list === true) return list(options);
  const tasks = tasksOf(options);
  const outcomes: Outcome[] = [];
  const add = (outcome: Outcome): void => {
    outcomes.push(outcome);
    if (isViolation(outcome)) {
      terminal.line(`${terminal.paint('red', outcome.code)} ${outcome.message}`);
      terminal.line(`  replay: ${replayCommand(outcome)}`);
    }
    const found = plural(outcomes.filter(isViolation).length, 'violation');
    terminal.status(`${outcomes.length} of ${plural(tasks.length, 'run')}, ${found}`, performance.now());
  };
  if (tasks.length === 1)
    add(await outcomeOf(tasks[0]!, options.trace === true ? (line) => terminal.line(line) : undefined));
  else await sweep(tasks, { ...jobsOf(options), onOutcome: add });
  terminal.clearStatus();
  print(terminal, outcomes);
  const violations = outcomes.filter(isViolation);
  writeJson(options, tasks.length === 1 ? outcomes[0]! : { runs: outcomes.length, violations, reports: outcomes });
  return violations.length === 0 ? EXIT.OK : EXIT.NEGATIVE;
}

function jobsOf({ jobs, first }: SimCommandOptions) {
  return { stopAtFirst: first === true, ...(jobs === undefined ? {} : { jobs }) };
}

function print(terminal: Terminal, outcomes: readonly Outcome[]): void {
  const byScenario = new Map<string, Totals>();
  for (const outcome of outcomes) {
    if (isViolation(outcome)) continue;
    const totals = byScenario.get(outcome.scenario) ?? new Totals();
    byScenario.set(outcome.scenario, totals);
    totals.add(outcome);
  }
  for (const line of totalsTable(byScenario)) terminal.line(line);
  const violations = outcomes.filter(isViolation).length;
  const verdict = `${plural(outcomes.length, 'run')}, ${plural(violations, 'violation')}`;
  terminal.line(terminal.paint(violations === 0 ? 'green' : 'red', verdict));
}

/** What replays a run, exactly. */
function replayCommand({ scenario, seed, validators }: SimTask): string {
  const size = validators === undefined ? '' : ` --validators ${validators}`;
  return `npx pq sim --seed ${seed} --scenario ${scenario}${size}`;
}

function list({ json }: SimCommandOptions): ExitCode {
  const width = Math.max(...Object.keys(SCENARIOS).map((name) => name.length));
  const lines = Object.entries(SCENARIOS).map(([name, { about }]) => `${name.padEnd(width)}  ${about}`);
  const named = Object.entries(SCENARIOS).map(([name, { about }]) => ({ name, about }));
  process.stdout.write(json === undefined ? `${lines.join('\n')}\n` : `${JSON.stringify(named, null, 2)}\n`);
  return EXIT.OK;
}

/** What there is to run, in order. Throws `USAGE_SCENARIO`. */
function tasksOf({ seed, seeds, scenario, validators }: SimCommandOptions): SimTask[] {
  const names = Object.keys(SCENARIOS);
  if (scenario !== undefined && scenario !== ALL && !names.includes(scenario)) {
    throw new UsageError('USAGE_SCENARIO', `No scenario is called '${scenario}': choose one of ${names.join(', ')}.`);
  }
  const [first, last] = seed === undefined ? seeds : [seed, seed];
  const tasks: SimTask[] = [];
  for (let each = first; each <= last; each++) {
    const chosen =
      scenario === ALL || (scenario === undefined && seed !== undefined)
        ? names
        : [scenario ?? (names[each % names.length] as string)];
    for (const name of chosen) {
      tasks.push({ scenario: name, seed: each, ...(validators === undefined ? {} : { validators }) });
    }
  }
  return tasks;
}

/** `A..B`, or one seed. */
function seedRange(text: string): readonly [number, number] {
  const match = /^(\d{1,10})(?:\.\.(\d{1,10}))?$/.exec(text);
  const [first, last] = [Number(match?.[1]), Number(match?.[2] ?? match?.[1])];
  if (match !== null && first <= last && last <= MAX_SEED) return [first, last];
  throw new UsageError('USAGE_SEEDS', `--seeds takes A..B with A ≤ B, not ${JSON.stringify(text)}.`);
}

function writeJson({ json }: SimCommandOptions, content: object): void {
  if (json === undefined) return;
  const text = `${JSON.stringify(content, null, 2)}\n`;
  if (json === true) process.stdout.write(text);
  else writeFileSync(json as string, text);
}
