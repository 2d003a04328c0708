/**
 * The gate: a key that every pair of validators already shares (static X25519), so that R can tell a member's HELLO from
 * junk without a signature. A filter against denial of service, not authentication; broken X25519 costs only the filter.
 */
import { createSecretKey, type KeyObject } from 'node:crypto';
import { hkdfSha384, utf8 } from '../crypto/bytes.ts';
import type { Identity, PublicIdentity } from '../crypto/identity.ts';
import { PqError } from '../errors.ts';
import { HINT_MINUTES } from './constants.ts';
import { u32 } from './frames.ts';
import { shortMac } from './schedule.ts';

const NO_SALT = new Uint8Array(0);

/** In client mode there is no shared key: the MACs only catch damage. */
export const CLIENT_GATE: KeyObject = createSecretKey(Buffer.alloc(32));
export const CLIENT_HINT = Buffer.alloc(16);

/**
 * G of the pair, for the given roles. Throws `QZMQ_BAD_MEMBER` when the peer's gate key is no X25519 key.
 */
export async function gateKey(
  own: Identity,
  peer: PublicIdentity,
  role: 'initiator' | 'responder',
): Promise<KeyObject> {
  const shared = await own.gate.agree(peer.gateKey);
  if (shared === undefined) {
    throw new PqError('QZMQ_BAD_MEMBER', 'a member of the committee has an unusable gate key; check the genesis', {
      nodeId: Buffer.from(peer.nodeId).toString('hex'),
    });
  }
  const [idI, idR] = role === 'initiator' ? [own.nodeId, peer.nodeId] : [peer.nodeId, own.nodeId];
  const info = Buffer.concat([utf8('qzmq1 gate'), idI, idR]);
  return createSecretKey(hkdfSha384(shared, NO_SALT, info, 32));
}

export function minuteOf(nowMs: number): number {
  return Math.floor(nowMs / 60_000);
}

/** The rotating pseudonym under which I greets R in this minute. */
export function hintFor(gate: KeyObject, minute: number, idR: Uint8Array): Buffer {
  return shortMac(gate, 'hint', u32(minute >>> 0), idR);
}

/** R's side: which member a hint stands for. Recomputed when the minute changes. */
export class HintTable {
  readonly #gates: ReadonlyMap<number, KeyObject>;
  readonly #own: Uint8Array;
  #minute = Number.NEGATIVE_INFINITY;
  #members = new Map<string, number>();

  /** `gates`: G of each member as the initiator, by committee index. */
  constructor(gates: ReadonlyMap<number, KeyObject>, own: Uint8Array) {
    this.#gates = gates;
    this.#own = own;
  }

  /** Committee index, or undefined. */
  find(hint: Uint8Array, nowMs: number): number | undefined {
    const minute = minuteOf(nowMs);
    if (minute !== this.#minute) this.#rebuild(minute);
    return this.#members.get(Buffer.from(hint).toString('latin1'));
  }

  #rebuild(minute: number): void {
    this.#members = new Map();
    for (const [member, gate] of this.#gates) {
      for (let offset = -HINT_MINUTES; offset <= HINT_MINUTES; offset++) {
        this.#members.set(hintFor(gate, minute + offset, this.#own).toString('latin1'), member);
      }
    }
    this.#minute = minute;
  }
}
