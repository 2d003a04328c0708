/** How commands end: 0 ok, 1 a negative result, 2 usage or configuration; errors as one line and what to do. */
import { isPqError, PqError } from '../errors.ts';
import { harmless } from './ui/terminal.ts';

export const EXIT = { OK: 0, NEGATIVE: 1, USAGE: 2 } as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** A refusal of what was asked for, rather than something that went wrong while doing it: exit code 2. */
export class UsageError<Code extends string = string> extends PqError<Code> {}

/** Codes of other folders that are the fault of what was given on the command line or in a file it names. */
const USAGE_CODES =
  /^(?:USAGE|CONFIG|GENESIS|RECORD|FILE|NODE_(?:PORT|PEER|INDEX|OTHER_CHAIN)|DEVNET|MODEL|ONNX|HOME|KEYSTORE|ENDPOINT|QZMQ_(?:PORT|BAD_ADDRESS)|STORE_(?:LOCKED|MISSING|FORMAT|RANGE))(?:_|$)/;

const SYSTEM_HINTS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'the port is in use: choose another one, or stop what listens there',
  EACCES: 'permission denied: choose another path or port, or change the permissions',
  ENOENT: 'there is no such file: check the path',
  EISDIR: 'this is a folder where a file is needed',
  ENOSPC: 'the disk is full',
};

/** Prints `error CODE: message` to stderr and returns the exit code. `PQ_DEBUG=1` adds the stack. */
export function reportError(error: unknown, environment: Readonly<Record<string, string | undefined>>): ExitCode {
  process.stderr.write(`${errorLine(error)}\n`);
  if ((environment.PQ_DEBUG ?? '') !== '') process.stderr.write(`${debugText(error)}\n`);
  return exitCodeOf(error);
}

export function errorLine(error: unknown): string {
  if (isPqError(error)) return harmless(`error ${error.code}: ${error.message}`);
  const code = systemCode(error);
  if (code !== null) return harmless(`error ${code}: ${SYSTEM_HINTS[code] ?? messageOf(error)}${pathOf(error)}`);
  return harmless(`error INTERNAL: ${messageOf(error)} (run again with PQ_DEBUG=1 for the details)`);
}

export function exitCodeOf(error: unknown): ExitCode {
  if (error instanceof UsageError) return EXIT.USAGE;
  if (isPqError(error)) return USAGE_CODES.test(error.code) ? EXIT.USAGE : EXIT.NEGATIVE;
  return systemCode(error) === null ? EXIT.NEGATIVE : EXIT.USAGE;
}

function systemCode(error: unknown): string | null {
  if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'string') return null;
  return /^E[A-Z0-9]+$/.test(error.code) ? error.code : null;
}

function pathOf(error: unknown): string {
  if (!(error instanceof Error) || !('path' in error) || typeof error.path !== 'string') return '';
  return ` (${error.path})`;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function debugText(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const data = isPqError(error) ? `\n${JSON.stringify(error.data)}` : '';
  return `${error.stack}${data}${error.cause === undefined ? '' : `\ncaused by ${debugText(error.cause)}`}`;
}
