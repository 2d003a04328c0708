/** Which network a client talks to: the development network of a size, or the one of a genesis document. */
import { type Committee, committeeOf } from '../core/committee.ts';
import { decodeEpochChain } from '../core/epoch-chain.ts';
import { type Genesis, parseGenesis } from '../core/genesis.ts';
import { devnetGenesis } from '../node/devnet.ts';
import { loadKernels } from '../wasm/load.ts';
import { committeesAlong, MAX_CHAIN_BYTES } from './epochs.ts';
import { UsageError } from './exit.ts';
import { readBounded, readText } from './files.ts';

const MAX_GENESIS_BYTES = 16 * 1024 * 1024;

export interface Network {
  readonly genesis: Genesis;
  /** Of epoch 0. */
  readonly committee: Committee;
  /** Those of later epochs that are known, in order. */
  readonly later: readonly Committee[];
}

export interface NetworkChoice {
  readonly genesis?: string;
  /** Chain of epochs, from `pq committee chain`. */
  readonly epochs?: string;
  readonly validators: number;
}

/** Throws `FILE_JSON`, `GENESIS_…`, what a chain of epochs is refused with, and the system's errors. */
export async function networkOf(options: NetworkChoice): Promise<Network> {
  const genesis =
    options.genesis === undefined ? devnetGenesis(options.validators) : await readGenesis(options.genesis);
  const committee = committeeOf(loadKernels(), genesis);
  const chain =
    options.epochs === undefined ? [] : decodeEpochChain(await readBounded(options.epochs, MAX_CHAIN_BYTES));
  return { genesis, committee, later: await committeesAlong(committee, chain) };
}

/** Throws `FILE_JSON`, `GENESIS_…`, and the system's errors. */
export async function readGenesis(path: string): Promise<Genesis> {
  return parseGenesis(parseJson(await readText(path, MAX_GENESIS_BYTES), path));
}

function parseJson(text: string, path: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new UsageError('FILE_JSON', `${path} is not JSON.`, { path }, cause);
  }
}
