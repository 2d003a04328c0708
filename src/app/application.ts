/**
 * The applications: what approved proposals mean. Everything here is a function of the bytes and of what was executed
 * before; no clock, no randomness. `src/app` may import `src/wasm`, `src/crypto`, `src/errors.ts`, and from `src/core`
 * the types, limits, bytes and SSZ.
 *
 * The method names are those of ABCI 2.0 (CometBFT), so that whoever knows it finds his way.
 */
import type { IdentifiedProposal, Proposal, ProposalKeys } from '../core/types.ts';
import type { Kernels } from '../wasm/kernels.ts';
import type { StateSnapshot } from './state-view.ts';

/** Version of the proposals that the built-in applications take. */
export const PROPOSAL_VERSION = 1;

/** What became of an approved proposal. 0 is success; the numbers are on the wire (decision leaf). */
export const RECEIPT = {
  OK: 0,
  MALFORMED: 1,
  UNKNOWN_ACCOUNT: 2,
  BAD_SIGNATURE: 3,
  NONCE_TOO_OLD: 4,
  NONCE_USED: 5,
  INSUFFICIENT_BALANCE: 6,
  UNKNOWN_RECIPIENT: 7,
  ALREADY_REGISTERED: 8,
  KEY_EXISTS: 9,
  STATE_FULL: 10,
} as const;
export type ReceiptName = keyof typeof RECEIPT;
export type ReceiptCode = (typeof RECEIPT)[ReceiptName];

const RECEIPT_NAMES: ReadonlyMap<number, string> = new Map(Object.entries(RECEIPT).map(([name, code]) => [code, name]));

/** Name of a receipt code, for people. */
export function receiptName(code: number): string {
  return RECEIPT_NAMES.get(code) ?? `CODE_${code}`;
}

/**
 * Answer of {@link Application.checkTx}. `unknown`: the account is not known (yet), so the signature could not be
 * checked; that is no failure, because an earlier proposal may still register it.
 */
export type CheckResult =
  | { readonly ok: true; readonly unknown?: true }
  | { readonly ok: false; readonly code: ReceiptName; readonly message: string };

export interface BlockToFinalize {
  /** Commit index; higher than any before. */
  readonly index: number;
  /** Commit time. */
  readonly timestampMs: number;
  /** In decision order. */
  readonly approved: readonly IdentifiedProposal[];
}

export interface FinalizedBlock {
  /** One code of {@link RECEIPT} per approved proposal. */
  readonly receipts: number[];
  /** 32 bytes. */
  readonly stateRoot: Uint8Array;
}

export interface ApplicationInfo {
  readonly name: string;
  readonly version: number;
  /** Index of the last commit executed and committed; 0 after genesis. */
  readonly lastIndex: number;
  readonly stateRoot: Uint8Array;
}

export interface QueryAnswer {
  readonly found: boolean;
  /** Empty when nothing was found. */
  readonly value: Uint8Array;
}

/** What models and people see of a proposal; plain data. */
export type ProposalDescription =
  | {
      readonly kind: 'transaction';
      /** Account ids in hex. */
      readonly from: string;
      readonly to: string;
      readonly amount: bigint;
      readonly fee: bigint;
      readonly origin: string;
      readonly nonce: number;
    }
  | { readonly kind: 'other'; readonly body: Uint8Array };

export interface ApplicationParts {
  readonly kernels: Kernels;
  /** 32 bytes. */
  readonly chainId: Uint8Array;
}

export interface Application {
  readonly name: string;
  info(): ApplicationInfo;
  /** Sets the state of genesis and returns its root. Throws `APP_STATE_INVALID`, `APP_INITIALISED`. */
  initChain(appState: unknown): Uint8Array;
  /** Well-formedness and conflict keys: a pure function of the bytes that never throws. Needs no `this`. */
  readonly keys: (proposal: Proposal) => ProposalKeys;
  /** Every check that needs no state, and the signature if its account is known. Changes nothing that is agreed. */
  checkTx(proposal: IdentifiedProposal): CheckResult | Promise<CheckResult>;
  /** True when {@link checkTx} answers at once, false when it asks the thread pool. */
  readonly checksAtOnce: boolean;
  /** Executes a commit. Never throws because of a proposal; throws `APP_INDEX_ORDER` for an index that is not higher. */
  finalizeBlock(block: BlockToFinalize): FinalizedBlock;
  /** What was executed last is agreed: from now on it is what {@link info} tells. */
  commit(): void;
  /** Reads the executed state. Paths: see the application. Throws `APP_QUERY_UNKNOWN`. */
  query(path: string, data: Uint8Array): QueryAnswer;
  describe(proposal: Proposal): ProposalDescription;
  /** The whole executed state, canonical: equal states give equal pieces. */
  snapshot(): StateSnapshot;
  /**
   * Replaces the state by that of a snapshot, given in its pieces. With `expected` it must be the state after that commit, by its
   * root. Throws `APP_SNAPSHOT_INVALID`, and then changes nothing.
   */
  restore(pieces: Iterable<Uint8Array>, expected?: Pick<ApplicationInfo, 'lastIndex' | 'stateRoot'>): void;
}
