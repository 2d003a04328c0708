/** Which network a client talks to: the development network of a size, or the one of a genesis document. */
import { type Committee, committeeOf } from '../core/committee.ts';
import { type Genesis, parseGenesis } from '../core/genesis.ts';
import { devnetGenesis } from '../node/devnet.ts';
import { loadKernels } from '../wasm/load.ts';
import { UsageError } from './exit.ts';
import { readText } from './files.ts';

const MAX_GENESIS_BYTES = 16 * 1024 * 1024;

export interface Network {
  readonly genesis: Genesis;
  readonly committee: Committee;
}

/** Throws `FILE_JSON`, `GENESIS_…`, and the system's errors. */
export async function networkOf(options: { readonly genesis?: string; readonly validators: number }): Promise<Network> {
  const genesis =
    options.genesis === undefined ? devnetGenesis(options.validators) : await readGenesis(options.genesis);
  return { genesis, committee: committeeOf(loadKernels(), genesis) };
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
