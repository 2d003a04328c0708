/** `pq store`: looks at what a validator that is down keeps on disk, and changes nothing in it. */
import type { Command } from 'commander';
import type { Genesis } from '../core/genesis.ts';
import { checkStore } from '../node/check/check-store.ts';
import type { StoreReport } from '../node/check/store-report.ts';
import { readGenesis as genesisOfHome } from '../node/home.ts';
import { EXIT, type ExitCode, UsageError } from './exit.ts';
import { readGenesis } from './network.ts';
import { integer } from './options.ts';
import { EXPORT_KINDS, type ExportKind, exportStore } from './store-export.ts';
import { reportLines } from './ui/store-report.ts';
import { Terminal } from './ui/terminal.ts';

interface HomeOptions {
  readonly home: string;
  readonly genesis?: string;
}

interface CheckOptions extends HomeOptions {
  readonly json?: boolean;
}

interface ExportOptions extends HomeOptions {
  readonly from?: number;
  readonly to?: number;
  readonly only: readonly ExportKind[];
  readonly out?: string;
}

const HOME = ['--home <folder>', 'home of the validator, e.g. .pq/testnet/node-1'] as const;
const GENESIS = ['--genesis <file>', 'genesis document; default: the one in the home'] as const;

export function addStoreCommand(program: Command): void {
  const store = program.command('store').description('what a validator that is down keeps on disk');
  store
    .command('check')
    .description(
      'check the whole store: checksums, log against index, every digest and signature, and the history executed again',
    )
    .requiredOption(...HOME)
    .option(...GENESIS)
    .option('--json', 'print one JSON object')
    .action(async (options: CheckOptions) => {
      process.exitCode = await runCheck(options);
    });
  const index = (name: string) => integer(name, 1, Number.MAX_SAFE_INTEGER);
  store
    .command('export')
    .description('write commits with their blocks, decisions and certificates as NDJSON, one object a line')
    .requiredOption(...HOME)
    .option(...GENESIS)
    .option('--from <commit>', 'first commit; default: the first that is kept', index('from'))
    .option('--to <commit>', 'last commit; default: the last', index('to'))
    .option('--only <kinds>', `of ${EXPORT_KINDS.join(',')}: which, separated by commas`, kinds, [...EXPORT_KINDS])
    .option('--out <file>', 'file to write; default: standard output')
    .action(async (options: ExportOptions) => {
      await exportStore({ ...options, genesis: await genesisOf(options) });
    });
}

/** Exit code 0: all is well; 1: something is wrong, and what; 2: it cannot be looked at. */
async function runCheck(options: CheckOptions): Promise<ExitCode> {
  const genesis = await genesisOf(options);
  const status = new Terminal(process.stderr, process.env);
  // On a terminal only: what is not repainted would be noise beside the report.
  const onProgress = (what: string) => (process.stderr.isTTY ? status.status(what, performance.now()) : undefined);
  let report: StoreReport;
  try {
    report = await checkStore({ home: options.home, genesis, onProgress });
  } finally {
    status.clearStatus();
  }
  const terminal = new Terminal(process.stdout, process.env);
  if (options.json === true) terminal.line(JSON.stringify(report, null, 2));
  else for (const line of reportLines(terminal, report)) terminal.line(line);
  return report.ok ? EXIT.OK : EXIT.NEGATIVE;
}

function genesisOf({ home, genesis }: HomeOptions): Promise<Genesis> {
  return genesis === undefined ? genesisOfHome(home) : readGenesis(genesis);
}

/** Throws `USAGE_KIND`. */
function kinds(text: string): ExportKind[] {
  return text.split(',').map((name) => {
    const kind = EXPORT_KINDS.find((known) => known === name.trim());
    if (kind !== undefined) return kind;
    const what = `--only takes some of ${EXPORT_KINDS.join(',')}, not ${JSON.stringify(name)}.`;
    throw new UsageError('USAGE_KIND', what);
  });
}
