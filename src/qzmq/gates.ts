/** The gate keys of a node with everybody it may talk to. */
import type { KeyObject } from 'node:crypto';
import type { Identity } from '../crypto/identity.ts';
import { isPqError, type PqError } from '../errors.ts';
import { gateKey } from './gate.ts';
import type { Member } from './handshake.ts';

/** By number: we as the initiator, and as the responder. */
export interface Gates {
  readonly outward: ReadonlyMap<number, KeyObject>;
  readonly inward: ReadonlyMap<number, KeyObject>;
}

export const NO_GATES: Gates = { outward: new Map(), inward: new Map() };

/**
 * The keys with `members`, those that `known` has taken from there. `onUnusable` is told of a member that no key can be made
 * with: there will be no session with it.
 */
export async function gatesWith(
  identity: Identity,
  members: readonly Member[],
  known: Gates,
  onUnusable: (member: Member, error: PqError) => void,
): Promise<Gates> {
  const outward = new Map<number, KeyObject>();
  const inward = new Map<number, KeyObject>();
  const make = async (member: Member): Promise<void> => {
    const { index } = member;
    try {
      outward.set(index, known.outward.get(index) ?? (await gateKey(identity, member, 'initiator')));
      inward.set(index, known.inward.get(index) ?? (await gateKey(identity, member, 'responder')));
    } catch (error) {
      if (!isPqError(error)) throw error;
      onUnusable(member, error);
    }
  };
  await Promise.all(members.map(make));
  return { outward, inward };
}
