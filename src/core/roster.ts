import type { Kernels } from '../wasm/kernels.ts';
import { toHex } from './bytes.ts';
import type { Committee } from './committee.ts';
import type { Keys } from './members.ts';
import type { AuthorIndex, PeerNumber } from './types.ts';

/** Whom a node may talk to. */
export interface RosterEntry extends Keys {
  readonly number: PeerNumber;
}

/**
 * Numbers for everybody who ever was in a committee that this node knows. A place in a committee changes with the epoch and
 * one with new keys is another peer; a number stays. Grows by one for each new set of keys that an upgrade brought.
 */
export class Roster {
  readonly #kernels: Kernels;
  readonly #numbers = new Map<string, PeerNumber>();

  constructor(kernels: Kernels) {
    this.#kernels = kernels;
  }

  /** The numbers of a committee's members, by author. In the first committee they are the authors themselves. */
  learn({ validators }: Pick<Committee, 'validators'>): PeerNumber[] {
    return validators.map(({ publicKey, ed25519Key, gateKey }) => {
      const name = toHex(this.#kernels.sha3_256(publicKey, ed25519Key, gateKey));
      const known = this.#numbers.get(name);
      if (known !== undefined) return known;
      const fresh = this.#numbers.size as PeerNumber;
      this.#numbers.set(name, fresh);
      return fresh;
    });
  }
}

/** Author by number, of the members of one committee. */
export function authorsByNumber(numbers: readonly PeerNumber[]): ReadonlyMap<PeerNumber, AuthorIndex> {
  return new Map(numbers.map((number, author) => [number, author as AuthorIndex]));
}
