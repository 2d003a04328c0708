import { fromHex, toHex, utf8 } from '../core/bytes.ts';
import { PUBLIC_KEY_BYTES } from '../core/limits.ts';
import type { IdentifiedProposal, Proposal, ProposalKeys } from '../core/types.ts';
import { kernelCheck, verify, verifySync } from '../crypto/verify.ts';
import { PqError } from '../errors.ts';
import type { Kernels } from '../wasm/kernels.ts';
import {
  type Application,
  type ApplicationInfo,
  type ApplicationParts,
  type BlockToFinalize,
  type CheckResult,
  type FinalizedBlock,
  type ProposalDescription,
  type QueryAnswer,
  RECEIPT,
  type ReceiptCode,
} from './application.ts';
import { Ledger } from './ledger.ts';
import {
  ACCOUNT_ID_BYTES,
  conflictKey,
  type Payment,
  REGISTER_CONTEXT,
  REGISTER_KIND,
  readPayment,
  signingDigest,
  TRANSFER_CONTEXT,
} from './payments-format.ts';
import { Progress } from './progress.ts';
import type { StateSnapshot } from './state-view.ts';
import { VerifiedCache } from './verified-cache.ts';

const NOTHING = new Uint8Array(0);
/** Accounts whose key stays expanded: 10 MB at most. One that is not held is still checked faster than by OpenSSL. */
const MAX_EXPANDED_KEYS = 256;

/** One account of genesis. */
export interface GenesisAccount {
  /** ML-DSA-65, hex of 1952 bytes. */
  readonly publicKey: string;
  /** Safe integer ≥ 0; so is the sum over all accounts. */
  readonly balance: number;
}

/**
 * Accounts with one ML-DSA-65 key each, and transfers between them. Genesis state: an array of {@link GenesisAccount}.
 * Queries: `/account` (data: 32 bytes id; answer: JSON), `/supply` (JSON), `/proof` (id; leaf position and Merkle path, JSON).
 */
export class Payments implements Application {
  readonly name = 'payments';
  readonly #kernels: Kernels;
  readonly #chainId: Uint8Array;
  readonly #verified = new VerifiedCache();
  readonly #kernelCheck: ReturnType<typeof kernelCheck>;
  #ledger: Ledger;
  #progress: Progress;

  constructor({ kernels, chainId }: ApplicationParts) {
    this.#kernels = kernels;
    this.#chainId = chainId;
    this.#kernelCheck = kernelCheck(kernels, MAX_EXPANDED_KEYS);
    this.#ledger = new Ledger(kernels);
    this.#progress = new Progress(this.#ledger.root());
  }

  get checksAtOnce(): boolean {
    return this.#kernelCheck !== undefined;
  }

  info(): ApplicationInfo {
    return { name: this.name, version: 1, ...this.#progress.committed };
  }

  initChain(appState: unknown): Uint8Array {
    if (this.#ledger.size > 1 || this.#progress.executedIndex > 0) {
      throw new PqError('APP_INITIALISED', 'This application has a state already: start with a fresh one');
    }
    const ledger = new Ledger(this.#kernels);
    let supply = 0;
    for (const [i, { publicKey, balance }] of parseGenesis(appState).entries()) {
      supply += balance;
      if (!Number.isSafeInteger(supply)) refuseState(`[${i}].balance`, 'balances whose sum is below 2^53');
      if (ledger.register(fromHex(publicKey), balance) !== RECEIPT.OK)
        refuseState(`[${i}].publicKey`, 'a key of its own');
    }
    this.#ledger = ledger;
    this.#progress = new Progress(ledger.root());
    return this.#progress.committed.stateRoot;
  }

  readonly keys = (proposal: Proposal): ProposalKeys => {
    const payment = readPayment(this.#kernels, proposal);
    return payment ? { wellFormed: true, keys: [conflictKey(this.#kernels, payment)] } : { wellFormed: false };
  };

  checkTx(identified: IdentifiedProposal): CheckResult | Promise<CheckResult> {
    const payment = readPayment(this.#kernels, identified.proposal);
    if (!payment) {
      return { ok: false, code: 'MALFORMED', message: 'This is neither a registration nor a transfer: build it again' };
    }
    const key = this.#keyOf(payment);
    if (!key) return { ok: true, unknown: true };
    if (this.#verified.has(identified.id)) return { ok: true };
    const signed = this.#signed(identified.proposal);
    if (this.#kernelCheck !== undefined) return this.#judged(identified, this.#kernelCheck(key, ...signed));
    return verify(key, ...signed).then((valid) => this.#judged(identified, valid));
  }

  #judged({ id }: IdentifiedProposal, valid: boolean): CheckResult {
    if (valid) {
      this.#verified.add(id);
      return { ok: true };
    }
    return { ok: false, code: 'BAD_SIGNATURE', message: 'The account did not sign this on this chain: sign it again' };
  }

  finalizeBlock({ index, approved }: BlockToFinalize): FinalizedBlock {
    this.#progress.begin(index);
    const receipts = approved.map((each) => this.#execute(each));
    const stateRoot = this.#ledger.root();
    this.#progress.executed(index, stateRoot);
    return { receipts, stateRoot };
  }

  commit(): void {
    this.#progress.commit();
  }

  query(path: string, data: Uint8Array): QueryAnswer {
    if (path === '/supply') return json({ supply: this.#supply(), accounts: this.#ledger.size - 1 });
    if (path !== '/account' && path !== '/proof') {
      throw new PqError('APP_QUERY_UNKNOWN', 'Known paths are /account, /proof and /supply', { path });
    }
    const account = data.length === ACCOUNT_ID_BYTES ? this.#ledger.account(data) : undefined;
    if (!account) return { found: false, value: NOTHING };
    if (path === '/proof') return json(this.#ledger.proof(data));
    const { id, balance, nonces, publicKey } = account;
    return json({
      id: toHex(id),
      balance,
      nextNonce: nonces.next(),
      lowestNonce: nonces.low,
      publicKey: toHex(publicKey),
    });
  }

  describe(proposal: Proposal): ProposalDescription {
    const payment = readPayment(this.#kernels, proposal);
    if (!payment || payment.kind === REGISTER_KIND) return { kind: 'other', body: proposal.body };
    const { to, amount, fee, origin, nonce } = payment.transfer;
    const [from, amounts] = [toHex(payment.account), { amount: BigInt(amount), fee: BigInt(fee) }];
    return { kind: 'transaction', from, to: toHex(to), ...amounts, origin, nonce };
  }

  /** The accounts, to read. */
  ledger(): Pick<Ledger, 'account' | 'accounts' | 'size'> {
    return this.#ledger;
  }

  snapshot(): StateSnapshot {
    return this.#ledger.snapshot((accounts, state) => this.#progress.head(this.name, this.#chainId, accounts, state));
  }

  restore(snapshot: Iterable<Uint8Array>, expected?: Pick<ApplicationInfo, 'lastIndex' | 'stateRoot'>): void {
    const pieces = snapshot[Symbol.iterator]();
    const head = Progress.open(this.name, this.#chainId, pieces);
    const ledger = Ledger.restore(this.#kernels, head, pieces);
    const progress = new Progress(ledger.root(), head.index);
    progress.require(expected);
    this.#ledger = ledger;
    this.#progress = progress;
  }

  #execute({ id, proposal }: IdentifiedProposal): ReceiptCode {
    const payment = readPayment(this.#kernels, proposal);
    if (!payment) return RECEIPT.MALFORMED;
    const isRegistration = payment.kind === REGISTER_KIND;
    if (isRegistration && this.#ledger.account(payment.account)) return RECEIPT.ALREADY_REGISTERED;
    const problem = isRegistration ? RECEIPT.OK : this.#ledger.checkTransfer(payment.account, payment.transfer);
    if (problem !== RECEIPT.OK) return problem;
    // The dearest check last. Here again, because the account may have been registered after the vote.
    const key = this.#keyOf(payment)!;
    if (!this.#verified.has(id) && !(this.#kernelCheck ?? verifySync)(key, ...this.#signed(proposal)))
      return RECEIPT.BAD_SIGNATURE;
    if (isRegistration) return this.#ledger.register(payment.publicKey);
    this.#ledger.transfer(payment.account, payment.transfer);
    return RECEIPT.OK;
  }

  /** The key that must have signed; `undefined` when the account is unknown. */
  #keyOf(payment: Payment): Uint8Array | undefined {
    if (payment.kind === REGISTER_KIND) return payment.publicKey;
    const key = this.#ledger.account(payment.account)?.publicKey;
    return key && key.length > 0 ? key : undefined;
  }

  /** Message, context and signature, as the verifiers take them. */
  #signed(proposal: Proposal): [message: Uint8Array, context: string, signature: Uint8Array] {
    const context = proposal.kind === REGISTER_KIND ? REGISTER_CONTEXT : TRANSFER_CONTEXT;
    return [signingDigest(this.#kernels, this.#chainId, proposal), context, proposal.signature];
  }

  #supply(): number {
    return this.#ledger.accounts().reduce((sum, account) => sum + account.balance, 0);
  }
}

function json(value: unknown): QueryAnswer {
  return { found: true, value: utf8(JSON.stringify(value)) };
}

function parseGenesis(appState: unknown): readonly GenesisAccount[] {
  if (!Array.isArray(appState)) return refuseState('', 'an array of accounts');
  for (const [i, entry] of (appState as unknown[]).entries()) {
    if (typeof entry !== 'object' || entry === null) refuseState(`[${i}]`, 'an object');
    const { publicKey, balance, ...rest } = entry as Partial<GenesisAccount>;
    const isKey =
      typeof publicKey === 'string' && /^[0-9a-f]*$/.test(publicKey) && publicKey.length === 2 * PUBLIC_KEY_BYTES;
    if (!isKey) refuseState(`[${i}].publicKey`, `lower-case hex of ${PUBLIC_KEY_BYTES} bytes`);
    if (!Number.isSafeInteger(balance) || balance! < 0) refuseState(`[${i}].balance`, 'a safe integer of at least 0');
    const unknown = Object.keys(rest)[0];
    if (unknown !== undefined) refuseState(`[${i}].${unknown}`, 'publicKey and balance only');
  }
  return appState as GenesisAccount[];
}

function refuseState(path: string, expected: string): never {
  throw new PqError('APP_STATE_INVALID', `application.state${path} must be ${expected}`, { path, expected });
}
