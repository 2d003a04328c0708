import type { TornFrame } from '../../store/log-reader.ts';
import type { BlockCounts } from './blocks.ts';
import type { CertificateCounts } from './certificates.ts';
import type { Finding } from './findings.ts';
import type { LastSigned } from './record.ts';

/** What a store holds and what is wrong with it, as `--json` prints it. Hashes are hex. */
export interface StoreReport {
  readonly ok: boolean;
  readonly home: string;
  readonly chainId: string;
  readonly chainName: string;
  readonly epoch: number;
  readonly commits: {
    /** 0 without any. */
    readonly first: number;
    readonly last: number;
    readonly lastDigest: string | null;
  };
  readonly decisions: number;
  readonly blocks: BlockCounts;
  readonly certificates: CertificateCounts;
  /** Acknowledged and not decided. */
  readonly pendingProposals: number;
  readonly log: {
    readonly segments: number;
    readonly frames: number;
    readonly lastFrame: number;
    /** Up to which the index has everything. */
    readonly indexedFrame: number;
    readonly torn: readonly TornFrame[];
  };
  readonly snapshots: readonly { readonly index: number; readonly bytes: number }[];
  readonly lastSigned: LastSigned | null;
  /** Commits behind which everything was executed again, 0 for all of it; empty when that was not tried, or failed. */
  readonly replayedFrom: readonly number[];
  /** On disk. */
  readonly bytes: { readonly log: number; readonly index: number; readonly snapshots: number };
  /** The first ones. */
  readonly findings: readonly Finding[];
  /** All of them. */
  readonly findingCount: number;
}
