/** What models and modules see of a proposal: plain data that the node derives from its bytes and from agreed state. */

/** A whole block, as its header and size show it. */
export interface BlockData {
  readonly kind: 'block';
  readonly author: number;
  readonly round: number;
  readonly proposals: number;
  readonly payloadBytes: number;
  /** Milliseconds since 1970, by the author's clock. */
  readonly timestampMs: number;
}

/** A transfer. Amounts are in the smallest unit. */
export interface TransactionData {
  readonly kind: 'transaction';
  /** The web origin (host or URL) that asked for the transfer; empty if none. */
  readonly origin: string;
  readonly amount: bigint;
  readonly fee: bigint;
  /** Account ids in hex. */
  readonly from: string;
  readonly to: string;
  /** Behaviour of the accounts as the ledger keeps it: named, finite numbers, the same on every node. */
  readonly behaviour?: Readonly<Record<string, number>>;
}

/** A change of an agreed parameter or of the committee. */
export interface UpgradeData {
  readonly kind: 'upgrade';
  readonly parameter: string;
  readonly value: string;
  readonly description: string;
}

/** A security alert. */
export interface SecurityData {
  readonly kind: 'security';
  readonly subject: string;
  /** 0 (note) … 10 (critical). */
  readonly severity: number;
  readonly description: string;
}

/** A claim that something already decided was wrong. */
export interface DisputeData {
  readonly kind: 'dispute';
  /** Id of the disputed proposal, in hex. */
  readonly proposalId: string;
  readonly claim: string;
}

/** A proposal that the application gives no meaning a model could judge. */
export interface OtherData {
  readonly kind: 'other';
  readonly body: Uint8Array;
}

export type ProposalData = BlockData | TransactionData | UpgradeData | SecurityData | DisputeData | OtherData;
export type DataKind = ProposalData['kind'];

/** Every kind, for checking what a card says. */
export const DATA_KINDS: readonly DataKind[] = ['block', 'transaction', 'upgrade', 'security', 'dispute', 'other'];
