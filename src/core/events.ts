import type { Committee } from './committee.ts';
import type {
  AcceptedBlock,
  AuthorIndex,
  Certificate,
  Commit,
  CommitDigest,
  CommitIndex,
  Decision,
  ProposalId,
} from './types.ts';

/** What the core tells the world. Whoever drives the core prints, stores, counts or forwards it; nothing here is agreed by itself. */
export type CoreEvent =
  /** Photon: an own block was sealed and sent. */
  | { readonly type: 'emitted'; readonly block: AcceptedBlock }
  /** A block entered the DAG (own ones too). Its votes are the Wave. */
  | { readonly type: 'accepted'; readonly block: AcceptedBlock }
  /** Prism and Focus: a leader was committed, its history ordered, proposals decided. Not executed yet. */
  | {
      readonly type: 'committed';
      readonly index: CommitIndex;
      readonly timestampMs: number;
      /** In linear order; the last one is the leader. */
      readonly blocks: readonly AcceptedBlock[];
      readonly decisions: readonly Decision[];
      /** True while history is re-run at start or taken from a peer. */
      readonly replayed: boolean;
    }
  /** The application executed the commit; its digest is known. `receipts[i]` belongs to `decisions[i]`; 0 is success. */
  | {
      readonly type: 'executed';
      readonly commit: Commit;
      readonly digest: CommitDigest;
      readonly decisions: readonly Decision[];
      readonly receipts: readonly number[];
      readonly replayed: boolean;
    }
  /** Horizon: every commit up to `index` is final; the certificate is of commit `index` itself. */
  | {
      readonly type: 'certified';
      readonly index: CommitIndex;
      readonly digest: CommitDigest;
      readonly certificate: Certificate;
    }
  /** A proposal that this node took ran out before it was ever opened: it gets no decision. */
  | { readonly type: 'lapsed'; readonly id: ProposalId }
  /** Two blocks of one author in one round: evidence against it. */
  | { readonly type: 'equivocation'; readonly first: AcceptedBlock; readonly second: AcceptedBlock }
  /** Something a peer sent was refused; null: a peer that is not in the committee. */
  | { readonly type: 'refused'; readonly peer: AuthorIndex | null; readonly code: string; readonly message: string }
  /** The last commit of the epoch was executed. Once it is certified, `committee` decides. */
  | { readonly type: 'closing'; readonly committee: Committee }
  /**
   * A new epoch began with this committee: `certificate` is of the last commit of the one before. Null while history is
   * re-run: the store has it.
   */
  | { readonly type: 'epoch'; readonly committee: Committee; readonly certificate: Certificate | null }
  /** Commit sync brought this node to `index`. */
  | { readonly type: 'synced'; readonly index: CommitIndex; readonly peer: AuthorIndex }
  /** Something an operator must know. After a fatal one the core executes nothing more, but goes on serving. */
  | {
      readonly type: 'alarm';
      readonly fatal: boolean;
      readonly code: string;
      readonly message: string;
      readonly data: Readonly<Record<string, unknown>>;
    };
