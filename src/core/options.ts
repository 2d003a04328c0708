import type { Kernels } from '../wasm/kernels.ts';
import type { Committee } from './committee.ts';
import type { Memory } from './memory.ts';
import type { Mempool } from './mempool.ts';
import type { Outbox } from './outbox.ts';
import type { AuthorIndex, KeysOf, SignedBlock } from './types.ts';

/** Parameters of this node alone. None of them can make two nodes disagree; they only pace. */
export interface LocalParameters {
  /** How long a round waits for its leaders. Milliseconds, default 250. */
  readonly leaderTimeoutMs: number;
  /** Least time between two own blocks. Milliseconds, default 0. */
  readonly minRoundDelayMs: number;
  /** How long a block that could go out waits for opinions being formed. Milliseconds, default 3. */
  readonly opinionGraceMs: number;
  /** Pace of rounds while nothing but opinions is missing. Milliseconds, default 20. */
  readonly waitPaceMs: number;
  /** Commits from one snapshot of the state to the next, default 0: none. */
  readonly snapshotEvery: number;
}

export const DEFAULT_LOCAL_PARAMETERS: LocalParameters = {
  leaderTimeoutMs: 250,
  minRoundDelayMs: 0,
  opinionGraceMs: 3,
  waitPaceMs: 20,
  snapshotEvery: 0,
};

export interface CoreOptions {
  readonly kernels: Kernels;
  /** Of epoch 0. */
  readonly committee: Committee;
  /** The own ML-DSA-65 key: it signs in every epoch whose committee has it. Null for a node that follows and never signs. */
  readonly key: Uint8Array | null;
  readonly keysOf: KeysOf;
  /** Hash of the own model set, 32 bytes; goes into headers as information. */
  readonly modelId: Uint8Array;
  /** 16 bytes nobody else knows: spreads the conflict table, so that keys cannot be made to collide in it. Affects no answer. */
  readonly tableSeed?: Uint8Array;
  readonly local?: Partial<LocalParameters>;
  /** {@link decodeBlock}, or what gives the same for the same bytes: a simulator reads a block once for all its nodes. */
  readonly readBlock?: ReadBlock | undefined;
}

/** Throws what {@link decodeBlock} throws. */
export type ReadBlock = (bytes: Uint8Array) => SignedBlock;

/** What one epoch's engine is made of. */
export interface EngineOptions extends Pick<CoreOptions, 'kernels' | 'keysOf' | 'modelId' | 'readBlock'> {
  readonly committee: Committee;
  /** The own place in the committee; null for a node that follows and never signs. */
  readonly self: AuthorIndex | null;
  readonly local: LocalParameters;
  readonly out: Outbox;
  /** Both outlive the epoch. */
  readonly memory: Memory;
  readonly mempool: Mempool;
  /** The node starts here: it may skip own rounds once. One that goes over from the epoch before begins with the first. */
  readonly mayJump: boolean;
  /** Signature checks are numbered from here on: answers to the engine before are of smaller numbers. */
  readonly firstToken: number;
}

/** Counters and positions for people; nothing here is agreed. */
export interface CoreStatus extends EngineStatus {
  readonly epoch: number;
  /** The own place in the committee of the epoch; null for who only follows. */
  readonly self: AuthorIndex | null;
}

export interface EngineStatus {
  readonly round: number;
  readonly highestRound: number;
  readonly commitIndex: number;
  readonly executedIndex: number;
  readonly certifiedIndex: number;
  readonly gcRound: number;
  readonly dagBlocks: number;
  readonly suspended: number;
  readonly mempool: number;
  readonly openProposals: number;
  readonly syncing: boolean;
  /** True once something fatal happened: nothing is executed or signed any more. */
  readonly halted: boolean;
}
