import { utf8 } from '../core/bytes.ts';
import { PUBLIC_KEY_BYTES, SIGNATURE_BYTES } from '../core/limits.ts';
import { SszReader, SszWriter } from '../core/ssz.ts';
import type { Proposal } from '../core/types.ts';
import { isPqError } from '../errors.ts';
import type { Kernels } from '../wasm/kernels.ts';
import { PROPOSAL_VERSION } from './application.ts';

/** Kinds of proposals of `payments`. */
export const REGISTER_KIND = 1;
export const TRANSFER_KIND = 2;
export const ACCOUNT_ID_BYTES = 32;
/** The longest host name of DNS. */
export const MAX_ORIGIN_BYTES = 253;
/** Contexts (FIPS 204, algorithm 2) of the two signatures. */
export const REGISTER_CONTEXT = 'photon-quasar/register/1';
export const TRANSFER_CONTEXT = 'photon-quasar/transfer/1';

/** nonce u64, to 32, amount u64, fee u64, offset of origin. */
const TRANSFER_FIXED_BYTES = 60;
const SIGNING_HEAD_BYTES = 11;
const ACCOUNT_PREFIX = utf8('pq/account/1');
const NONCE_PREFIX = utf8('pq/nonce/1');
const REGISTER_KEY_PREFIX = utf8('pq/register/1');
const SIGNING_PREFIX = { [REGISTER_KIND]: utf8('pq/registration/1'), [TRANSFER_KIND]: utf8('pq/transfer/1') } as const;
const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Body of a transfer; SSZ container {nonce u64, to bytes32, amount u64, fee u64, origin List[byte, 253]}. */
export interface Transfer {
  /** A number that this account has not used; see `nonce-window.ts`. */
  readonly nonce: number;
  /** Account id. */
  readonly to: Uint8Array;
  /** In the smallest unit. With the fee a safe integer. */
  readonly amount: number;
  readonly fee: number;
  /** The web origin that asked for it; well-formed UTF-8, empty if none. */
  readonly origin: string;
}

/** A proposal that `payments` understands. The sender of both is an account id. */
export type Payment =
  | { readonly kind: typeof REGISTER_KIND; readonly account: Uint8Array; readonly publicKey: Uint8Array }
  | { readonly kind: typeof TRANSFER_KIND; readonly account: Uint8Array; readonly transfer: Transfer };

/** Id of the account of a public key: SHA3-256("pq/account/1" ‖ key). */
export function accountId(kernels: Kernels, publicKey: Uint8Array): Uint8Array {
  return kernels.sha3_256(ACCOUNT_PREFIX, publicKey);
}

/** Throws `SSZ_NUMBER`, `SSZ_LENGTH`. */
export function encodeTransfer({ nonce, to, amount, fee, origin }: Transfer): Uint8Array {
  const writer = new SszWriter(TRANSFER_FIXED_BYTES).u64(nonce).vector(to, ACCOUNT_ID_BYTES).u64(amount).u64(fee);
  return writer.variable(utf8(origin)).finish();
}

/** What a proposal says, or `undefined` when it is not a well-formed one. Pure; never throws. */
export function readPayment(kernels: Kernels, proposal: Proposal): Payment | undefined {
  const { version, kind, sender, body, signature } = proposal;
  if (version !== PROPOSAL_VERSION || sender.length !== ACCOUNT_ID_BYTES) return undefined;
  if (signature.length !== SIGNATURE_BYTES) return undefined;
  if (kind === TRANSFER_KIND) {
    const transfer = decodeTransfer(body);
    return transfer && { kind, account: sender, transfer };
  }
  if (kind !== REGISTER_KIND || body.length !== PUBLIC_KEY_BYTES) return undefined;
  const own = accountId(kernels, body);
  return own.every((byte, at) => byte === sender[at]) ? { kind, account: sender, publicKey: body } : undefined;
}

function decodeTransfer(body: Uint8Array): Transfer | undefined {
  try {
    const reader = new SszReader(body);
    reader.enter(0, reader.length, TRANSFER_FIXED_BYTES);
    const nonce = reader.u64();
    const to = reader.vector(ACCOUNT_ID_BYTES);
    const amount = reader.u64();
    const fee = reader.u64();
    const origin = text.decode(reader.byteList(reader.offset(), reader.length, MAX_ORIGIN_BYTES));
    return Number.isSafeInteger(amount + fee) ? { nonce, to, amount, fee, origin } : undefined;
  } catch (error) {
    // Not SSZ, or not UTF-8.
    if (isPqError(error) || error instanceof TypeError) return undefined;
    throw error;
  }
}

/** What two proposals may not share: a transfer claims its nonce, a registration its account. */
export function conflictKey(kernels: Kernels, payment: Payment): Uint8Array {
  if (payment.kind === REGISTER_KIND) return kernels.sha3_256(REGISTER_KEY_PREFIX, payment.account);
  const nonce = new SszWriter(8).u64(payment.transfer.nonce).finish();
  return kernels.sha3_256(NONCE_PREFIX, payment.account, nonce);
}

/**
 * What the account signs: SHA3-256(tag ‖ chain id ‖ version u8 ‖ kind u16 ‖ expiry u64 ‖ sender ‖ body), little-endian, tag
 * "pq/transfer/1" or "pq/registration/1". The chain id makes it void on every other chain.
 */
export function signingDigest(
  kernels: Kernels,
  chainId: Uint8Array,
  proposal: Omit<Proposal, 'signature'>,
): Uint8Array {
  const { version, kind, expiryMs, sender, body } = proposal;
  const head = new SszWriter(SIGNING_HEAD_BYTES).u8(version).u16(kind).u64(expiryMs).finish();
  const tag = SIGNING_PREFIX[kind === REGISTER_KIND ? REGISTER_KIND : TRANSFER_KIND];
  return kernels.sha3_256(tag, chainId, head, sender, body);
}
