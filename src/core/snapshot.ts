/**
 * What the core holds after a commit, as far as it is a pure function of the committed prefix: equal prefixes give equal
 * bytes on every validator. A restart goes on from it without the commits before.
 */
import { PqError } from '../errors.ts';
import type { Kernels } from '../wasm/kernels.ts';
import { digestKey, encodeRef } from './block.ts';
import { concatBytes, fromHex } from './bytes.ts';
import { COMMIT_BYTES, readCommit, writeCommit } from './commit.ts';
import { DIGEST_BYTES, REF_BYTES, readRef, readRefs, writeRef } from './header.ts';
import { MAX_DAG_BLOCKS, MAX_OPEN_PROPOSALS, MAX_PROPOSAL_BYTES, MAX_PROPOSALS, MAX_VALIDATORS } from './limits.ts';
import { identifyProposals } from './proposal.ts';
import { OFFSET_BYTES, SszReader, SszWriter } from './ssz.ts';
import type { Commit, IdentifiedProposal, Ref } from './types.ts';

/** An open proposal, without what was said of it. */
export interface OpenState {
  readonly proposal: IdentifiedProposal;
  readonly openedRound: number;
  readonly votableFromMs: number | null;
}

/** A committed block on whose proposals votes still count. `ids`: map keys of all its proposals, in order. */
export interface VotableState {
  readonly ref: Ref;
  readonly ids: readonly string[];
}

/** Decisions under way. Nothing in it changes any more, whatever the core does next. */
export interface FocusState {
  /** In opening order. */
  readonly open: readonly OpenState[];
  /** Of `open`, as TallyKernel.ballots gives them. */
  readonly ballots: Uint16Array;
  /** In the order in which they were opened. */
  readonly votable: readonly VotableState[];
  /** Blocks of the last commit whose proposals the next one opens. */
  readonly deferred: readonly Ref[];
  /** Records of decided proposals that have not run out. See `remembered.ts`. */
  readonly remembered: readonly Uint8Array[];
}

export interface CoreSnapshot {
  /** The newest commit that is in it; what follows from it alone (gcRound, commit time, the next slot) is not repeated. */
  readonly commit: Commit;
  /** The newest commit that decided something. */
  readonly decisiveIndex: number;
  /** Every committed block above gcRound, ascending. */
  readonly committed: readonly Ref[];
  readonly focus: FocusState;
}

const KIND = { BASE: 1, COMMITTED: 2, OPEN: 3, VOTABLE: 4, DEFERRED: 5, REMEMBERED: 6 } as const;
/** A piece is finished once it has this many bytes. */
const PIECE_BYTES = 256 * 1024;
/** commit, decisiveIndex u64. */
const BASE_BYTES = COMMIT_BYTES + 8;
/** openedRound u32, is votable u8, votableFromMs u64, offsets of ballots and proposal. */
const OPEN_FIXED_BYTES = 4 + 1 + 8 + 2 * OFFSET_BYTES;
/** ref, offset of the ids. */
const VOTABLE_FIXED_BYTES = REF_BYTES + OFFSET_BYTES;
/** More elements than one piece can have. */
const MAX_PIECE_ELEMENTS = 1 << 16;

/** The encoding in pieces of some 256 KB, made one by one: between two of them the core may go on. */
export function* encodeSnapshot({ commit, decisiveIndex, committed, focus }: CoreSnapshot): Generator<Uint8Array> {
  const base = new SszWriter(BASE_BYTES);
  writeCommit(base, commit);
  yield piece(KIND.BASE, base.u64(decisiveIndex).finish());
  yield* pieces(KIND.COMMITTED, committed.values().map(encodeRef));
  const authors = focus.open.length === 0 ? 0 : focus.ballots.length / focus.open.length;
  const ballotsOf = (i: number) => encodeBallots(focus.ballots.subarray(i * authors, (i + 1) * authors));
  yield* lists(
    KIND.OPEN,
    focus.open.keys().map((i) => encodeOpen(focus.open[i]!, ballotsOf(i))),
  );
  yield* lists(KIND.VOTABLE, focus.votable.values().map(encodeVotable));
  yield* pieces(KIND.DEFERRED, focus.deferred.values().map(encodeRef));
  yield* pieces(KIND.REMEMBERED, slices(focus.remembered));
}

/** What {@link encodeSnapshot} gave. Throws `SNAPSHOT_PIECE`, the codes of {@link SszReader}, and those of proposals. */
export function decodeSnapshot(kernels: Kernels, encoded: Iterable<Uint8Array>): CoreSnapshot {
  let base: Pick<CoreSnapshot, 'commit' | 'decisiveIndex'> | undefined;
  const committed: Ref[] = [];
  const open: OpenState[] = [];
  const ballots: number[] = [];
  const votable: VotableState[] = [];
  const deferred: Ref[] = [];
  const remembered: Uint8Array[] = [];
  for (const bytes of encoded) {
    const reader = new SszReader(bytes);
    switch (bytes[0]) {
      case KIND.BASE:
        base = readBase(reader);
        break;
      case KIND.COMMITTED:
        committed.push(...readRefs(reader, 1, reader.length, MAX_DAG_BLOCKS));
        break;
      case KIND.OPEN:
        for (const { state, ballots: said } of readOpens(kernels, reader)) {
          open.push(state);
          ballots.push(...said);
        }
        break;
      case KIND.VOTABLE:
        votable.push(...readList(reader, readVotable));
        break;
      case KIND.DEFERRED:
        deferred.push(...readRefs(reader, 1, reader.length, MAX_DAG_BLOCKS));
        break;
      case KIND.REMEMBERED:
        remembered.push(bytes.subarray(1));
        break;
      default:
        throw new PqError('SNAPSHOT_PIECE', 'A snapshot has a piece of an unknown kind.', { kind: bytes[0] });
    }
    if (open.length > MAX_OPEN_PROPOSALS) refuse('more open proposals than there can be');
  }
  if (base === undefined) return refuse('no commit');
  const decided = { votable, deferred, remembered: [concatBytes(...remembered)] };
  return { ...base, committed, focus: { open, ballots: Uint16Array.from(ballots), ...decided } };
}

function refuse(what: string): never {
  throw new PqError('SNAPSHOT_PIECE', `A snapshot cannot be used: it has ${what}.`, { what });
}

function piece(kind: number, bytes: Uint8Array): Uint8Array {
  return concatBytes(Uint8Array.of(kind), bytes);
}

/** Elements of fixed size, or bytes whose borders mean nothing, one after the other. */
function* pieces(kind: number, elements: Iterable<Uint8Array>): Generator<Uint8Array> {
  for (const some of gathered(elements)) yield piece(kind, concatBytes(...some));
}

/** Lists of elements of variable size. */
function* lists(kind: number, elements: Iterable<Uint8Array>): Generator<Uint8Array> {
  for (const some of gathered(elements)) {
    const list = new SszWriter(some.length * OFFSET_BYTES);
    for (const element of some) list.variable(element);
    yield piece(kind, list.finish());
  }
}

function* gathered(elements: Iterable<Uint8Array>): Generator<Uint8Array[]> {
  let some: Uint8Array[] = [];
  let bytes = 0;
  for (const element of elements) {
    some.push(element);
    bytes += element.length;
    if (bytes < PIECE_BYTES && some.length < MAX_PIECE_ELEMENTS) continue;
    yield some;
    some = [];
    bytes = 0;
  }
  if (some.length > 0) yield some;
}

function* slices(parts: readonly Uint8Array[]): Generator<Uint8Array> {
  for (const part of parts) {
    for (let at = 0; at < part.length; at += PIECE_BYTES) yield part.subarray(at, at + PIECE_BYTES);
  }
}

function readList<Element>(
  reader: SszReader,
  read: (reader: SszReader, start: number, end: number) => Element,
): Element[] {
  const bounds = reader.enterElements(1, reader.length, MAX_PIECE_ELEMENTS);
  return Array.from({ length: bounds.length - 1 }, (_, i) => read(reader, bounds[i]!, bounds[i + 1]!));
}

function readBase(reader: SszReader): Pick<CoreSnapshot, 'commit' | 'decisiveIndex'> {
  reader.enterFixed(1, reader.length, BASE_BYTES);
  return { commit: readCommit(reader), decisiveIndex: reader.u64() };
}

function encodeBallots(ballots: Uint16Array): Uint8Array {
  const writer = new SszWriter(2 * ballots.length);
  for (const ballot of ballots) writer.u16(ballot);
  return writer.finish();
}

function encodeOpen({ proposal, openedRound, votableFromMs }: OpenState, ballots: Uint8Array): Uint8Array {
  return new SszWriter(OPEN_FIXED_BYTES)
    .u32(openedRound)
    .u8(votableFromMs === null ? 0 : 1)
    .u64(votableFromMs ?? 0)
    .variable(ballots)
    .variable(proposal.bytes)
    .finish();
}

interface OpenBytes {
  readonly openedRound: number;
  readonly votableFromMs: number | null;
  readonly ballots: readonly number[];
  readonly bytes: Uint8Array;
}

function readOpens(kernels: Kernels, reader: SszReader): { state: OpenState; ballots: readonly number[] }[] {
  const list = readList(reader, readOpen);
  const proposals = identifyProposals(
    kernels,
    list.map(({ bytes }) => bytes),
  );
  return list.map(({ openedRound, votableFromMs, ballots }, i) => {
    return { state: { proposal: proposals[i]!, openedRound, votableFromMs }, ballots };
  });
}

function readOpen(reader: SszReader, start: number, end: number): OpenBytes {
  reader.enter(start, end, OPEN_FIXED_BYTES);
  const openedRound = reader.u32();
  const isVotable = reader.u8() === 1;
  const fromMs = reader.u64();
  const ballotsAt = reader.offset();
  const proposalAt = reader.offset();
  const count = reader.enterList(ballotsAt, proposalAt, 2, MAX_VALIDATORS);
  const ballots = Array.from({ length: count }, () => reader.u16());
  // A copy: the proposal may be held for long, and the piece that it lies in is large.
  const bytes = reader.byteList(proposalAt, end, MAX_PROPOSAL_BYTES).slice();
  return { openedRound, votableFromMs: isVotable ? fromMs : null, ballots, bytes };
}

function encodeVotable({ ref, ids }: VotableState): Uint8Array {
  const writer = new SszWriter(VOTABLE_FIXED_BYTES);
  writeRef(writer, ref);
  return writer.variable(concatBytes(...ids.map(fromHex))).finish();
}

function readVotable(reader: SszReader, start: number, end: number): VotableState {
  reader.enter(start, end, VOTABLE_FIXED_BYTES);
  const ref = readRef(reader);
  const count = reader.enterList(reader.offset(), end, DIGEST_BYTES, MAX_PROPOSALS);
  return { ref, ids: Array.from({ length: count }, () => digestKey(reader.vector(DIGEST_BYTES))) };
}
