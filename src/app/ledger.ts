import { digestKey } from '../core/block.ts';
import { toHex } from '../core/bytes.ts';
import { PUBLIC_KEY_BYTES } from '../core/limits.ts';
import type { Kernels } from '../wasm/kernels.ts';
import { RECEIPT, type ReceiptCode } from './application.ts';
import { MerkleTree } from './merkle-tree.ts';
import { NONCE_BITMAP_BYTES, NonceWindow } from './nonce-window.ts';
import { ACCOUNT_ID_BYTES, accountId, type Transfer } from './payments-format.ts';
import type { SnapshotHead } from './progress.ts';
import { refuseSnapshot } from './snapshot-error.ts';
import { type StateSnapshot, StateView, StateViews } from './state-view.ts';

/**
 * The account that fees go to. No key hashes to this id, so nobody can ever spend from it: fees are burned, in plain
 * sight, and the sum of all balances never changes.
 */
export const FEE_ACCOUNT_ID = new Uint8Array(ACCOUNT_ID_BYTES);
/** Accounts that there can be: registering is free, so something must bound it. */
export const MAX_ACCOUNTS = 1_000_000;
/** id ‖ balance u64 ‖ lowest nonce u64 ‖ used nonces. */
const LEAF_BYTES = ACCOUNT_ID_BYTES + 16 + NONCE_BITMAP_BYTES;
const RECORD_BYTES = PUBLIC_KEY_BYTES + 16 + NONCE_BITMAP_BYTES;

export interface Account {
  readonly id: Uint8Array;
  /** ML-DSA-65; empty for the fee account. */
  readonly publicKey: Uint8Array;
  /** Safe integer ≥ 0. */
  readonly balance: number;
  readonly nonces: NonceWindow;
}

interface Entry extends Account {
  readonly position: number;
  balance: number;
}

/** Accounts in the order of their registration, and the Merkle tree over them. Account 0 is the fee account. */
export class Ledger {
  readonly #kernels: Kernels;
  readonly #accounts: Entry[] = [];
  readonly #byId = new Map<string, Entry>();
  readonly #tree: MerkleTree;
  readonly #views = new StateViews<Entry>();
  /** Accounts whose leaf is not in the tree yet. */
  readonly #changed = new Set<Entry>();

  constructor(kernels: Kernels) {
    this.#kernels = kernels;
    this.#tree = new MerkleTree(kernels);
    this.#add(FEE_ACCOUNT_ID, new Uint8Array(0), 0, new NonceWindow());
  }

  /** Accounts, the fee account included. */
  get size(): number {
    return this.#accounts.length;
  }

  account(id: Uint8Array): Account | undefined {
    return this.#byId.get(digestKey(id));
  }

  /** Every account in the order of registration. */
  accounts(): readonly Account[] {
    return this.#accounts;
  }

  /** Opens an account with a balance. The caller has checked the key, and that the sum of balances stays a safe integer. */
  register(publicKey: Uint8Array, balance = 0): ReceiptCode {
    const id = accountId(this.#kernels, publicKey);
    if (this.account(id)) return RECEIPT.ALREADY_REGISTERED;
    if (this.size >= MAX_ACCOUNTS) return RECEIPT.STATE_FULL;
    this.#add(id, Uint8Array.from(publicKey), balance, new NonceWindow());
    return RECEIPT.OK;
  }

  /** What keeps a transfer from being executed, apart from its signature. Changes nothing. */
  checkTransfer(from: Uint8Array, transfer: Transfer): ReceiptCode {
    const sender = this.#byId.get(digestKey(from));
    if (!sender || sender.publicKey.length === 0) return RECEIPT.UNKNOWN_ACCOUNT;
    const nonce = sender.nonces.check(transfer.nonce);
    if (nonce !== 'OK') return RECEIPT[nonce];
    const recipient = this.#byId.get(digestKey(transfer.to));
    if (!recipient || recipient.publicKey.length === 0) return RECEIPT.UNKNOWN_RECIPIENT;
    return sender.balance < transfer.amount + transfer.fee ? RECEIPT.INSUFFICIENT_BALANCE : RECEIPT.OK;
  }

  /** Executes a transfer that {@link checkTransfer} and its signature allow; one that fails changes nothing at all. */
  transfer(from: Uint8Array, { nonce, to, amount, fee }: Transfer): void {
    const [sender, recipient, fees] = [
      this.#byId.get(digestKey(from))!,
      this.#byId.get(digestKey(to))!,
      this.#accounts[0]!,
    ];
    // A view has no place for the fee account: its balance is in the head.
    for (const each of [sender, recipient]) this.#views.keep(each.position - 1, each);
    sender.balance -= amount + fee;
    recipient.balance += amount;
    fees.balance += fee;
    sender.nonces.use(nonce);
    for (const changed of [sender, recipient, fees]) this.#changed.add(changed);
  }

  /** Merkle root over the accounts. */
  root(): Uint8Array {
    for (const account of this.#changed) this.#tree.set(account.position, leafOf(account));
    this.#changed.clear();
    return this.#tree.root();
  }

  /** What proves an account's leaf against the root: position, number of leaves, and siblings upwards, in hex. */
  proof(id: Uint8Array): { position: number; count: number; leaf: string; path: string[] } | undefined {
    const entry = this.#byId.get(digestKey(id));
    if (!entry) return undefined;
    this.root();
    const path = this.#tree.path(entry.position).map(toHex);
    return { position: entry.position, count: this.#tree.size, leaf: toHex(leafOf(entry)), path };
  }

  /** The whole ledger as it is now: the balance of the fee account in `head`, then the records of the others. */
  snapshot(head: (accounts: number, state: Uint8Array) => Uint8Array): StateSnapshot {
    const accounts = this.#accounts.values();
    accounts.next();
    const state = new Uint8Array(8);
    writeU64(state, 0, this.#accounts[0]!.balance);
    const others = this.size - 1;
    return this.#views.open(head(others, state), new StateView(accounts, others, encodeRecord));
  }

  /** The ledger that {@link snapshot} gave: `state` of its head, and the other pieces. Throws `APP_SNAPSHOT_INVALID`. */
  static restore(kernels: Kernels, { elements, state }: SnapshotHead, pieces: Iterator<Uint8Array>): Ledger {
    if (state.length !== 8) refuseSnapshot('length');
    const ledger = new Ledger(kernels);
    ledger.#accounts[0]!.balance = readU64(state, 0);
    for (let piece = pieces.next(); !piece.done; piece = pieces.next()) {
      if (piece.value.length % RECORD_BYTES !== 0) refuseSnapshot('length');
      for (let at = 0; at < piece.value.length; at += RECORD_BYTES) ledger.#addRecord(piece.value, at);
      ledger.root(); // Piece by piece: else all leaves are kept until the end.
    }
    const supply = ledger.#accounts.reduce((sum, { balance }) => sum + balance, 0);
    if (ledger.size - 1 !== elements || !Number.isSafeInteger(supply)) refuseSnapshot('accounts');
    return ledger;
  }

  #addRecord(bytes: Uint8Array, at: number): void {
    const publicKey = bytes.slice(at, at + PUBLIC_KEY_BYTES);
    const id = accountId(this.#kernels, publicKey);
    if (this.account(id)) refuseSnapshot('accounts');
    const low = readU64(bytes, at + PUBLIC_KEY_BYTES + 8);
    const nonces = new NonceWindow(low, bytes.slice(at + PUBLIC_KEY_BYTES + 16, at + RECORD_BYTES));
    this.#add(id, publicKey, readU64(bytes, at + PUBLIC_KEY_BYTES), nonces);
  }

  #add(id: Uint8Array, publicKey: Uint8Array, balance: number, nonces: NonceWindow): void {
    const entry: Entry = { id, publicKey, balance, nonces, position: this.#accounts.length };
    this.#accounts.push(entry);
    this.#byId.set(digestKey(id), entry);
    this.#changed.add(entry);
  }
}

/** Public key ‖ what its leaf has after the id. */
function encodeRecord(account: Account): Uint8Array {
  const record = new Uint8Array(RECORD_BYTES);
  record.set(account.publicKey);
  record.set(leafOf(account).subarray(ACCOUNT_ID_BYTES), PUBLIC_KEY_BYTES);
  return record;
}

/** Leaf of the state tree. The id stands for the key, whose hash it is. */
function leafOf({ id, balance, nonces }: Account): Uint8Array {
  const leaf = new Uint8Array(LEAF_BYTES);
  leaf.set(id);
  writeU64(leaf, ACCOUNT_ID_BYTES, balance);
  writeU64(leaf, ACCOUNT_ID_BYTES + 8, nonces.low);
  leaf.set(nonces.bits, ACCOUNT_ID_BYTES + 16);
  return leaf;
}

function writeU64(bytes: Uint8Array, at: number, value: number): void {
  new DataView(bytes.buffer, bytes.byteOffset).setBigUint64(at, BigInt(value), true);
}

function readU64(bytes: Uint8Array, at: number): number {
  const value = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(at, true));
  return Number.isSafeInteger(value) ? value : refuseSnapshot('number');
}
