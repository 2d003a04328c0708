/** A client's session over QZMQ. */
import type { Committee } from '../core/committee.ts';
import { nodeIdOf } from '../crypto/identity.ts';
import { connectClient } from '../qzmq/client.ts';
import type { ClientLink, LinkHandlers } from './client.ts';

/**
 * How to reach the node at `endpoint` (HOST:PORT): whoever answers must prove to be a member of the committee, which comes
 * from the genesis document that the client trusts, or of a later one. What it returns is `connect` of a `Client`.
 */
export function linkTo(
  endpoint: string,
  committee: Committee,
  later: readonly Committee[] = [],
): (handlers: LinkHandlers) => Promise<ClientLink> {
  const validators = [committee, ...later].flatMap((each) => each.validators);
  const members = validators.map(({ publicKey, ed25519Key, gateKey }, index) => ({
    index,
    nodeId: nodeIdOf(publicKey, ed25519Key, gateKey),
    publicKey,
    ed25519Key,
    gateKey,
  }));
  return async ({ onMessage, onClose }) => {
    const session = await connectClient({ endpoint, chainId: committee.chainId, members, onMessage, onClose });
    return { send: (message) => session.send(message) === 'ok', close: () => session.close() };
  };
}
