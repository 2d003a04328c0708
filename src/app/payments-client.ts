/** What a client of `payments` needs: proposals, signed. */
import { encodeProposal } from '../core/proposal.ts';
import type { Proposal } from '../core/types.ts';
import type { SigningContext } from '../crypto/mldsa.ts';
import { PqError } from '../errors.ts';
import type { Kernels } from '../wasm/kernels.ts';
import { PROPOSAL_VERSION } from './application.ts';
import {
  accountId,
  encodeTransfer,
  REGISTER_CONTEXT,
  REGISTER_KIND,
  readPayment,
  signingDigest,
  TRANSFER_CONTEXT,
  TRANSFER_KIND,
  type Transfer,
} from './payments-format.ts';

/** The key of an account. */
export interface AccountSigner {
  /** ML-DSA-65, 1952 bytes. */
  readonly publicKey: Uint8Array;
  sign(message: Uint8Array, context: SigningContext): Promise<Uint8Array>;
}

export interface PaymentContext {
  readonly kernels: Kernels;
  /** 32 bytes. */
  readonly chainId: Uint8Array;
  /** In commit time, milliseconds since 1970. */
  readonly expiryMs: number;
}

/** The encoded proposal that registers the signer's key as an account. */
export async function buildRegister(context: PaymentContext, signer: AccountSigner): Promise<Uint8Array> {
  return build(context, signer, REGISTER_KIND, signer.publicKey, REGISTER_CONTEXT);
}

/** The encoded proposal that transfers from the signer's account. Throws `PAYMENT_INVALID`, `SSZ_NUMBER`, `SSZ_LENGTH`. */
export async function buildTransfer(
  context: PaymentContext,
  signer: AccountSigner,
  transfer: Transfer,
): Promise<Uint8Array> {
  return build(context, signer, TRANSFER_KIND, encodeTransfer(transfer), TRANSFER_CONTEXT);
}

async function build(
  { kernels, chainId, expiryMs }: PaymentContext,
  signer: AccountSigner,
  kind: number,
  body: Uint8Array,
  signingContext: SigningContext,
): Promise<Uint8Array> {
  const unsigned = { version: PROPOSAL_VERSION, kind, expiryMs, sender: accountId(kernels, signer.publicKey), body };
  const signature = await signer.sign(signingDigest(kernels, chainId, unsigned), signingContext);
  const proposal: Proposal = { ...unsigned, signature };
  if (!readPayment(kernels, proposal)) {
    const message =
      'Nobody would accept this: amount + fee must be below 2^53, the origin well-formed and at most 253 bytes of UTF-8';
    throw new PqError('PAYMENT_INVALID', message, { kind, bodyBytes: body.length });
  }
  return encodeProposal(proposal);
}
