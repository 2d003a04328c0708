/** A client of the network: submits signed transfers at a pace, through several validators, and follows each to the end. */
import { setTimeout as delay } from 'node:timers/promises';
import { buildTransfer } from '../../src/app/payments-client.ts';
import { accountId } from '../../src/app/payments-format.ts';
import { SAMPLES } from '../../src/cli/records.ts';
import { toHex } from '../../src/core/bytes.ts';
import { identifyProposal } from '../../src/core/proposal.ts';
import { isPqError } from '../../src/errors.ts';
import type { Client } from '../../src/node/client.ts';
import type { Certified } from '../../src/node/client-followed.ts';
import { DEVNET_ACCOUNTS, devnetAccount } from '../../src/node/devnet.ts';
import { loadKernels } from '../../src/wasm/load.ts';
import type { Cluster } from './cluster.ts';
import { until } from './until.ts';

/** Accounts that the load draws from; those below are left to scenarios. */
const FIRST_ACCOUNT = 16;
const ACCOUNTS = DEVNET_ACCOUNTS - FIRST_ACCOUNT;
/** As far ahead as a node takes, but for clocks that differ. */
const EXPIRY_AHEAD_MS = 24_000;
/** The node is full, or did not answer: the same bytes are submitted again after this. */
const RETRY_MS = 200;
const RETRIED = ['RATE_LIMITED', 'MEMPOOL_FULL', 'NODE_BUSY', 'CLIENT_BUSY', 'CLIENT_FULL', 'CLIENT_TIMEOUT'];

/** Open proposals that are told of when they stay open. */
const MAX_DESCRIBED = 5;

const kernels = loadKernels();

/** One proposal and what became of it. Times are of `performance.now()`. */
export interface Tracked {
  readonly id: Uint8Array;
  /** The validator that it was submitted to. */
  readonly through: number;
  readonly submittedMs: number;
  /** The validator owes it a decision. */
  acknowledged: boolean;
  certified: Certified | null;
  /** The code with which it was refused in the end, and when. */
  refused: string | null;
  refusedMs: number | null;
}

export interface Transfer {
  /** Number of an account of the devnet. */
  readonly from: number;
  readonly to: number;
  readonly nonce: number;
  readonly origin: string;
}

/** The signed, encoded proposal. */
export async function transferBytes(cluster: Cluster, { from, to, nonce, origin }: Transfer): Promise<Uint8Array> {
  const { chainId } = cluster.network.committee;
  const payee = accountId(kernels, devnetAccount(to).publicKey);
  const context = { kernels, chainId, expiryMs: Date.now() + EXPIRY_AHEAD_MS };
  return buildTransfer(context, devnetAccount(from), { nonce, to: payee, amount: 1, fee: 1, origin });
}

export interface LoadOptions {
  readonly perSecond: number;
  /** The validators that get proposals, in turn. */
  readonly through: readonly number[];
}

export class Load {
  readonly tracked: Tracked[] = [];
  readonly #cluster: Cluster;
  readonly #options: LoadOptions;
  readonly #clients = new Map<number, Client>();
  #running = false;
  #loop: Promise<void> = Promise.resolve();
  #submitted = 0;

  private constructor(cluster: Cluster, options: LoadOptions) {
    this.#cluster = cluster;
    this.#options = options;
  }

  /** Begins, once there is a session with every validator that gets proposals. */
  static async begin(cluster: Cluster, options: LoadOptions): Promise<Load> {
    const load = new Load(cluster, options);
    for (const index of options.through) await load.#client(index);
    load.#running = true;
    load.#loop = load.#submitAll();
    return load;
  }

  /** Proposals that have neither a certified decision nor a refusal yet. */
  get open(): readonly Tracked[] {
    return this.tracked.filter(({ certified, refused }) => certified === null && refused === null);
  }

  /** Proposals that are decided for good. */
  get certified(): readonly Tracked[] {
    return this.tracked.filter(({ certified }) => certified !== null);
  }

  /** The longest time in which nothing was certified, from the first certified proposal to the last. Milliseconds. */
  get longestStallMs(): number {
    const times = this.tracked.flatMap(({ certified }) => (certified === null ? [] : [certified.certifiedMs]));
    times.sort((a, b) => a - b);
    return times.reduce((longest, time, i) => Math.max(longest, time - (times[i - 1] ?? time)), 0);
  }

  /** Submits one more proposal, outside of the pace. */
  async submit(through: number, bytes: Uint8Array): Promise<Tracked> {
    const { id } = identifyProposal(kernels, bytes);
    const tracked: Tracked = {
      id,
      through,
      submittedMs: performance.now(),
      acknowledged: false,
      certified: null,
      refused: null,
      refusedMs: null,
    };
    this.tracked.push(tracked);
    void this.#follow(await this.#client(through), bytes, tracked);
    return tracked;
  }

  /** Resolves with the first proposal, submitted from now on to one of `through`, that is certified. */
  async goesOn(through: readonly number[]): Promise<Tracked> {
    const from = this.tracked.length;
    const isNew = (one: Tracked): boolean => one.certified !== null && through.includes(one.through);
    await this.#cluster.until('a proposal submitted since then is certified', () =>
      this.tracked.slice(from).some(isNew),
    );
    return this.tracked.slice(from).find(isNew)!;
  }

  /** Submits nothing more; resolves when every proposal has a certified decision or was refused. */
  async end(): Promise<void> {
    this.#running = false;
    await this.#loop;
    const what = `a decision on all of ${this.tracked.length} proposals`;
    await until(
      what,
      () => this.open.length === 0,
      () => this.#describeOpen(),
    );
  }

  /** What the validators know of proposals that nothing was heard of, besides where they stand. */
  async #describeOpen(): Promise<string> {
    const lines = this.open.slice(0, MAX_DESCRIBED).map(async ({ id, through, acknowledged, submittedMs }) => {
      const answers = await Promise.all(this.#cluster.all.map((index) => this.#cluster.decision(index, id)));
      const states = answers.map((answer) => (answer === null ? 'no answer' : answer.state)).join(', ');
      const since = ((performance.now() - submittedMs) / 1000).toFixed(1);
      return `  ${toHex(id)} submitted to node ${through + 1} ${since} s ago${acknowledged ? ', acknowledged' : ''}: ${states}`;
    });
    return `${this.open.length} are open\n${(await Promise.all(lines)).join('\n')}\n${await this.#cluster.describe()}`;
  }

  async close(): Promise<void> {
    this.#running = false;
    await this.#loop;
    await Promise.all([...this.#clients.values()].map((client) => client.close()));
  }

  async #submitAll(): Promise<void> {
    const beginMs = performance.now();
    const { perSecond, through } = this.#options;
    for (let i = 0; this.#running; i++) {
      await delay(Math.max(0, beginMs + (1000 * i) / perSecond - performance.now()));
      const transfer = this.#next();
      await this.submit(through[i % through.length]!, await transferBytes(this.#cluster, transfer));
    }
  }

  /** Nonces without a gap: an account's window of nonces is far wider than what can be under way. */
  #next(): Transfer {
    const count = this.#submitted++;
    const from = FIRST_ACCOUNT + (count % ACCOUNTS);
    const nonce = 1 + Math.floor(count / ACCOUNTS);
    return { from, to: FIRST_ACCOUNT, nonce, origin: SAMPLES[count % SAMPLES.length]!.origin };
  }

  async #client(index: number): Promise<Client> {
    const known = this.#clients.get(index) ?? (await this.#cluster.connect(index));
    this.#clients.set(index, known);
    return known;
  }

  async #follow(client: Client, bytes: Uint8Array, tracked: Tracked): Promise<void> {
    for (;;) {
      try {
        const [followed] = client.submit([bytes]);
        await followed!.acknowledged;
        tracked.acknowledged = true;
        tracked.certified = await followed!.certified;
        return;
      } catch (error) {
        if (!isPqError(error)) throw error;
        if (!RETRIED.includes(error.code)) {
          tracked.refused = error.code;
          tracked.refusedMs = performance.now();
          return;
        }
        await delay(RETRY_MS);
      }
    }
  }
}
