/**
 * What a running node tells people and programs: the five phases as they happen, as plain JSON. Printed by the command
 * line, sent to clients that subscribe. Digests and ids are hex; `atMs` is the node's wall clock.
 */

export interface BlockName {
  readonly round: number;
  readonly author: number;
  readonly digest: string;
}

export interface ProposalOpinion {
  readonly id: string;
  /** One line for people, as in `photon`. */
  readonly summary: string;
  readonly verdict: 'APPROVE' | 'REJECT' | 'ABSTAIN';
  /** Calibrated probability that the proposal should be rejected, 0 … 1. */
  readonly p: number;
}

export interface DecisionReport {
  readonly id: string;
  readonly decision: 'APPROVED' | 'REJECTED' | 'CONFLICT' | 'EXPIRED';
  readonly reason: 'QUORUM' | 'MALFORMED' | 'CLAIMED' | 'TIMEOUT' | 'SPLIT' | 'EPOCH';
  /** 0 … 10000. */
  readonly confidence: number;
  /** Receipt code of the execution, 0 is success. */
  readonly receipt: number;
}

export type NodeEvent =
  /** An own block was emitted. `summaries[i]` describes proposal i to people, e.g. "transfer 12 → 3f9a… from app.example". */
  | {
      readonly type: 'photon';
      readonly atMs: number;
      readonly block: BlockName;
      readonly parents: number;
      readonly votes: number;
      readonly proposals: readonly string[];
      readonly summaries: readonly string[];
      /** What the own models said of the payload, 0 … 10000; 0 when there is none. */
      readonly confidence: number;
      readonly bytes: number;
    }
  /** The own models judged a block. */
  | {
      readonly type: 'opinion';
      readonly atMs: number;
      readonly block: BlockName;
      readonly confidence: number;
      readonly proposals: readonly ProposalOpinion[];
    }
  /** A vote of some validator (the own ones too) arrived inside a block. */
  | {
      readonly type: 'wave';
      readonly atMs: number;
      readonly voter: number;
      readonly target: BlockName;
      readonly approves: number;
      readonly rejects: number;
      readonly abstains: number;
      /** 0 … 10000. */
      readonly confidence: number;
    }
  /** A block entered the DAG. */
  | {
      readonly type: 'dag';
      readonly atMs: number;
      readonly block: BlockName;
      readonly parents: number;
      readonly proposals: number;
      /** Blocks held in the DAG after it. */
      readonly size: number;
    }
  /** Focus and Prism: a leader was committed, `blocks` were ordered, proposals were decided and executed. */
  | {
      readonly type: 'prism';
      readonly atMs: number;
      readonly index: number;
      readonly leader: BlockName;
      readonly blocks: number;
      readonly decisions: readonly DecisionReport[];
    }
  /** Everything up to `index` is final under a quantum certificate. */
  | {
      readonly type: 'horizon';
      readonly atMs: number;
      readonly index: number;
      readonly digest: string;
      readonly signers: readonly number[];
      readonly bytes: number;
    }
  | { readonly type: 'peer'; readonly atMs: number; readonly validator: number; readonly up: boolean }
  | {
      readonly type: 'evidence';
      readonly atMs: number;
      readonly author: number;
      readonly round: number;
      readonly digests: readonly [string, string];
    }
  /** A new committee decides from the commit behind `index` on. `self`: this node's place in it, null if it has none. */
  | {
      readonly type: 'epoch';
      readonly atMs: number;
      readonly epoch: number;
      readonly index: number;
      readonly validators: readonly { readonly name: string; readonly stake: number }[];
      readonly self: number | null;
    }
  | {
      readonly type: 'alarm';
      readonly atMs: number;
      readonly fatal: boolean;
      readonly code: string;
      readonly message: string;
    };

/** What a node counts about itself; sent to a client that asks. */
export interface NodeStats {
  /** Its place in the committee of the epoch; null while it is in none. */
  readonly validator: number | null;
  readonly validators: number;
  readonly epoch: number;
  readonly uptimeMs: number;
  readonly round: number;
  readonly commitIndex: number;
  readonly certifiedIndex: number;
  readonly blocksAccepted: number;
  readonly blocksEmitted: number;
  readonly proposalsDecided: Readonly<Record<DecisionReport['decision'], number>>;
  readonly equivocations: number;
  readonly opinions: { readonly scored: number; readonly late: number; readonly restarts: number };
  /** CPU of the node process alone, and of its model processes, since start. */
  readonly cpuMs: number;
  readonly aiCpuMs: number;
  readonly rssBytes: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly peers: readonly number[];
  readonly mempool: number;
}
