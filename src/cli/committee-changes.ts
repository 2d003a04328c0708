/** What `pq committee propose` is told to change, from the command line and from files of keys. */
import { fromHex } from '../core/bytes.ts';
import { PARAMETER_NAMES, type Parameters } from '../core/genesis.ts';
import type { Join } from '../core/upgrade.ts';
import { UsageError } from './exit.ts';
import { readText } from './files.ts';

const MAX_KEYS_FILE_BYTES = 64 * 1024;

export interface StakeOf {
  readonly author: number;
  readonly stake: number;
}

export interface Renewal {
  readonly author: number;
  readonly file: string;
}

/** N=S. Throws `USAGE_STAKE`. */
export function stakeOf(text: string): StakeOf {
  const match = /^(\d{1,3})=(\d{1,16})$/.exec(text);
  const [author, stake] = [Number(match?.[1]) - 1, Number(match?.[2])];
  if (match !== null && author >= 0 && stake >= 1 && Number.isSafeInteger(stake)) return { author, stake };
  throw new UsageError('USAGE_STAKE', `--stake takes VALIDATOR=STAKE, e.g. 3=25, not ${JSON.stringify(text)}.`);
}

/** N=FILE. Throws `USAGE_ROTATE`. */
export function renewal(text: string): Renewal {
  const match = /^(\d{1,3})=(.+)$/.exec(text);
  const author = Number(match?.[1]) - 1;
  if (match !== null && author >= 0) return { author, file: match[2]! };
  throw new UsageError('USAGE_ROTATE', `--rotate takes VALIDATOR=FILE, e.g. 3=keys.json, not ${JSON.stringify(text)}.`);
}

/**
 * NAME=VALUE each, over those that are agreed now; null when they stay. A committee of `size` that would be smaller than the
 * leaders of a round has as many as it has validators. Throws `USAGE_PARAMETER`.
 */
export function parametersOf(agreed: Parameters, changes: readonly string[], size: number): Parameters | null {
  if (changes.length === 0 && agreed.leadersPerRound <= size) return null;
  const leadersPerRound = Math.min(agreed.leadersPerRound, size);
  const parameters: Record<keyof Parameters, number> = { ...agreed, leadersPerRound };
  for (const change of changes) {
    const match = /^([A-Za-z]+)=(\d{1,15})$/.exec(change);
    const name = PARAMETER_NAMES.find((known) => known === match?.[1]);
    if (match === null || name === undefined) {
      const what = `--parameter takes NAME=VALUE with one of ${PARAMETER_NAMES.join(', ')}, not ${JSON.stringify(change)}.`;
      throw new UsageError('USAGE_PARAMETER', what);
    }
    parameters[name] = Number(match[2]);
  }
  return parameters;
}

/** What `pq committee consent` wrote. Throws `FILE_KEYS`, and what reading the file throws. */
export async function joinOf(path: string): Promise<Join> {
  try {
    const json: unknown = JSON.parse(await readText(path, MAX_KEYS_FILE_BYTES));
    const { name = '', stake = 1, ...hex } = json as Readonly<Record<string, unknown>>;
    const bytes = (field: string) => fromHex(String(hex[field]));
    return {
      name: String(name),
      stake: Number(stake),
      publicKey: bytes('publicKey'),
      ed25519Key: bytes('ed25519Key'),
      gateKey: bytes('gateKey'),
      consent: bytes('consent'),
    };
  } catch (cause) {
    if (cause instanceof UsageError) throw cause;
    throw new UsageError(
      'FILE_KEYS',
      `${path} holds no keys with a consent: pq committee consent writes one.`,
      { path },
      cause,
    );
  }
}
