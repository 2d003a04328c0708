#!/usr/bin/env node
/**
 * `pq`: the command line. One file per command; `ui/` turns events and figures into text. Only this file ends the
 * process: commands set the exit code or throw.
 */
import { Command, CommanderError } from 'commander';
import { packageVersion } from '../node/version.ts';
import { EXIT, reportError } from './exit.ts';

type AddCommand = (program: Command) => void;

/** Loaded when needed: the verifier, for one, brings no sockets, no database and no models into its process. */
const COMMANDS: Readonly<Record<string, () => Promise<AddCommand>>> = {
  demo: async () => (await import('./demo.ts')).addDemoCommand,
  node: async () => (await import('./node.ts')).addNodeCommand,
  committee: async () => (await import('./committee.ts')).addCommitteeCommand,
  client: async () => (await import('./client.ts')).addClientCommand,
  testnet: async () => (await import('./testnet.ts')).addTestnetCommand,
  sim: async () => (await import('./sim.ts')).addSimCommand,
  store: async () => (await import('./store.ts')).addStoreCommand,
  verify: async () => (await import('./verify.ts')).addVerifyCommand,
  bench: async () => (await import('./bench.ts')).addBenchCommand,
  version: async () => (await import('./version.ts')).addVersionCommand,
};

async function buildProgram(name: string | undefined): Promise<Command> {
  const program = new Command('pq')
    .description(
      'photon-quasar: a post-quantum DAG consensus node whose proposals are judged by AI models before they are final',
    )
    .version(packageVersion(), '-V, --version')
    .showSuggestionAfterError()
    .showHelpAfterError('(add --help for what can be given)')
    .exitOverride();
  const known = name !== undefined && Object.hasOwn(COMMANDS, name) ? [COMMANDS[name]!] : Object.values(COMMANDS);
  for (const load of known) (await load())(program);
  return program;
}

async function main(): Promise<void> {
  try {
    const program = await buildProgram(process.argv[2]);
    await program.parseAsync();
  } catch (error) {
    // Commander has printed what is wrong already; --help and --version end with 0.
    if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? EXIT.OK : EXIT.USAGE;
    else process.exitCode = reportError(error, process.env);
  }
}

// Whoever read the output has gone, as `head` does: nobody is left to tell.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  process.exit(error.code === 'EPIPE' ? EXIT.OK : EXIT.NEGATIVE);
});
await main();
