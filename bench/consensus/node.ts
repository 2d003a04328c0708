/** One validator as a process of its own: `node node.ts WORKLOAD VALIDATORS INDEX HOME PORT PEER`. Says when it is up. */
import { fileURLToPath } from 'node:url';
import { Agent } from '../../src/agent/agent.ts';
import type { DataKind } from '../../src/agent/proposals.ts';
import { devnetIdentity, devnetSeed } from '../../src/node/devnet.ts';
import { initHome } from '../../src/node/home.ts';
import { startNode } from '../../src/node/node.ts';
import { genesisOf, type Workload } from './workload.ts';

const [workload, validators, index, home, port, peer] = process.argv.slice(2) as [Workload, ...string[]];
const genesis = genesisOf(workload, Number(validators));
const own = Number(index);
const agent = new Agent();
agent.configure({ maxProposalsPerSec: 1_000_000 });
if (workload === 'models') await agent.loadModel(shippedModel(own));
else agent.addModel(approveAll(workload === 'opaque' ? 'other' : 'transaction'));
await initHome(home!, { genesis, seed: devnetSeed(own) });
const node = await startNode({
  home: home!,
  genesis,
  identity: devnetIdentity(own),
  listen: { host: '127.0.0.1', port: Number(port) },
  peers: peer === '' || peer === undefined ? [] : [peer],
  agent,
});
process.once('SIGTERM', () => void node.stop()).once('disconnect', () => void node.stop());
process.send?.({ address: node.address });
process.exitCode = await node.exited;
process.disconnect?.();

/** The rule of a network without models: whatever passes the checks of the application. */
function approveAll(kind: DataKind) {
  const score = async (items: readonly unknown[]): Promise<Float64Array> => new Float64Array(items.length);
  return { name: 'approve-all', kind, sha256: '00'.repeat(32), score };
}

function shippedModel(validator: number): string {
  return fileURLToPath(new URL(`../../models/origin-${(validator % 4) + 1}.onnx`, import.meta.url));
}
