/** What the benchmark submits, and the network that takes it. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { encodePair, SET_KIND } from '../../src/app/kv.ts';
import { buildTransfer } from '../../src/app/payments-client.ts';
import { accountId } from '../../src/app/payments-format.ts';
import { toHex, utf8 } from '../../src/core/bytes.ts';
import { chainIdOf, DEFAULT_PARAMETERS, type Genesis } from '../../src/core/genesis.ts';
import { encodeProposal } from '../../src/core/proposal.ts';
import { sha3_256 } from '../../src/crypto/bytes.ts';
import { type MlDsaKeyPair, mlDsa } from '../../src/crypto/mldsa.ts';
import { devnetGenesis } from '../../src/node/devnet.ts';
import { loadKernels } from '../../src/wasm/load.ts';

/**
 * `opaque`: 512 random bytes under one of 65 536 keys of `kv`. `payments`: transfers with ML-DSA-65 signatures, which
 * every validator checks. `models`: the same, each judged by an ONNX model of every validator.
 */
export const WORKLOADS = ['opaque', 'payments', 'models'] as const;
export type Workload = (typeof WORKLOADS)[number];

const OPAQUE_BYTES = 512;
const OPAQUE_KEYS = 65_536;
const ACCOUNTS = 256;
const ORIGINS = 1000;
const BALANCE = 1_000_000_000_000;
/** From making a proposal: enough to make and submit all of one load. Less than half of what the network agreed on. */
const EXPIRY_AHEAD_MS = 2 * 60_000;

export function account(index: number): MlDsaKeyPair {
  return mlDsa.keyPair(sha3_256(utf8(`pq/bench/account/${index}`)));
}

/** The devnet's validators with the application of the workload. */
export function genesisOf(workload: Workload, validators: number): Genesis {
  const devnet = devnetGenesis(validators);
  const application: Genesis['application'] =
    workload === 'opaque'
      ? { name: 'kv', state: [] }
      : {
          name: 'payments',
          state: Array.from({ length: ACCOUNTS }, (_, index) => {
            return { publicKey: toHex(account(index).publicKey), balance: BALANCE };
          }),
        };
  const parameters = { ...DEFAULT_PARAMETERS, leadersPerRound: validators, maxExpiryMs: 2 * EXPIRY_AHEAD_MS + 10_000 };
  return { ...devnet, chainName: `pq-bench-${workload}-${validators}`, parameters, application };
}

/** Makes proposals that were never made before, encoded and signed. */
export class ProposalMaker {
  readonly #workload: Workload;
  readonly #chainId: Uint8Array;
  readonly #signers: readonly MlDsaKeyPair[];
  readonly #ids: readonly Uint8Array[];
  readonly #origins: readonly string[];
  #made = 0;

  constructor(workload: Workload, genesis: Genesis) {
    const kernels = loadKernels();
    this.#workload = workload;
    this.#chainId = chainIdOf(kernels, genesis);
    this.#signers = workload === 'opaque' ? [] : Array.from({ length: ACCOUNTS }, (_, index) => account(index));
    this.#ids = this.#signers.map(({ publicKey }) => accountId(kernels, publicKey));
    this.#origins = workload === 'models' ? heldOutOrigins() : ['https://bench.example'];
  }

  async make(count: number): Promise<Uint8Array[]> {
    const expiryMs = Date.now() + EXPIRY_AHEAD_MS;
    const proposals: Uint8Array[] = [];
    for (const end = this.#made + count; this.#made < end; this.#made++) {
      const isOpaque = this.#workload === 'opaque';
      proposals.push(isOpaque ? opaqueProposal(this.#made, expiryMs) : await this.#transfer(this.#made, expiryMs));
    }
    return proposals;
  }

  #transfer(i: number, expiryMs: number): Promise<Uint8Array> {
    const from = i % ACCOUNTS;
    const transfer = {
      nonce: Math.floor(i / ACCOUNTS) + 1,
      to: this.#ids[(from + 1) % ACCOUNTS]!,
      amount: 1,
      fee: 1,
      origin: this.#origins[i % this.#origins.length]!,
    };
    return buildTransfer({ kernels: loadKernels(), chainId: this.#chainId, expiryMs }, this.#signers[from]!, transfer);
  }
}

function opaqueProposal(i: number, expiryMs: number): Uint8Array {
  const value = new Uint8Array(OPAQUE_BYTES - 5);
  // Different bytes for each, without the cost of a generator: an id must never come twice.
  new DataView(value.buffer).setUint32(0, i);
  const key = new Uint8Array(4);
  new DataView(key.buffer).setUint32(0, i % OPAQUE_KEYS);
  return encodeProposal({
    version: 1,
    kind: SET_KIND,
    expiryMs,
    sender: new Uint8Array(0),
    body: encodePair(key, value),
    signature: new Uint8Array(0),
  });
}

/** Labelled origins that no model was trained on, as `npm start` takes them. */
function heldOutOrigins(): string[] {
  const file = join(mkdtempSync(join(tmpdir(), 'pq-bench-')), 'origins.csv');
  const script = fileURLToPath(new URL('../../scripts/origin-records.ts', import.meta.url));
  execFileSync(process.execPath, [script, file, '--records', String(ORIGINS)]);
  const lines = readFileSync(file, 'utf8').trim().split('\n').slice(1);
  rmSync(dirname(file), { recursive: true });
  return lines.map((line) => line.slice(0, line.lastIndexOf(',')));
}
