import type { EpochLink } from './epoch-chain.ts';
import type { CoreEvent } from './events.ts';
import type { Message } from './messages.ts';
import type { CoreSnapshot } from './snapshot.ts';
import type {
  AcceptedBlock,
  AuthorIndex,
  Block,
  BlockDigest,
  Certificate,
  Commit,
  CommitDigest,
  CommitIndex,
  Decision,
  IdentifiedProposal,
  PeerNumber,
  Ref,
  Round,
  SignedBlock,
} from './types.ts';

/** What must be durable before a signature is made: nobody signs two blocks of a round, or two digests of a commit. */
export interface SignedRecord {
  readonly epoch: number;
  readonly round: Round;
  readonly digest: BlockDigest;
  /** The highest commit voted for so far; index 0 and the chain id before the first. */
  readonly votedIndex: CommitIndex;
  readonly votedDigest: CommitDigest;
}

/** An opinion of this node's own models on one block: one of OPINION per proposal. */
export interface Opinion {
  /** 0 … 10000. */
  readonly confidence: number;
  /** One of OPINION (approve, reject, abstain) per proposal of the block. */
  readonly verdicts: Uint8Array;
}

/** A proposal handed in by a client of this node. */
export interface Submission {
  readonly proposal: IdentifiedProposal;
  /** What the own models said of it, 0 … 10000, when they were asked in time. Goes into the header as information. */
  readonly confidence?: number;
}

/** A commit with its blocks in linear order, from the own store or from a peer. */
export interface CommitRecord {
  readonly commit: Commit;
  readonly blocks: readonly SignedBlock[];
}

/**
 * Everything that can happen to a core. `step` takes one of these and the time. Peers have numbers that stay the same over
 * epochs: those of the roster.
 */
export type Input = InputOf<PeerNumber>;
/** The same for one epoch: peers are members of its committee. */
export type EngineInput = InputOf<AuthorIndex>;

type InputOf<Peer> =
  /**
   * Before a `restore` in a later epoch than the first: what closed the one before, from the own store. One or two in order:
   * of two, the first says whom the second's epoch was preceded by. Throws `ENTER_LINK` when it says nothing of this chain.
   */
  | { readonly type: 'enter'; readonly link: EpochLink }
  /**
   * Before anything else: the state after a commit, from a snapshot of this node. `blocks` are those that it names, in its
   * order; `commits` the newest ones of the own store up to its own. Throws `SNAPSHOT_…` when they do not fit.
   */
  | {
      readonly type: 'restore';
      readonly snapshot: CoreSnapshot;
      readonly blocks: readonly SignedBlock[];
      readonly commits: readonly Commit[];
    }
  /** History from the own store, in order, before `start`. The digests are recomputed and compared. */
  | { readonly type: 'replay'; readonly record: CommitRecord }
  /** Blocks from the own store that no stored commit holds, in any order, before `start`. They were verified when stored. */
  | { readonly type: 'reload'; readonly blocks: readonly SignedBlock[] }
  /**
   * Recovery is over. `record` is the last-signed record (null: this node has none and must not sign), `unsigned` the own
   * block it names, if it was not among the reloaded ones with its signature; `pending` are acknowledged proposals.
   */
  | {
      readonly type: 'start';
      readonly record: SignedRecord | null;
      readonly unsigned: Block | null;
      readonly pending: readonly Submission[];
    }
  /** The certificate of the last commit of an epoch from the own store, before `start`, when no later commit is stored. */
  | { readonly type: 'certified'; readonly certificate: Certificate }
  | { readonly type: 'message'; readonly peer: Peer; readonly bytes: Uint8Array }
  | { readonly type: 'peerUp'; readonly peer: Peer }
  | { readonly type: 'peerDown'; readonly peer: Peer }
  /** Answer to `verify`. */
  | { readonly type: 'verified'; readonly token: number; readonly valid: boolean }
  /** Answer to `seal`. */
  | { readonly type: 'sealed'; readonly digest: BlockDigest; readonly signature: Uint8Array }
  /** Answer to `score`; null: the models were late or failed, no vote will be cast. */
  | { readonly type: 'opinion'; readonly digest: BlockDigest; readonly opinion: Opinion | null }
  /** Answer to `execute`. `receipts[i]` for decision i: 0 success (and for all that is not APPROVED). */
  | {
      readonly type: 'executed';
      readonly index: CommitIndex;
      readonly stateRoot: Uint8Array;
      readonly modelRoot: Uint8Array;
      readonly receipts: readonly number[];
    }
  | { readonly type: 'submit'; readonly submissions: readonly Submission[] }
  /** The time armed by `arm` has come. */
  | { readonly type: 'timer' };

/** A commit that the application must execute, in order. */
export interface Execution {
  readonly index: CommitIndex;
  readonly timestampMs: number;
  readonly decisions: readonly Decision[];
  /** The proposal of each decision. */
  readonly proposals: readonly IdentifiedProposal[];
}

/** Everything a core can ask of whoever drives it. Outputs of one step are carried out in order. */
export type Output =
  /** Check `signature` of `author` over `digest` with the header context; answer with `verified`. */
  | {
      readonly type: 'verify';
      readonly token: number;
      readonly author: AuthorIndex;
      /** Of the author. */
      readonly publicKey: Uint8Array;
      readonly digest: BlockDigest;
      readonly signature: Uint8Array;
    }
  /** Let the own models judge this block; answer with `opinion`. */
  | { readonly type: 'score'; readonly block: AcceptedBlock }
  /** Keep an accepted block; durable at the latest when the next `seal` is answered. */
  | { readonly type: 'store'; readonly block: AcceptedBlock }
  /** Keep an executed commit. */
  | {
      readonly type: 'storeCommit';
      readonly commit: Commit;
      readonly digest: CommitDigest;
      readonly refs: readonly Ref[];
      readonly decisions: readonly Decision[];
      readonly receipts: readonly number[];
    }
  /** The state right after the commit that was executed last. To be kept, or not: nothing waits for it. */
  | { readonly type: 'snapshot'; readonly snapshot: CoreSnapshot }
  /**
   * Make the unsigned block and everything stored before durable, then `record` durable, then sign the digest with the
   * header context; answer with `sealed`.
   */
  | { readonly type: 'seal'; readonly block: Block; readonly record: SignedRecord }
  /** `all`: every peer of the same epoch. */
  | { readonly type: 'send'; readonly to: PeerNumber | 'all'; readonly bytes: Uint8Array }
  /** A peer asks for what the core does not hold: answer from the store, or not at all. */
  | { readonly type: 'serve'; readonly peer: PeerNumber; readonly request: Message }
  | { readonly type: 'execute'; readonly execution: Execution }
  /** Call back with `timer` at this time; replaces the previous one. Infinity: no timer. */
  | { readonly type: 'arm'; readonly atMs: number }
  | { readonly type: 'event'; readonly event: CoreEvent };
