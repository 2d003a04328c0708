/** The history in a store as NDJSON: one object a line, commit by commit. */
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { finished } from 'node:stream/promises';
import { bitAt, decodeBlock } from '../core/block.ts';
import { equalBytes, toHex } from '../core/bytes.ts';
import { commitDigest, decodeCommit, decodeDecisionLeaf } from '../core/commit.ts';
import { chainIdOf, type Genesis } from '../core/genesis.ts';
import type { Bitlist, Commit, Ref, SignedBlock } from '../core/types.ts';
import { isPqError, PqError } from '../errors.ts';
import { requireChain } from '../node/check/check-store.ts';
import { refsOf } from '../node/history-server.ts';
import { homePaths } from '../node/home.ts';
import { openStoreToRead } from '../store/read-only.ts';
import type { CommitEntry, Store } from '../store/store.ts';
import type { Kernels } from '../wasm/kernels.ts';
import { loadKernels } from '../wasm/load.ts';
import { UsageError } from './exit.ts';

/** The field `type` of each line; in this order for every commit. */
export const EXPORT_KINDS = ['commit', 'block', 'decision', 'certificate'] as const;
export type ExportKind = (typeof EXPORT_KINDS)[number];

export interface ExportOptions {
  readonly home: string;
  readonly genesis: Genesis;
  readonly from?: number;
  readonly to?: number;
  readonly only: readonly ExportKind[];
  /** Default: standard output. */
  readonly out?: string;
}

type Line = { readonly type: ExportKind } & Readonly<Record<string, unknown>>;

/**
 * Writes the commits of a range with what belongs to them. Throws `STORE_RANGE` for a range that is not kept, `STORE_DAMAGED`, and
 * the codes of {@link openStoreToRead}.
 */
export async function exportStore(options: ExportOptions): Promise<void> {
  const kernels = loadKernels();
  const disk = await openStoreToRead(homePaths(options.home).data);
  try {
    requireChain(disk, chainIdOf(kernels, options.genesis));
    const lines = linesOf(kernels, disk.store, rangeOf(disk.store, options), new Set(options.only));
    if (options.out === undefined) await write(process.stdout, lines);
    else {
      const file = createWriteStream(options.out);
      await once(file, 'open');
      await write(file, lines);
      file.end();
      await finished(file);
    }
  } finally {
    await disk.close();
  }
}

interface Range {
  readonly from: number;
  readonly to: number;
}

/** Throws `STORE_RANGE`. */
function rangeOf({ firstCommitIndex, lastCommitIndex }: Store, options: Pick<ExportOptions, 'from' | 'to'>): Range {
  const { from = firstCommitIndex, to = lastCommitIndex } = options;
  const isAll = options.from === undefined && options.to === undefined;
  if (isAll || (from >= firstCommitIndex && to <= lastCommitIndex && from <= to)) return { from, to };
  const kept = lastCommitIndex === 0 ? 'no commit' : `commits ${firstCommitIndex} to ${lastCommitIndex}`;
  const message = `This store has ${kept}, not ${from} to ${to}: choose --from and --to among them.`;
  throw new UsageError('STORE_RANGE', message, { from, to, first: firstCommitIndex, last: lastCommitIndex });
}

/** Waits for whoever reads. */
async function write(stream: NodeJS.WritableStream, lines: Iterable<Line>): Promise<void> {
  for (const line of lines) {
    if (!stream.write(`${JSON.stringify(line)}\n`)) await once(stream, 'drain');
  }
}

function* linesOf(kernels: Kernels, store: Store, { from, to }: Range, only: ReadonlySet<ExportKind>): Generator<Line> {
  for (const entry of commitsOf(store, from)) {
    if (entry.index > to) return;
    const lines = whole(`commit ${entry.index}`, () => [...linesOfCommit(kernels, store, entry, only)]);
    yield* lines;
  }
}

function* commitsOf(store: Store, from: number): Generator<CommitEntry> {
  const commits = store.commits(from);
  for (;;) {
    const next = whole('a commit', () => commits.next());
    if (next.done) return;
    yield next.value;
  }
}

/** Throws `STORE_DAMAGED` for whatever cannot be read. */
function whole<Value>(what: string, read: () => Value): Value {
  try {
    return read();
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    const message = `The store does not hold ${what} as it was written (${reason}): run pq store check.`;
    throw new PqError('STORE_DAMAGED', message, isPqError(cause) ? { code: cause.code } : {}, cause);
  }
}

function* linesOfCommit(
  kernels: Kernels,
  store: Store,
  entry: CommitEntry,
  only: ReadonlySet<ExportKind>,
): Generator<Line> {
  const commit = decodeCommit(entry.commit);
  const refs = refsOf(entry);
  if (only.has('commit')) yield commitLine(kernels, commit, refs, entry.decisions.length);
  if (only.has('block')) for (const ref of refs) yield blockLine(commit, blockOf(kernels, store, ref));
  if (only.has('decision')) {
    for (const [position, { leaf }] of entry.decisions.entries()) {
      const { id, ...decided } = decodeDecisionLeaf(leaf);
      yield { type: 'decision', commit: commit.index, position, id: toHex(id), ...decided };
    }
  }
  const held = only.has('certificate') ? store.certificate(commit.index) : undefined;
  // As `pq verify` reads it.
  if (held?.index === commit.index) yield { type: 'certificate', commit: commit.index, certificate: toHex(held.bytes) };
}

function commitLine(kernels: Kernels, commit: Commit, refs: readonly Ref[], decisions: number): Line {
  const { index, epoch, timestampMs, leader } = commit;
  return {
    type: 'commit',
    index,
    digest: toHex(commitDigest(kernels, commit)),
    previous: toHex(commit.previous),
    epoch,
    timestampMs,
    leader: refJson(leader),
    blocksRoot: toHex(commit.blocksRoot),
    decisionsRoot: toHex(commit.decisionsRoot),
    stateRoot: toHex(commit.stateRoot),
    modelRoot: toHex(commit.modelRoot),
    committeeHash: toHex(commit.committeeHash),
    nextCommitteeHash: toHex(commit.nextCommitteeHash),
    blocks: refs.map(refJson),
    decisions,
  };
}

function blockOf(kernels: Kernels, store: Store, ref: Ref): SignedBlock {
  const bytes = store.block(ref.digest);
  if (bytes === undefined) throw new PqError('STORE_DAMAGED', `block ${toHex(ref.digest)} is missing`);
  const block = decodeBlock(kernels, bytes);
  if (equalBytes(block.ref.digest, ref.digest)) return block;
  throw new PqError('STORE_DAMAGED', `block ${toHex(ref.digest)} is another one`);
}

function blockLine(commit: Commit, { header, ref, signature, proposals }: SignedBlock): Line {
  return {
    type: 'block',
    commit: commit.index,
    ...refJson(ref),
    epoch: header.epoch,
    timestampMs: header.timestampMs,
    confidence: header.confidence,
    modelId: toHex(header.modelId),
    parents: header.parents.map(refJson),
    votes: header.votes.map(({ target, confidence, rejects, abstains }) => ({
      target: refJson(target),
      confidence,
      rejects: placesOf(rejects),
      abstains: placesOf(abstains),
    })),
    commitVotes: header.commitVotes.map(({ index, digest }) => ({ index, digest: toHex(digest) })),
    proposals: proposals.map(({ id, proposal }) => ({
      id: toHex(id),
      version: proposal.version,
      kind: proposal.kind,
      expiryMs: proposal.expiryMs,
      sender: toHex(proposal.sender),
      body: toHex(proposal.body),
      signature: toHex(proposal.signature),
    })),
    signature: toHex(signature),
  };
}

function refJson({ round, author, digest }: Ref) {
  return { round, author, digest: toHex(digest) };
}

/** Places of proposals in the payload of the target. */
function placesOf(list: Bitlist): number[] {
  return Array.from({ length: list.length }, (_, i) => i).filter((i) => bitAt(list, i));
}
