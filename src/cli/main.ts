#!/usr/bin/env node
/**
 * `pq`: the command line. One file per command; `ui/` turns events and figures into text. Only this file ends the
 * process: commands set the exit code or throw.
 */
import { Command, CommanderError } from 'commander';
import { packageVersion } from '../node/version.ts';
import { addClientCommand } from './client.ts';
import { addDemoCommand } from './demo.ts';
import { EXIT, reportError } from './exit.ts';
import { addNodeCommand } from './node.ts';
import { addTestnetCommand } from './testnet.ts';
import { addVerifyCommand } from './verify.ts';
import { addVersionCommand } from './version.ts';

function buildProgram(): Command {
  const program = new Command('pq')
    .description(
      'photon-quasar: a post-quantum DAG consensus node whose proposals are judged by AI models before they are final',
    )
    .version(packageVersion(), '-V, --version')
    .showSuggestionAfterError()
    .showHelpAfterError('(add --help for what can be given)')
    .exitOverride();
  addDemoCommand(program);
  addNodeCommand(program);
  addClientCommand(program);
  addTestnetCommand(program);
  addVerifyCommand(program);
  addVersionCommand(program);
  return program;
}

async function main(): Promise<void> {
  try {
    await buildProgram().parseAsync();
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
