/** Records as signed transfers between the accounts of the development network. */
import { randomInt } from 'node:crypto';
import { buildTransfer } from '../app/payments-client.ts';
import { accountId } from '../app/payments-format.ts';
import { DEVNET_ACCOUNTS, devnetAccount } from '../node/devnet.ts';
import { loadKernels } from '../wasm/load.ts';
import { UsageError } from './exit.ts';
import type { Network } from './network.ts';
import type { PaymentRecord } from './records.ts';

/** Accounts that one client draws from when a record names none: clients at the same time rarely meet. */
const OWN_ACCOUNTS = 16;
/**
 * One nonce for so many milliseconds. An account takes nonces inside a window of 1 024, so the newest transfer of an account may
 * overtake others by four seconds, from this client or another one.
 */
const NONCE_SLOT_MS = 4;
const DEFAULT_AMOUNT = 100;
const FEE = 1;
/** A node takes half of the agreed largest expiry ahead of its own clock; this much less leaves room for clocks that differ. */
const CLOCK_MARGIN_MS = 2000;

export class TransferDesk {
  readonly #network: Network;
  readonly #kernels = loadKernels();
  readonly #signers = new Map<number, ReturnType<typeof devnetAccount>>();
  readonly #nonces = new Map<number, number>();
  readonly #firstAccount = randomInt(DEVNET_ACCOUNTS / OWN_ACCOUNTS) * OWN_ACCOUNTS;
  #drawn = 0;

  /** Throws `CLIENT_APPLICATION` for a network that does not run payments. */
  constructor(network: Network) {
    const { name } = network.genesis.application;
    if (name !== 'payments')
      throw new UsageError('CLIENT_APPLICATION', `This network runs ${name}; the client submits payments.`, { name });
    this.#network = network;
  }

  /** Throws `RECORD_ACCOUNT` for the first record that names an account that there is not. */
  requireAccounts(records: readonly PaymentRecord[]): void {
    for (const { line, from, to } of records) {
      for (const account of [from, to]) {
        if (account === undefined || account < DEVNET_ACCOUNTS) continue;
        const what = `There is no account ${account} (line ${line}): they are numbered 0 to ${DEVNET_ACCOUNTS - 1}. Nothing was submitted.`;
        throw new UsageError('RECORD_ACCOUNT', what, { line, account });
      }
    }
  }

  /** The signed, encoded transfer of a record. */
  async build(record: PaymentRecord): Promise<Uint8Array> {
    const from = record.from ?? this.#firstAccount + (this.#drawn++ % OWN_ACCOUNTS);
    const to = record.to ?? (from + 1) % DEVNET_ACCOUNTS;
    const { committee } = this.#network;
    const expiryMs = Date.now() + Math.floor(committee.parameters.maxExpiryMs / 2) - CLOCK_MARGIN_MS;
    const transfer = {
      nonce: this.#nonce(from),
      to: accountId(this.#kernels, this.#signer(to).publicKey),
      amount: record.amount ?? DEFAULT_AMOUNT,
      fee: FEE,
      origin: record.origin,
    };
    return buildTransfer(
      { kernels: this.#kernels, chainId: committee.chainId, expiryMs },
      this.#signer(from),
      transfer,
    );
  }

  #nonce(account: number): number {
    const nonce = Math.max((this.#nonces.get(account) ?? 0) + 1, Math.floor(Date.now() / NONCE_SLOT_MS));
    this.#nonces.set(account, nonce);
    return nonce;
  }

  #signer(account: number): ReturnType<typeof devnetAccount> {
    const known = this.#signers.get(account) ?? devnetAccount(account);
    this.#signers.set(account, known);
    return known;
  }
}
