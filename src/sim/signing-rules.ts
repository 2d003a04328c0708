import { decodeBlock } from '../core/block.ts';
import { equalBytes, toHex } from '../core/bytes.ts';
import type { CoreEvent } from '../core/events.ts';
import type { Invariants } from './invariants.ts';
import type { SimValidator } from './validator.ts';
import type { SimWorld } from './world.ts';

/** The rule's own number, not the core's. */
const GC_DEPTH = 60;

/** What a validator is known to have signed, and where it stands. */
interface Signer {
  /** Digest by epoch and round. */
  readonly signed: Map<string, string>;
  epoch: number;
  round: number;
  /** It started, or took over commits: it may skip rounds once. */
  mayJump: boolean;
  /** Round of the leader that it committed last. */
  leaderRound: number;
}

/**
 * What must hold of every signature of an honest validator: never two in one round, whatever it forgot; none before the record
 * that names the block, the block and all of its history are durable; no own rounds skipped but once after a start or a
 * sync, or when the others left its last one below gcRound.
 */
export class SigningRules {
  readonly #world: SimWorld;
  readonly #invariants: Invariants;
  readonly #signers = new Map<number, Signer>();

  constructor(world: SimWorld, invariants: Invariants) {
    this.#world = world;
    this.#invariants = invariants;
  }

  observed(validator: number, event: CoreEvent): void {
    const signer = this.#signer(validator);
    if (event.type === 'synced') signer.mayJump = true;
    if (event.type === 'epoch') signer.leaderRound = 0;
    if (event.type === 'committed') signer.leaderRound = event.blocks.at(-1)?.ref.round ?? 0;
  }

  started(validator: number): void {
    this.#signer(validator).mayJump = true;
  }

  /** This digest is being signed. */
  async signing({ index, disk }: Pick<SimValidator, 'index' | 'disk'>, digest: Uint8Array): Promise<void> {
    const record = await disk.durableRecord();
    if (!record || !equalBytes(record.digest, digest)) {
      return this.#invariants.fail('SIM_SIGNED_BEFORE_RECORD', { index });
    }
    this.#checkRound(index, record.epoch, record.round, digest);
    const bytes = disk.durableBlock(digest);
    if (!bytes) return this.#invariants.fail('SIM_SIGNED_BEFORE_BLOCK', { index, round: record.round });
    for (const parent of decodeBlock(this.#world.kernels, bytes).header.parents) {
      const isThere = parent.round === 0 || disk.durableBlock(parent.digest) !== undefined;
      if (!isThere && !this.#mayBeRemoved(index, parent.round)) {
        this.#invariants.fail('SIM_SIGNED_BEFORE_HISTORY', { index, round: record.round, parent: parent.round });
      }
    }
  }

  /** An own block of long ago, say, which the first one after a long sleep stands on. */
  #mayBeRemoved(index: number, round: number): boolean {
    return this.#world.settings.history.retain !== 'all' && round <= this.#signer(index).leaderRound - GC_DEPTH;
  }

  #checkRound(index: number, epoch: number, round: number, digest: Uint8Array): void {
    const signer = this.#signer(index);
    const place = `${epoch}/${round}`;
    const before = signer.signed.get(place) ?? toHex(digest);
    if (before !== toHex(digest)) this.#invariants.fail('SIM_DOUBLE_SIGNATURE', { index, epoch, round });
    signer.signed.set(place, before);
    const last = epoch === signer.epoch ? signer.round : 0;
    const isLeftBehind = signer.leaderRound > GC_DEPTH && last <= signer.leaderRound - GC_DEPTH;
    if (round > last + 1 && !signer.mayJump && !isLeftBehind) {
      this.#invariants.fail('SIM_ROUND_SKIPPED', { index, epoch, last, round });
    }
    if (round > last + 1) signer.mayJump = false;
    signer.epoch = epoch;
    signer.round = round;
  }

  #signer(validator: number): Signer {
    const known = this.#signers.get(validator);
    if (known) return known;
    const fresh = { signed: new Map(), epoch: 0, round: 0, mayJump: false, leaderRound: 0 };
    this.#signers.set(validator, fresh);
    return fresh;
  }
}
