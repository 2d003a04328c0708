/** The home directory of a validator: config/ is the operator's, data/ is the node's. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { toHex } from '../core/bytes.ts';
import { chainIdOf, type Genesis, parseGenesis } from '../core/genesis.ts';
import { identityFromSeed } from '../crypto/identity.ts';
import { readKeystore, writeKeystore } from '../crypto/keystore.ts';
import { PqError } from '../errors.ts';
import { createSignedRecord } from '../store/signed-record.ts';
import { loadKernels } from '../wasm/load.ts';

/** A genesis document of 128 validators has about 0.5 MB, and an application's first state some more. */
const MAX_GENESIS_BYTES = 64 * 1024 * 1024;

export interface HomePaths {
  readonly config: string;
  readonly genesis: string;
  readonly keystore: string;
  readonly data: string;
  readonly snapshots: string;
  /** The last-signed record. Losing it means that this validator may not sign any more. */
  readonly record: string;
}

export function homePaths(home: string): HomePaths {
  const config = join(home, 'config');
  const data = join(home, 'data');
  return {
    config,
    genesis: join(config, 'genesis.json'),
    keystore: join(config, 'keystore.json'),
    data,
    snapshots: join(data, 'snapshots'),
    record: join(data, 'last-signed'),
  };
}

export interface InitHomeOptions {
  readonly genesis: Genesis;
  /** The master seed, 32 bytes, of a validator in `genesis`, if not {@link joining}. */
  readonly seed: Uint8Array;
  /** The key is that of no validator in `genesis`: an upgrade is to bring it. */
  readonly joining?: boolean;
  /** Absent: no keystore is written; whoever starts the node has the seed (the devnet derives it). */
  readonly password?: string;
}

/**
 * Makes a home: directories (mode 0700), genesis document, keystore, and the first last-signed record. Only here is a first
 * record made: a node that starts without one has lost it. Throws `HOME_EXISTS` when there is a genesis
 * document already, `NODE_NOT_A_VALIDATOR`, and the codes of keystore and record.
 */
export async function initHome(home: string, options: InitHomeOptions): Promise<void> {
  const { genesis, seed, password, joining = false } = options;
  const publicKey = toHex(identityFromSeed(seed).signing.publicKey);
  if (!joining && !genesis.validators.some((validator) => validator.publicKey === publicKey)) {
    throw new PqError('NODE_NOT_A_VALIDATOR', 'The seed belongs to no validator of the genesis document.');
  }
  const paths = homePaths(home);
  await mkdir(paths.config, { recursive: true, mode: 0o700 });
  await mkdir(paths.data, { recursive: true, mode: 0o700 });
  if (password !== undefined) await writeKeystore(paths.keystore, seed, password);
  await writeNew(paths.genesis, `${JSON.stringify(genesis, null, 2)}\n`);
  await createSignedRecord(paths.record, chainIdOf(loadKernels(), genesis));
}

/** The genesis document of a home. Throws `HOME_MISSING`, `GENESIS_JSON`, and the codes of `parseGenesis`. */
export async function readGenesis(home: string): Promise<Genesis> {
  const path = homePaths(home).genesis;
  const bytes = await readFile(path).catch((cause: unknown) => {
    throw new PqError(
      'HOME_MISSING',
      `Cannot read ${path}: name the home of a node that \`pq node\` was started with.`,
      { path },
      cause,
    );
  });
  return parseGenesis(parseJson(bytes, path));
}

/** The master seed in the keystore of a home. Throws the codes of the keystore. */
export function readSeed(home: string, password: string): Promise<Uint8Array> {
  return readKeystore(homePaths(home).keystore, password);
}

function parseJson(bytes: Uint8Array, path: string): unknown {
  if (bytes.length > MAX_GENESIS_BYTES) {
    throw new PqError('GENESIS_JSON', `${path} is larger than ${MAX_GENESIS_BYTES} bytes.`, { path });
  }
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    throw new PqError('GENESIS_JSON', `${path} is not JSON: copy the genesis document again.`, { path }, cause);
  }
}

async function writeNew(path: string, text: string): Promise<void> {
  await writeFile(path, text, { flag: 'wx', mode: 0o600, flush: true }).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code !== 'EEXIST') throw cause;
    throw new PqError(
      'HOME_EXISTS',
      `${path} exists: this home is made already; use another directory.`,
      { path },
      cause,
    );
  });
}
