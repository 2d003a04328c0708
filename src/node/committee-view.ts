import type { Core } from '../core/core.ts';
import { nodeIdOf } from '../crypto/identity.ts';
import type { CommitteeChange } from '../qzmq/transport.ts';

/** Which committee the core believes in, and whom to have sessions with because of it. */
export function committeeViewOf(core: Pick<Core, 'committee' | 'roster'>): CommitteeChange {
  const { epoch, hash } = core.committee;
  const members = core.roster().map(({ number, publicKey, ed25519Key, gateKey }) => {
    return { index: number, publicKey, ed25519Key, gateKey, nodeId: nodeIdOf(publicKey, ed25519Key, gateKey) };
  });
  return { epoch, committeeHash: hash, members };
}
