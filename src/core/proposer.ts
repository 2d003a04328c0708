/**
 * The proposer: this validator as an author. In which round its next block is, what it stands on, and that nothing is
 * ever signed which the last-signed record does not name.
 */
import { signBlock } from './block.ts';
import { equalBytes } from './bytes.ts';
import type { Chain } from './chain.ts';
import type { SignedRecord } from './io.ts';
import { MAX_EXECUTION_LAG } from './limits.ts';
import type { Mempool } from './mempool.ts';
import type { LocalParameters } from './options.ts';
import type { Outbox } from './outbox.ts';
import type { Pacemaker } from './pacemaker.ts';
import type { PeerTable } from './peers.ts';
import type { Photon } from './photon.ts';
import { areOnlyOpinionsMissing } from './reason.ts';
import type { Block, BlockDigest, Ref, SignedBlock } from './types.ts';
import type { Wave } from './wave.ts';

export interface ProposerParts {
  readonly photon: Photon;
  readonly chain: Chain;
  readonly wave: Wave;
  readonly mempool: Mempool;
  readonly pacemaker: Pacemaker;
  readonly peers: PeerTable;
  readonly out: Outbox;
  readonly local: LocalParameters;
  readonly mayJump: boolean;
}

export class Proposer {
  readonly #parts: ProposerParts;
  /** False until a record allows to sign, and for good once the key turns out to be used elsewhere. */
  #maySign = false;
  #started = false;
  #sealing: Block | null = null;
  #newest: Ref | null = null;
  /** The one exception to own rounds: once per start or commit sync, which was then. */
  #mayJump: boolean;
  #sinceMs = 0;

  constructor(parts: ProposerParts) {
    this.#parts = parts;
    this.#mayJump = parts.mayJump;
  }

  /** What the own next block stands on: the newest own one that is held, or the own genesis ref. */
  get last(): Ref {
    return this.#parts.photon.last;
  }
  /** The round signed last. */
  get round(): number {
    return this.#parts.photon.record.round;
  }
  /** What must be durable before the newest own block may be signed; null when nothing may be. */
  get record(): SignedRecord | null {
    return this.#started ? this.#parts.photon.record : null;
  }
  /** The own block that waits for its signature. */
  get sealing(): BlockDigest | null {
    return this.#sealing?.ref.digest ?? null;
  }

  /** False until a record allows to sign, and after an alarm. */
  get maySign(): boolean {
    return this.#maySign && !this.#parts.chain.halted;
  }

  /** True from building an own block until its signature is here. */
  get isSealing(): boolean {
    return this.#sealing !== null;
  }

  /** Recovery is over. `unsigned`: the block of the record, if its signature was lost. */
  start(nowMs: number, record: SignedRecord, unsigned: Block | null): void {
    const { photon, chain } = this.#parts;
    this.#maySign = true;
    this.#started = true;
    this.#sinceMs = nowMs;
    photon.resume(record, photon.last);
    if (this.#newest && this.isRecorded(this.#newest)) this.#standOn(this.#newest);
    chain.checkListed(record);
    if (unsigned && !chain.halted) this.#seal(unsigned);
  }

  /** A range of commits was taken over: rounds may be skipped once more. */
  synced(nowMs: number): void {
    this.#mayJump = true;
    this.#sinceMs = nowMs;
  }

  /**
   * False, and the end of signing, for an own block above the record or another one in its round: then the key is used
   * elsewhere, or the disk is an old copy.
   */
  isRecorded(own: Ref): boolean {
    const { record } = this.#parts.photon;
    const isSame = own.round === record.round && equalBytes(own.digest, record.digest);
    if (!this.#maySign || own.round < record.round || isSame) return true;
    this.#maySign = false;
    this.#parts.chain.halt(
      'OWN_BLOCK_UNKNOWN',
      'a block signed by this validator is not in its record: stop, the key is in use elsewhere or the disk is an old copy',
      { round: own.round },
    );
    return false;
  }

  /** An own block was accepted, from wherever it came. */
  accepted(own: Ref): void {
    if (own.round > (this.#newest?.round ?? 0)) this.#newest = own;
    if (this.#maySign) this.#standOn(own);
  }

  #standOn(own: Ref): void {
    const { photon, pacemaker } = this.#parts;
    if (own.round <= photon.last.round) return;
    photon.resume(photon.record, own);
    pacemaker.ownRoundIs(own.round);
  }

  #seal(block: Block): void {
    this.#sealing = block;
    this.#parts.out.push({ type: 'seal', block, record: this.#parts.photon.record });
  }

  /** The own block with its signature, to be sent; undefined for an answer nobody waits for, or after the end of signing. */
  sealed(digest: Uint8Array, signature: Uint8Array): SignedBlock | undefined {
    const block = this.#sealing;
    if (!block || !equalBytes(block.ref.digest, digest)) return undefined;
    this.#sealing = null;
    // It is signed, and the record durable: a restart that finds nothing wrong sends it.
    if (!this.maySign) return undefined;
    this.#parts.photon.sealed(block);
    this.#parts.pacemaker.ownRoundIs(block.ref.round);
    return signBlock(block, signature);
  }

  /** Builds the own next block if there is a reason and it is time; returns when to look again. */
  emit(nowMs: number, need: boolean): number {
    const { photon, chain, wave, mempool, pacemaker } = this.#parts;
    if (!this.maySign || this.#sealing) return Number.POSITIVE_INFINITY;
    const { round, jumping, waitUntilMs } = this.#nextRound();
    if (waitUntilMs > nowMs) return waitUntilMs;
    const advice = pacemaker.advise(nowMs, {
      round,
      need,
      jumping,
      onlyOpinionsMissing: need && areOnlyOpinionsMissing(chain, mempool, wave),
      forming: wave.isForming(round),
    });
    if (!advice.create) return advice.wakeAtMs;
    if (jumping) this.#mayJump = false;
    pacemaker.created(nowMs);
    this.#seal(photon.build(round, nowMs, chain.horizon.lag < MAX_EXECUTION_LAG && chain.closing === null));
    return Number.POSITIVE_INFINITY;
  }

  /**
   * The round of the own next block: the one after the last; where a quorum is, once after a start or a sync, and when it has
   * left the last one below gcRound: what the next one would stand on is not held any more. Not the round after the
   * quorum's: that may be waiting for this very validator, if it leads.
   */
  #nextRound(): { round: number; jumping: boolean; waitUntilMs: number } {
    const { photon, peers, local } = this.#parts;
    const { dag } = this.#parts.chain;
    const next = photon.record.round + 1;
    const isLeftBehind = dag.gcRound > 0 && photon.record.round <= dag.gcRound;
    if (!this.#mayJump && !isLeftBehind) return { round: next, jumping: false, waitUntilMs: 0 };
    const round = Math.max(next, dag.highestQuorumRound());
    // The others are further than the DAG shows: what is missing is on its way, and the jump is only one.
    const behind = peers.supportedRound() > dag.highestRound;
    const waitUntilMs = behind ? this.#sinceMs + 4 * local.leaderTimeoutMs : 0;
    const jumping = round > next || photon.last.round < next - 1;
    return { round, jumping, waitUntilMs };
  }
}
