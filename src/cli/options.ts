/** Parsing of option values that several commands have. */
import { UsageError } from './exit.ts';

const MAX_OFFSET_MS = 24 * 3_600_000;

/** A parser of whole numbers for commander. Throws `USAGE_NUMBER`. */
export function integer(name: string, min: number, max: number): (text: string) => number {
  return (text) => {
    const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
    if (value >= min && value <= max) return value;
    throw new UsageError(
      'USAGE_NUMBER',
      `--${name} takes a whole number from ${min} to ${max}, not ${JSON.stringify(text)}.`,
      { name },
    );
  };
}

/** A parser of time differences for commander: whole milliseconds, up to a day either way. Throws `USAGE_NUMBER`. */
export function offsetMs(name: string): (text: string) => number {
  return (text) => {
    const value = /^-?\d{1,8}$/.test(text) ? Number(text) : Number.NaN;
    if (Math.abs(value) <= MAX_OFFSET_MS) return value;
    const what = `--${name} takes whole milliseconds from -${MAX_OFFSET_MS} to ${MAX_OFFSET_MS}, not ${JSON.stringify(text)}.`;
    throw new UsageError('USAGE_NUMBER', what, { name });
  };
}

/** A parser of rates (0 … 100 000 a second). Throws `USAGE_NUMBER`. */
export function rate(text: string): number {
  const value = /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
  if (value >= 0 && value <= 100_000) return value;
  throw new UsageError('USAGE_NUMBER', `--rate takes a number from 0 to 100000, not ${JSON.stringify(text)}.`);
}

/** HOST:PORT, with brackets around an IPv6 address. Throws `USAGE_ENDPOINT`. */
export function endpoint(text: string): string {
  const match = /^(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+):(\d{1,5})$/.exec(text);
  const port = Number(match?.[2]);
  if (match !== null && port >= 1 && port <= 65_535) return text;
  throw new UsageError('USAGE_ENDPOINT', `An endpoint is HOST:PORT, e.g. localhost:5001, not ${JSON.stringify(text)}.`);
}

/** For options that may be given several times. */
export function collect<Value>(parse: (text: string) => Value): (text: string, previous: readonly Value[]) => Value[] {
  return (text, previous) => [...previous, parse(text)];
}
