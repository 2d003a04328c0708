import { concatBytes, toHex, utf8 } from '../core/bytes.ts';
import type { IdentifiedProposal, Proposal, ProposalKeys } from '../core/types.ts';
import { PqError } from '../errors.ts';
import type { Kernels } from '../wasm/kernels.ts';
import {
  type Application,
  type ApplicationInfo,
  type ApplicationParts,
  type BlockToFinalize,
  type CheckResult,
  type FinalizedBlock,
  PROPOSAL_VERSION,
  type ProposalDescription,
  type QueryAnswer,
  RECEIPT,
  type ReceiptCode,
} from './application.ts';
import { MerkleTree } from './merkle-tree.ts';
import { Progress } from './progress.ts';
import { refuseSnapshot } from './snapshot-error.ts';
import { type StateSnapshot, StateView, StateViews } from './state-view.ts';

/** Kinds of proposals of `kv`. */
export const SET_KIND = 16;
export const CREATE_KIND = 17;
/** Keys that there can be. */
export const MAX_ENTRIES = 1_000_000;
const CREATE_PREFIX = utf8('pq/kv/create/1');
const NOTHING = new Uint8Array(0);

/** What a body says. Both are views. */
interface Pair {
  /** 1 … 255 bytes. */
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

interface Entry extends Pair {
  readonly position: number;
}

/** A body: key length u8 ‖ key ‖ value. Throws `KV_KEY_LENGTH` for a key of other than 1 … 255 bytes. */
export function encodePair(key: Uint8Array, value: Uint8Array): Uint8Array {
  if (key.length < 1 || key.length > 255) {
    throw new PqError('KV_KEY_LENGTH', 'Choose a key of 1 to 255 bytes', { length: key.length });
  }
  return concatBytes(Uint8Array.of(key.length), key, value);
}

/**
 * Keys and values that anybody may write. SET has no conflicts: the last one in decision order wins. CREATE claims its
 * key, so of two that meet only the first is approved, and it fails on a key that exists. Genesis state: an array of
 * [key, value], both text. Query: `/get` (data: the key).
 */
export class KeyValue implements Application {
  readonly name = 'kv';
  readonly checksAtOnce = true;
  readonly #kernels: Kernels;
  readonly #chainId: Uint8Array;
  /** In the order of first writing, which is the order of the leaves. */
  #entries = new Map<string, Entry>();
  readonly #views = new StateViews<Entry>();
  #tree: MerkleTree;
  #progress: Progress;

  constructor({ kernels, chainId }: ApplicationParts) {
    this.#kernels = kernels;
    this.#chainId = chainId;
    this.#tree = new MerkleTree(kernels);
    this.#progress = new Progress(this.#tree.root());
  }

  info(): ApplicationInfo {
    return { name: this.name, version: 1, ...this.#progress.committed };
  }

  initChain(appState: unknown): Uint8Array {
    if (this.#entries.size > 0 || this.#progress.executedIndex > 0) {
      throw new PqError('APP_INITIALISED', 'This application has a state already: start with a fresh one');
    }
    for (const [key, value] of parseGenesis(appState)) this.#put({ key: utf8(key), value: utf8(value) });
    this.#progress = new Progress(this.#tree.root());
    return this.#progress.committed.stateRoot;
  }

  readonly keys = (proposal: Proposal): ProposalKeys => {
    const pair = readPair(proposal);
    if (!pair) return { wellFormed: false };
    const claims = proposal.kind === CREATE_KIND ? [this.#kernels.sha3_256(CREATE_PREFIX, pair.key)] : [];
    return { wellFormed: true, keys: claims };
  };

  checkTx({ proposal }: IdentifiedProposal): CheckResult {
    if (readPair(proposal)) return { ok: true };
    return { ok: false, code: 'MALFORMED', message: 'Send kind 16 or 17 with the body: key length, key, value' };
  }

  finalizeBlock({ index, approved }: BlockToFinalize): FinalizedBlock {
    this.#progress.begin(index);
    const receipts = approved.map(({ proposal }) => this.#execute(proposal));
    const stateRoot = this.#tree.root();
    this.#progress.executed(index, stateRoot);
    return { receipts, stateRoot };
  }

  commit(): void {
    this.#progress.commit();
  }

  query(path: string, data: Uint8Array): QueryAnswer {
    if (path !== '/get') throw new PqError('APP_QUERY_UNKNOWN', 'The only path is /get', { path });
    const entry = this.#entries.get(toHex(data));
    return { found: entry !== undefined, value: entry?.value ?? NOTHING };
  }

  describe(proposal: Proposal): ProposalDescription {
    return { kind: 'other', body: proposal.body };
  }

  snapshot(): StateSnapshot {
    const { size } = this.#entries;
    const view = new StateView(this.#entries.values(), size, encodeEntry);
    return this.#views.open(this.#progress.head(this.name, this.#chainId, size), view);
  }

  restore(snapshot: Iterable<Uint8Array>, expected?: Pick<ApplicationInfo, 'lastIndex' | 'stateRoot'>): void {
    const pieces = snapshot[Symbol.iterator]();
    const { index, elements } = Progress.open(this.name, this.#chainId, pieces);
    const restored = new KeyValue({ kernels: this.#kernels, chainId: this.#chainId });
    for (let piece = pieces.next(); !piece.done; piece = pieces.next()) {
      for (const pair of splitPairs(piece.value)) {
        if (restored.#entries.has(toHex(pair.key))) refuseSnapshot('keys');
        restored.#put(pair);
      }
      restored.#tree.root(); // Piece by piece: else all leaves are kept until the end.
    }
    if (restored.#entries.size !== elements) refuseSnapshot('length');
    const progress = new Progress(restored.#tree.root(), index);
    progress.require(expected);
    this.#entries = restored.#entries;
    this.#tree = restored.#tree;
    this.#progress = progress;
  }

  #execute(proposal: Proposal): ReceiptCode {
    const pair = readPair(proposal);
    if (!pair) return RECEIPT.MALFORMED;
    const exists = this.#entries.has(toHex(pair.key));
    if (exists && proposal.kind === CREATE_KIND) return RECEIPT.KEY_EXISTS;
    if (!exists && this.#entries.size >= MAX_ENTRIES) return RECEIPT.STATE_FULL;
    this.#put(pair);
    return RECEIPT.OK;
  }

  /** Copies: the proposal's bytes are a view of a whole block. */
  #put({ key, value }: Pair): void {
    const name = toHex(key);
    const before = this.#entries.get(name);
    if (before) this.#views.keep(before.position, before);
    const position = before?.position ?? this.#entries.size;
    this.#entries.set(name, { key: Uint8Array.from(key), value: Uint8Array.from(value), position });
    this.#tree.set(position, encodePair(key, value));
  }
}

function readPair({ version, kind, body }: Proposal): Pair | undefined {
  if (version !== PROPOSAL_VERSION || (kind !== SET_KIND && kind !== CREATE_KIND)) return undefined;
  return splitBody(body);
}

function splitBody(body: Uint8Array): Pair | undefined {
  const length = body[0];
  if (length === undefined || length === 0 || body.length < 1 + length) return undefined;
  return { key: body.subarray(1, 1 + length), value: body.subarray(1 + length) };
}

/** Value length u32 ‖ pair. */
function encodeEntry({ key, value }: Entry): Uint8Array {
  const length = new Uint8Array(4);
  new DataView(length.buffer).setUint32(0, value.length, true);
  return concatBytes(length, encodePair(key, value));
}

function* splitPairs(state: Uint8Array): Generator<Pair> {
  const view = new DataView(state.buffer, state.byteOffset, state.byteLength);
  for (let at = 0; at < state.length; ) {
    const keyLength = at + 4 < state.length ? state[at + 4]! : refuseSnapshot('length');
    const end = at + 5 + keyLength + view.getUint32(at, true);
    const pair = end <= state.length ? splitBody(state.subarray(at + 4, end)) : undefined;
    yield pair ?? refuseSnapshot('length');
    at = end;
  }
}

function parseGenesis(appState: unknown): readonly (readonly [string, string])[] {
  const isPair = (entry: unknown) =>
    Array.isArray(entry) && entry.length === 2 && entry.every((text) => typeof text === 'string');
  const pairs = Array.isArray(appState) && appState.every(isPair) ? (appState as [string, string][]) : undefined;
  const keys = pairs?.map(([key]) => key) ?? [];
  if (!pairs || new Set(keys).size < keys.length || !keys.every((key) => isKeyLength(utf8(key).length))) {
    const expected = 'an array of [key, value], both text, each key once and of 1 to 255 bytes';
    throw new PqError('APP_STATE_INVALID', `application.state must be ${expected}`, { path: '', expected });
  }
  return pairs;
}

function isKeyLength(length: number): boolean {
  return length >= 1 && length <= 255;
}
