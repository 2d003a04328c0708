/**
 * The door: what peers send is decoded, checked cheapest first, and its signatures are given out to be verified. Nothing
 * behind the door sees an unverified block.
 */
import { isPqError } from '../errors.ts';
import type { Kernels } from '../wasm/kernels.ts';
import { decodeBlock, refKey } from './block.ts';
import { entryDigest } from './certificate.ts';
import type { Committee } from './committee.ts';
import type { Dag } from './dag.ts';
import { MAX_VERIFYING_PER_PEER } from './limits.ts';
import type { EngineOptions, ReadBlock } from './options.ts';
import type { Outbox } from './outbox.ts';
import type { CommitSync } from './sync.ts';
import type { AuthorIndex, BlockDigest, Certificate, SignedBlock, VerifiedBlock } from './types.ts';
import { checkBlock } from './validity.ts';

type Pending =
  | { readonly kind: 'block'; readonly block: SignedBlock; readonly peer: AuthorIndex; readonly key: string }
  | { readonly kind: 'entry'; readonly certificate: Certificate; readonly peer: AuthorIndex };

/** What a checked signature proved. */
export type Proven =
  | { readonly kind: 'block'; readonly block: VerifiedBlock; readonly peer: AuthorIndex }
  | { readonly kind: 'entry'; readonly certificate: Certificate; readonly peer: AuthorIndex; readonly valid: boolean };

type IntakeOptions = Pick<EngineOptions, 'kernels' | 'committee' | 'out' | 'firstToken' | 'readBlock'>;

export class Intake {
  readonly #kernels: Kernels;
  readonly #readBlock: ReadBlock;
  readonly #committee: Committee;
  readonly #dag: Dag;
  readonly #sync: CommitSync;
  readonly #out: Outbox;
  readonly #pending = new Map<number, Pending>();
  /** Signatures at work, by peer and block: a peer cannot have one block checked twice at once. */
  readonly #verifying = new Set<string>();
  readonly #perPeer: number[];
  /** The first number that no check has. */
  #token: number;

  constructor(options: IntakeOptions, dag: Dag, sync: CommitSync) {
    const { kernels, committee, out, firstToken, readBlock } = options;
    this.#token = firstToken;
    this.#kernels = kernels;
    this.#readBlock = readBlock ?? ((bytes) => decodeBlock(kernels, bytes));
    this.#committee = committee;
    this.#dag = dag;
    this.#sync = sync;
    this.#out = out;
    this.#perPeer = new Array(committee.size).fill(0);
  }

  get nextToken(): number {
    return this.#token;
  }

  /** A block in bytes from a peer. Whatever is wrong with it is reported and costs the peer nothing but the block. */
  block(peer: AuthorIndex, bytes: Uint8Array): void {
    this.guarded(peer, () => {
      const block = this.#readBlock(bytes);
      const key = refKey(block.ref);
      if (this.#isUnwelcome(peer, block, key)) return;
      checkBlock(block, this.#committee);
      this.#perPeer[peer]! += 1;
      this.#verifying.add(`${peer}/${key}`);
      const { author, digest } = block.ref;
      this.#verify({ kind: 'block', block, peer, key }, author, digest, block.signature);
    });
  }

  /** Every signature of a certificate whose form was checked. */
  certificate(peer: AuthorIndex, certificate: Certificate): void {
    for (const entry of certificate.entries) {
      const digest = entryDigest(this.#kernels, entry);
      this.#verify({ kind: 'entry', certificate, peer }, entry.fields.author, digest, entry.signature);
    }
  }

  /** The driver's answer. Undefined when it proves nothing. */
  verified(token: number, valid: boolean): Proven | undefined {
    const pending = this.#pending.get(token);
    if (!pending) return undefined;
    this.#pending.delete(token);
    const { peer } = pending;
    if (pending.kind === 'entry') return { ...pending, valid };
    this.#perPeer[peer]! -= 1;
    this.#verifying.delete(`${peer}/${pending.key}`);
    if (valid) return { kind: 'block', block: pending.block as unknown as VerifiedBlock, peer };
    this.refuse(peer, 'BLOCK_SIGNATURE', 'the signature of a block does not verify');
    return undefined;
  }

  /** Runs what decodes a peer's bytes; a coded error is the peer's fault, any other is ours. */
  guarded(peer: AuthorIndex, work: () => void): void {
    try {
      work();
    } catch (error) {
      if (!isPqError(error)) throw error;
      this.refuse(peer, error.code, error.message);
    }
  }

  refuse(peer: AuthorIndex, code: string, message: string): void {
    this.#out.event({ type: 'refused', peer, code, message });
  }

  /** Not invalid, but nothing to spend a signature check on. */
  #isUnwelcome(peer: AuthorIndex, block: SignedBlock, key: string): boolean {
    if (this.#dag.holds(key) || this.#verifying.has(`${peer}/${key}`)) return true;
    if (this.#dag.isMissing(key) || this.#sync.wants(key)) return false;
    const { round, author } = block.ref;
    if (round <= this.#dag.gcRound) return true;
    if ((this.#perPeer[peer] ?? 0) >= MAX_VERIFYING_PER_PEER) {
      this.refuse(peer, 'PEER_BUSY', 'a peer sends blocks faster than they can be verified');
      return true;
    }
    if (this.#dag.isSlotFull(round, author)) {
      this.refuse(peer, 'BLOCK_SLOT_FULL', 'one author signed more blocks of one round than are looked at');
      return true;
    }
    return false;
  }

  #verify(pending: Pending, author: AuthorIndex, digest: BlockDigest, signature: Uint8Array): void {
    const token = this.#token++;
    this.#pending.set(token, pending);
    const { publicKey } = this.#committee.validators[author]!;
    this.#out.push({ type: 'verify', token, author, publicKey, digest, signature });
  }
}
