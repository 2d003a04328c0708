/**
 * What a node keeps on disk: blocks, commits with their decisions, certificates, acknowledged proposals. Everything is
 * logged before it is stored, so that `kill -9` at any instruction loses nothing that {@link Store.sync} acknowledged.
 * `src/store` may import node's modules, lmdb, `src/errors.ts` and types of `src/core`; it knows bytes and their names only.
 * The last-signed record is not in here but in `signed-record.ts`: it must outlive this database.
 */
import { PqError } from '../errors.ts';
import { Database, type DatabaseOptions, type DatabaseStats, type OrderedBytes } from './database.ts';
import * as keys from './keys.ts';
import { decodeLeaves, encodeLeaves, LEAVES_PER_CHUNK, type StoredDecision } from './leaves.ts';
import type { Operation } from './operation.ts';
import { type HistoryStart, Pruning } from './prune.ts';

/** First byte of a stored block: may other bytes of the same digest still replace it? */
const BLOCK_FINAL = 0;
const BLOCK_UNSIGNED = 1;
/** What is on disk; a store of another number is refused. */
const FORMAT = 1;
const MAX_KEY_NAME_BYTES = 200;

export interface BlockEntry {
  /** 0 if not given. Rounds start again in every epoch. */
  readonly epoch?: number;
  readonly round: number;
  readonly author: number;
  /** 32 bytes. */
  readonly digest: Uint8Array;
  readonly bytes: Uint8Array;
  /** The unsigned own block (signature all zero): the signed bytes replace it later, under the same digest. */
  readonly own?: boolean;
}

export interface CommitEntry {
  readonly index: number;
  readonly leaderRound: number;
  readonly commit: Uint8Array;
  /** The refs of its blocks in linear order, 38 bytes each. */
  readonly refs: Uint8Array;
  /** In decision order. */
  readonly decisions: readonly StoredDecision[];
}

export interface DecisionEntry {
  readonly commitIndex: number;
  /** Position among the decisions of the commit. */
  readonly position: number;
  readonly leaf: Uint8Array;
}

export interface StoreStats extends DatabaseStats {
  readonly firstCommitIndex: number;
  readonly lastCommitIndex: number;
  readonly highestBlockRound: number;
  readonly pendingProposals: number;
}

/**
 * Opens the store in a directory (created if missing) and brings the database up to the log. Throws `STORE_LOCKED`
 * (another process has it), `STORE_CORRUPT`, `STORE_FORMAT`, `STORE_DISK_FULL`, `STORE_IO_FAILED`.
 */
export async function openStore(directory: string, options: DatabaseOptions = {}): Promise<Store> {
  const database = await Database.open(directory, options);
  try {
    return new Store(database);
  } catch (error) {
    await database.close();
    throw error;
  }
}

/**
 * Every `add…` and `settle…` returns at once, is visible to reads at once, and is durable after the next {@link sync}.
 * They throw `STORE_BEHIND` when the caller never waits for sync and the disk does not keep up, and what broke the log.
 * Byte arrays handed in must not change afterwards; those handed out are not to be changed.
 */
export class Store {
  readonly #database: OrderedBytes;
  /** Ids (as strings of bytes) of proposals acknowledged and not settled. */
  readonly #pending = new Set<string>();
  readonly #pruning: Pruning;
  #arrivals = 0;
  #firstCommitIndex = 1;
  #lastCommitIndex = 0;
  #highestEpoch = 0;
  #highestRound = 0;

  /** Use {@link openStore}. Throws `STORE_FORMAT`. */
  constructor(database: OrderedBytes) {
    this.#database = database;
    this.#pruning = new Pruning(database);
    this.#checkFormat();
    const lastCommit = database.last(keys.tableStart(keys.COMMIT), keys.tableEnd(keys.COMMIT));
    if (lastCommit) this.#lastCommitIndex = keys.readU64(lastCommit[0], 1);
    for (const [key] of database.range(keys.tableStart(keys.COMMIT), keys.tableEnd(keys.COMMIT))) {
      this.#firstCommitIndex = keys.readU64(key, 1);
      break;
    }
    const lastBlock = database.last(keys.tableStart(keys.BLOCK), keys.tableEnd(keys.BLOCK));
    if (lastBlock) this.#raiseRound(keys.decodeSlot(lastBlock[0].subarray(1)));
    for (const [key, value] of database.range(keys.tableStart(keys.PROPOSAL), keys.tableEnd(keys.PROPOSAL))) {
      this.#pending.add(key.toString('latin1', 1));
      this.#arrivals = Math.max(this.#arrivals, keys.readU64(value) + 1);
    }
  }

  /** Index of the oldest commit that is kept, 1 before the first. */
  get firstCommitIndex(): number {
    return this.#firstCommitIndex;
  }

  /** Index of the last commit, 0 before the first. */
  get lastCommitIndex(): number {
    return this.#lastCommitIndex;
  }

  /** Highest round of any block in the newest epoch that has blocks, 0 without blocks. */
  get highestBlockRound(): number {
    return this.#highestRound;
  }

  /**
   * Adds a block. One that is held already stays as it is, with one exception: other bytes replace an entry that was
   * added as unsigned `own`.
   */
  addBlock(block: BlockEntry): void {
    const slot = { epoch: block.epoch ?? 0, round: block.round, author: block.author };
    const position = keys.encodeSlot(slot);
    const key = keys.blockKey(position, block.digest);
    const held = this.#database.get(key);
    if (held && (held[0] !== BLOCK_UNSIGNED || block.own)) return;
    const value = Buffer.concat([Buffer.from([block.own ? BLOCK_UNSIGNED : BLOCK_FINAL]), block.bytes]);
    this.#database.write([
      { key, value },
      { key: keys.slotKey(block.digest), value: position },
    ]);
    this.#raiseRound(slot);
  }

  block(digest: Uint8Array): Uint8Array | undefined {
    const position = this.#database.get(keys.slotKey(digest));
    if (!position) return undefined;
    return this.#database.get(keys.blockKey(position, digest))?.subarray(1);
  }

  /** Blocks of one epoch from a round on, in the order of (round, author, digest). */
  *blocksFrom(round: number, epoch = 0): Generator<Uint8Array> {
    const from = keys.blockKey(keys.encodeSlot({ epoch, round, author: 0 }), new Uint8Array(0));
    const to = keys.blockKey(keys.encodeSlot({ epoch: epoch + 1, round: 0, author: 0 }), new Uint8Array(0));
    for (const [, value] of this.#database.range(from, to)) yield value.subarray(1);
  }

  /** Adds a proposal that the node is about to acknowledge: after {@link sync} it survives until it is settled. */
  addProposal(bytes: Uint8Array, id: Uint8Array): void {
    const name = Buffer.from(id).toString('latin1');
    if (this.#pending.has(name)) return;
    this.#database.write([{ key: keys.proposalKey(id), value: Buffer.concat([keys.u64(this.#arrivals), bytes]) }]);
    this.#arrivals++;
    this.#pending.add(name);
  }

  /** These proposals are decided or expired and no longer owed to anybody. Unknown ids are ignored. */
  settleProposals(ids: Iterable<Uint8Array>): void {
    const operations: Operation[] = [];
    for (const id of ids) {
      if (this.#pending.delete(Buffer.from(id).toString('latin1'))) operations.push({ key: keys.proposalKey(id) });
    }
    if (operations.length > 0) this.#database.write(operations);
  }

  /** Bytes of every proposal acknowledged and not settled, in the order of arrival. */
  pendingProposals(): Uint8Array[] {
    const found = [...this.#database.range(keys.tableStart(keys.PROPOSAL), keys.tableEnd(keys.PROPOSAL))];
    const entries = found.map(([, value]) => ({ arrival: keys.readU64(value), bytes: value.subarray(8) }));
    return entries.sort((a, b) => a.arrival - b.arrival).map((entry) => entry.bytes);
  }

  /**
   * Adds the next commit and its decisions. Adding the last one again with the same bytes changes nothing. Throws
   * `STORE_COMMIT_GAP` when the index is not the next one, and `STORE_COMMIT_CONFLICT` when another commit has it.
   */
  addCommit(entry: CommitEntry): void {
    const held = entry.index <= this.#lastCommitIndex ? this.commit(entry.index) : undefined;
    if (held) {
      if (Buffer.compare(held.commit, entry.commit) === 0) return;
      const message = `Commit ${entry.index} is already stored with other content: the node must stop executing`;
      throw new PqError('STORE_COMMIT_CONFLICT', message, { index: entry.index });
    }
    if (entry.index !== this.#lastCommitIndex + 1) {
      const data = { index: entry.index, last: this.#lastCommitIndex };
      throw new PqError(
        'STORE_COMMIT_GAP',
        `Commit ${data.index} does not follow ${data.last}: add commits in order`,
        data,
      );
    }
    // Leaves first, in records of bounded size; the commit itself, last, makes them count.
    for (let from = 0; from < entry.decisions.length; from += LEAVES_PER_CHUNK) {
      const chunk = entry.decisions.slice(from, from + LEAVES_PER_CHUNK);
      const operations: Operation[] = [
        { key: keys.leavesKey(entry.index, from / LEAVES_PER_CHUNK), value: encodeLeaves(chunk) },
      ];
      for (const [offset, { id }] of chunk.entries()) {
        operations.push({
          key: keys.decisionKey(id),
          value: keys.u64(entry.index, from + offset),
        });
      }
      this.#database.write(operations);
    }
    const counts = keys.u64(entry.leaderRound, entry.decisions.length, entry.commit.length);
    this.#database.write([
      { key: keys.commitKey(entry.index), value: Buffer.concat([counts, entry.commit, entry.refs]) },
    ]);
    this.#lastCommitIndex = entry.index;
  }

  commit(index: number): CommitEntry | undefined {
    if (index < this.#firstCommitIndex) return undefined;
    const value = this.#database.get(keys.commitKey(index));
    return value && this.#decodeCommit(index, value);
  }

  /** Commits from an index on, in order. */
  *commits(from: number): Generator<CommitEntry> {
    const start = keys.commitKey(Math.max(from, this.#firstCommitIndex));
    for (const [key, value] of this.#database.range(start, keys.tableEnd(keys.COMMIT))) {
      yield this.#decodeCommit(keys.readU64(key, 1), value);
    }
  }

  /** What was decided on a proposal. Ids that come back after their expiry keep their latest decision. */
  decision(id: Uint8Array): DecisionEntry | undefined {
    const value = this.#database.get(keys.decisionKey(id));
    if (!value) return undefined;
    const [commitIndex, position] = [keys.readU64(value, 0), keys.readU64(value, 8)];
    if (commitIndex > this.#lastCommitIndex) return undefined; // A crash cut its commit off; it will be made again.
    if (commitIndex < this.#firstCommitIndex) return undefined;
    const chunk = this.#database.get(keys.leavesKey(commitIndex, Math.floor(position / LEAVES_PER_CHUNK)))!;
    return { commitIndex, position, leaf: decodeLeaves(chunk)[position % LEAVES_PER_CHUNK]!.leaf };
  }

  /** Adds the certificate of a commit; one that is held stays. */
  addCertificate(index: number, bytes: Uint8Array): void {
    const key = keys.certificateKey(index);
    if (!this.#database.get(key)) this.#database.write([{ key, value: bytes }]);
  }

  /** The certificate of the given commit, or else of the nearest later one: it proves the given one through the chain. */
  certificate(index: number): { readonly index: number; readonly bytes: Uint8Array } | undefined {
    for (const [key, bytes] of this.#database.range(keys.certificateKey(index), keys.tableEnd(keys.CERTIFICATE))) {
      return { index: keys.readU64(key, 1), bytes };
    }
    return undefined;
  }

  /**
   * Forgets the history before `start`, a part at a time: about `limit` keys; call again while it returns true. From the first call
   * on the commits before `start` are not answered any more. Throws `STORE_PRUNE_LAST` rather than forget the last commit.
   */
  prune(start: HistoryStart, limit: number): boolean {
    if (start.commit > this.#lastCommitIndex) {
      const data = { commit: start.commit, last: this.#lastCommitIndex };
      throw new PqError('STORE_PRUNE_LAST', 'The last commit must be kept: keep more of the history', data);
    }
    this.#firstCommitIndex = Math.max(this.#firstCommitIndex, start.commit);
    return this.#pruning.step(start, limit);
  }

  /** A small named value, such as the chain id. Names are at most 200 bytes. */
  setMeta(name: string, value: Uint8Array): void {
    const key = keys.metaKey(name);
    if (key.length > MAX_KEY_NAME_BYTES) {
      throw new PqError('STORE_NAME_TOO_LONG', `Choose a name of at most ${MAX_KEY_NAME_BYTES - 1} bytes`, { name });
    }
    this.#database.write([{ key, value }]);
  }

  getMeta(name: string): Uint8Array | undefined {
    return this.#database.get(keys.metaKey(name));
  }

  /**
   * Resolves when everything added before the call survives any crash. Calls made together share one disk write. Rejects with
   * `STORE_DISK_FULL`: nothing is damaged, free space and call again; or `STORE_IO_FAILED`: the node must stop.
   */
  sync(): Promise<void> {
    return this.#database.sync();
  }

  stats(): StoreStats {
    return {
      ...this.#database.stats(),
      firstCommitIndex: this.#firstCommitIndex,
      lastCommitIndex: this.#lastCommitIndex,
      highestBlockRound: this.#highestRound,
      pendingProposals: this.#pending.size,
    };
  }

  /** Writes everything out and lets go of the directory. */
  close(): Promise<void> {
    return this.#database.close();
  }

  #decodeCommit(index: number, value: Uint8Array): CommitEntry {
    const [leaderRound, decisions, commitBytes] = [
      keys.readU64(value, 0),
      keys.readU64(value, 8),
      keys.readU64(value, 16),
    ];
    const stored: StoredDecision[] = [];
    for (let chunk = 0; stored.length < decisions; chunk++) {
      stored.push(...decodeLeaves(this.#database.get(keys.leavesKey(index, chunk))!));
    }
    return {
      index,
      leaderRound,
      commit: value.subarray(24, 24 + commitBytes),
      refs: value.subarray(24 + commitBytes),
      decisions: stored,
    };
  }

  #raiseRound({ epoch, round }: keys.Slot): void {
    if (epoch > this.#highestEpoch) this.#highestRound = 0;
    if (epoch >= this.#highestEpoch) this.#highestRound = Math.max(this.#highestRound, round);
    this.#highestEpoch = Math.max(this.#highestEpoch, epoch);
  }

  #checkFormat(): void {
    const found = this.getMeta('format');
    if (!found) this.setMeta('format', Uint8Array.of(FORMAT));
    else if (found[0] !== FORMAT) {
      const message = `The store has format ${found[0]}, this version reads ${FORMAT}: use the version that wrote it, or resync`;
      throw new PqError('STORE_FORMAT', message, { found: found[0], expected: FORMAT });
    }
  }
}
