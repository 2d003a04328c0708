/** A validator in a process of its own, for tests that try to kill it. Prints its address; answers a line by its counters. */
import { createInterface } from 'node:readline';
import { createTransport } from '../../src/qzmq/transport.ts';
import { CHAIN, identity, MEMBERS } from './parties.ts';

const transport = await createTransport({
  identity: identity(0),
  chainId: CHAIN,
  epoch: 0,
  committeeHash: new Uint8Array(32),
  members: MEMBERS,
  listen: { host: '127.0.0.1', port: 0 },
  allowClients: true,
  handlers: {
    onMessage: (peer, bytes) => transport.send(peer, bytes),
    onPeerUp: () => undefined,
    onPeerDown: () => undefined,
    onClientMessage: (client, bytes) => transport.sendClient(client, bytes),
  },
});
process.stdout.write(`${transport.address}\n`);
createInterface({ input: process.stdin })
  .on('line', () => process.stdout.write(`${JSON.stringify(transport.stats())}\n`))
  .on('close', () => process.exit(0));
