/** What everybody in one simulated run shares: time, chance, the committee, and what is counted. */

import type { AccountSigner } from '../app/payments-client.ts';
import { toHex, utf8 } from '../core/bytes.ts';
import { type Committee, committeeOf } from '../core/committee.ts';
import { DEFAULT_PARAMETERS, type Genesis, parseGenesis } from '../core/genesis.ts';
import type { Keys } from '../core/members.ts';
import type { ReadBlock } from '../core/options.ts';
import type { Kernels } from '../wasm/kernels.ts';
import { VirtualClock } from './clock.ts';
import { SeededRandom } from './random.ts';
import type { Settings } from './settings.ts';
import { sharedBlocks } from './shared-blocks.ts';
import { cheapSigner, publicKeyOf, withCheapSignatures } from './signatures.ts';

/** When runs begin. Milliseconds since 1970. */
export const START_MS = 1_700_000_000_000;
const ACCOUNTS = 8;
const BALANCE = 1_000_000;
/** Values below this are not worth sharing between disks. */
const SHARED_BYTES_MIN = 256;

/** Everything that a run counts. */
export interface Counters {
  messages: number;
  bytes: number;
  verifications: number;
  blocks: number;
  signatures: number;
  lost: number;
  duplicated: number;
  reordered: number;
  partitions: number;
  outages: number;
  crashes: number;
  powerCuts: number;
  restarts: number;
  freezes: number;
  diskFailures: number;
  framesLost: number;
  tornWrites: number;
  lateOpinions: number;
  failedOpinions: number;
  twisted: number;
  junk: number;
  /** What honest validators saw of the others. */
  equivocations: number;
  refused: number;
  /** Ranges of commits that nodes far behind took over. */
  synced: number;
  /** Starts from a snapshot; removals of old history; answers that something was removed. */
  snapshotStarts: number;
  prunings: number;
  pruned: number;
  /** Newcomers that signed something. */
  newcomers: number;
  /** Epochs that ended. */
  epochs: number;
}
export type CounterName = keyof Counters;

function zeroCounters(): Counters {
  return {
    messages: 0,
    bytes: 0,
    verifications: 0,
    blocks: 0,
    signatures: 0,
    lost: 0,
    duplicated: 0,
    reordered: 0,
    partitions: 0,
    outages: 0,
    crashes: 0,
    powerCuts: 0,
    restarts: 0,
    freezes: 0,
    diskFailures: 0,
    framesLost: 0,
    tornWrites: 0,
    lateOpinions: 0,
    failedOpinions: 0,
    twisted: 0,
    junk: 0,
    equivocations: 0,
    refused: 0,
    synced: 0,
    snapshotStarts: 0,
    prunings: 0,
    pruned: 0,
    newcomers: 0,
    epochs: 0,
  };
}

export class SimWorld {
  readonly clock = new VirtualClock(START_MS);
  readonly settings: Settings;
  readonly kernels: Kernels;
  readonly readBlock: ReadBlock;
  readonly genesis: Genesis;
  readonly committee: Committee;
  readonly accounts: readonly AccountSigner[];
  /** Keys of every process: the validators of genesis, and behind them the newcomers. */
  readonly seats: readonly Keys[];
  readonly counters: Counters = zeroCounters();
  /** One generator per source of chance: what one of them draws does not move the others. */
  readonly streams: Readonly<Record<'network' | 'disk' | 'faults' | 'clients' | 'models' | 'byzantine', SeededRandom>>;
  /** Told what happens, for whoever wants to read along. */
  readonly note: (what: string) => void;
  readonly #shared = new Map<string, Uint8Array>();

  constructor(kernels: Kernels, seed: number, settings: Settings, note: (line: string) => void = () => undefined) {
    const chance = new SeededRandom(seed);
    this.settings = settings;
    this.kernels = withCheapSignatures(kernels, () => {
      this.counters.verifications += 1;
    });
    this.readBlock = sharedBlocks(this.kernels);
    this.streams = {
      network: chance.fork('network'),
      disk: chance.fork('disk'),
      faults: chance.fork('faults'),
      clients: chance.fork('clients'),
      models: chance.fork('models'),
      byzantine: chance.fork('byzantine'),
    };
    this.note = (what) => note(`${this.elapsedMs.toFixed(1).padStart(9)} ms  ${what}`);
    this.accounts = Array.from({ length: ACCOUNTS }, (_, i) =>
      cheapSigner(kernels, publicKeyOf(kernels, `account ${i}`)),
    );
    this.seats = Array.from({ length: settings.validators + settings.newcomers }, (_, i) => seatKeys(kernels, i));
    this.genesis = this.#makeGenesis(seed);
    this.committee = committeeOf(kernels, this.genesis);
  }

  /** Since the start of the run. */
  get elapsedMs(): number {
    return this.clock.nowMs - START_MS;
  }
  /** True while faults happen. */
  get isHostile(): boolean {
    return this.elapsedMs < this.settings.hostileMs;
  }

  /** One copy of what many disks hold: a hundred validators store the same blocks. */
  shared(name: string, value: Uint8Array): Uint8Array {
    if (value.length < SHARED_BYTES_MIN) return value;
    const known = this.#shared.get(name);
    if (known && Buffer.compare(known, value) === 0) return known;
    this.#shared.set(name, value);
    return value;
  }

  #makeGenesis(seed: number): Genesis {
    const { settings } = this;
    return parseGenesis({
      version: 1,
      chainName: `simulated ${seed}`,
      timeMs: START_MS,
      validators: Array.from({ length: settings.validators }, (_, i) => ({
        name: `v${i}`,
        stake: settings.stakes?.[i] ?? 1,
        publicKey: toHex(this.seats[i]!.publicKey),
        ed25519Key: toHex(this.seats[i]!.ed25519Key),
        gateKey: toHex(this.seats[i]!.gateKey),
      })),
      parameters: {
        ...DEFAULT_PARAMETERS,
        leadersPerRound: settings.leadersPerRound,
        requiredVotesPerMille: settings.requiredVotesPerMille,
      },
      application: {
        name: 'payments',
        state: this.accounts.map(({ publicKey }) => ({ publicKey: toHex(publicKey), balance: BALANCE })),
      },
    });
  }
}

function seatKeys(kernels: Kernels, index: number): Keys {
  return {
    publicKey: publicKeyOf(kernels, `validator ${index}`),
    ed25519Key: kernels.sha3_256(utf8(`ed25519 ${index}`)),
    gateKey: kernels.sha3_256(utf8(`gate ${index}`)),
  };
}
