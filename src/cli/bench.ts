/** `pq bench wasm`: the kernels against their twins, and against the libraries that are installed, on this machine. */
import { writeFileSync } from 'node:fs';
import type { Command } from 'commander';
import { EXIT, type ExitCode, UsageError } from './exit.ts';
import { Terminal } from './ui/terminal.ts';

interface BenchOptions {
  readonly filter: string;
  readonly quick?: boolean;
  readonly json?: string;
  readonly markdown?: string;
}

export function addBenchCommand(program: Command): void {
  const bench = program.command('bench').description('benchmarks of this machine');
  bench
    .command('wasm')
    .description('the WebAssembly core against TypeScript, and against the libraries that are installed')
    .option('--filter <text>', 'only rows that have this in their name or parameters', '')
    .option('--quick', 'a short run: shows that every row works, its figures say little')
    .option('--json <file>', 'write machine, runtime and rows as JSON')
    .option('--markdown <file>', 'write them as a page of Markdown')
    .action(async (options: BenchOptions) => {
      process.exitCode = await runBench(options);
    });
}

/** Throws `BENCH_FILTER` when no row is meant, `BENCH_CHECKSUM` when two implementations disagree. */
async function runBench(options: BenchOptions): Promise<ExitCode> {
  // Loaded here: whoever asks for help needs no kernels and no libraries.
  const { KERNEL_GROUPS, measureGroups } = await import('../bench/wasm.ts');
  const { NETWORK_GROUP } = await import('./bench-network.ts');
  const { report } = await import('../bench/report.ts');
  const { printEnd, printGroup } = await import('./ui/benchmark.ts');
  const { wasmHash } = await import('../wasm/load.ts');
  const terminal = new Terminal(process.stdout, process.env);
  const selection = {
    filter: options.filter,
    quick: options.quick === true,
    onRow: (label: string) => process.stderr.isTTY && terminal.status(label, performance.now()),
  };
  const groups = [];
  for await (const group of measureGroups([...KERNEL_GROUPS, NETWORK_GROUP], selection)) {
    terminal.clearStatus();
    printGroup(terminal, group, process.stdout.columns ?? Number.POSITIVE_INFINITY);
    groups.push(group);
  }
  if (groups.length === 0)
    throw new UsageError('BENCH_FILTER', `No row has ${JSON.stringify(options.filter)} in its name or parameters.`);
  const result = report(
    groups.flatMap(({ rows }) => rows),
    { core: wasmHash().slice(0, 16) },
  );
  printEnd(terminal, result);
  if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(result, null, 2)}\n`);
  if (options.markdown !== undefined) {
    const { markdown } = await import('../bench/markdown.ts');
    writeFileSync(options.markdown, markdown(result, groups));
  }
  return EXIT.OK;
}
