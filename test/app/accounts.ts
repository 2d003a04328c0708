import { createHash } from 'node:crypto';
import { Payments } from '../../src/app/payments.ts';
import { type AccountSigner, buildRegister, buildTransfer } from '../../src/app/payments-client.ts';
import { accountId } from '../../src/app/payments-format.ts';
import { toHex } from '../../src/core/bytes.ts';
import { identifyProposal } from '../../src/core/proposal.ts';
import type { IdentifiedProposal, Proposal } from '../../src/core/types.ts';
import { mlDsa } from '../../src/crypto/mldsa.ts';
import { loadKernels } from '../../src/wasm/load.ts';

export const kernels = loadKernels();
export const CHAIN_ID = new Uint8Array(32).fill(0xc1);
export const EXPIRY_MS = 1_800_000_000_000;
const context = { kernels, chainId: CHAIN_ID, expiryMs: EXPIRY_MS };

export interface TestAccount {
  readonly signer: AccountSigner;
  readonly id: Uint8Array;
}

export function account(number: number): TestAccount {
  const signer = mlDsa.keyPair(createHash('sha256').update(`account ${number}`).digest());
  return { signer, id: accountId(kernels, signer.publicKey) };
}

/** A ledger of the given balances, of accounts 0, 1, … */
export function payments(balances: readonly number[]): { app: Payments; accounts: TestAccount[] } {
  const accounts = balances.map((_, number) => account(number));
  const app = new Payments({ kernels, chainId: CHAIN_ID });
  const state = accounts.map(({ signer }, i) => ({ publicKey: toHex(signer.publicKey), balance: balances[i]! }));
  app.initChain(state);
  return { app, accounts };
}

export interface TransferWish {
  readonly nonce: number;
  readonly amount?: number;
  readonly fee?: number;
  readonly origin?: string;
}

export async function transfer(
  from: TestAccount,
  to: TestAccount,
  wish: TransferWish,
  chainId = CHAIN_ID,
): Promise<IdentifiedProposal> {
  const { nonce, amount = 1, fee = 0, origin = '' } = wish;
  const body = { nonce, to: to.id, amount, fee, origin };
  return identifyProposal(kernels, await buildTransfer({ ...context, chainId }, from.signer, body));
}

export async function registration(who: TestAccount): Promise<IdentifiedProposal> {
  return identifyProposal(kernels, await buildRegister(context, who.signer));
}

/** The same proposal with other fields, and whatever id. */
export function changed(identified: IdentifiedProposal, fields: Partial<Proposal>): IdentifiedProposal {
  const id = createHash('sha3-256')
    .update(JSON.stringify(Object.keys(fields)))
    .update(identified.id)
    .digest();
  return {
    ...identified,
    id: Uint8Array.from(id) as IdentifiedProposal['id'],
    proposal: { ...identified.proposal, ...fields },
  };
}

export function flipped(bytes: Uint8Array, at = 0): Uint8Array {
  const copy = Uint8Array.from(bytes);
  copy[at]! ^= 1;
  return copy;
}
