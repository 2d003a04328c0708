import { expect, onTestFinished, test } from 'vitest';
import { Agent } from '../../src/agent/agent.ts';
import { buildTransfer } from '../../src/app/payments-client.ts';
import { accountId } from '../../src/app/payments-format.ts';
import { committeeOf } from '../../src/core/committee.ts';
import { devnetAccount, devnetGenesis, devnetIdentity, devnetSeed } from '../../src/node/devnet.ts';
import { initHome } from '../../src/node/home.ts';
import { type Node, startNode } from '../../src/node/node.ts';
import { loadKernels } from '../../src/wasm/load.ts';
import { certified, submit } from './network.ts';
import { temporaryDirectory } from './temporary.ts';

const kernels = loadKernels();
const genesis = devnetGenesis(4);
const { chainId } = committeeOf(kernels, genesis);

/** Rejects what comes from phishing.example. */
function judgeOfOrigins(): Agent {
  const agent = new Agent();
  agent.addModel({
    name: 'origins',
    kind: 'transaction',
    sha256: '11'.repeat(32),
    score: async (items) =>
      Float64Array.from(items, (item) => (item.kind === 'transaction' && item.origin === 'phishing.example' ? 1 : 0)),
  });
  return agent;
}

async function startDevnet(): Promise<Node[]> {
  const nodes: Node[] = [];
  for (let index = 0; index < 4; index++) {
    const home = temporaryDirectory();
    await initHome(home, { genesis, seed: devnetSeed(index) });
    const node = await startNode({
      home,
      genesis,
      identity: devnetIdentity(index),
      listen: { host: '127.0.0.1', port: 0 },
      // One address is enough to find the rest.
      peers: nodes.slice(0, 1).map(({ address }) => address),
      agent: judgeOfOrigins(),
    });
    onTestFinished(() => node.stop());
    nodes.push(node);
  }
  return nodes;
}

function transferOf(from: number, to: number, nonce: number, amount: number, origin: string): Promise<Uint8Array> {
  const context = { kernels, chainId, expiryMs: Date.now() + 20_000 };
  const recipient = accountId(kernels, devnetAccount(to).publicKey);
  return buildTransfer(context, devnetAccount(from), { nonce, to: recipient, amount, fee: 1, origin });
}

test('payments are approved, executed, refused by models, and never spent twice under one nonce', async () => {
  const nodes = await startDevnet();
  const good = await transferOf(0, 1, 1, 100, 'shop.example');
  const phishing = await transferOf(1, 0, 1, 100, 'phishing.example');
  const [twice, again] = [await transferOf(2, 3, 1, 5, 'a.example'), await transferOf(2, 4, 1, 6, 'a.example')];
  const poor = await transferOf(3, 4, 1, 5_000_000_000_000, 'a.example');
  const ids = await submit(nodes[0]!, [good, phishing, twice, again, poor]);
  const decided = await certified(nodes[3]!, ids);
  expect(decided.map(({ decision, receipt }) => [decision, receipt])).toEqual([
    ['APPROVED', 0],
    ['REJECTED', 0],
    ['APPROVED', 0],
    ['CONFLICT', 0],
    ['APPROVED', 6],
  ]);
});

test('a double spend given to two validators at once: one approved, one in conflict, the same on every node', async () => {
  const nodes = await startDevnet();
  for (let nonce = 1; nonce <= 3; nonce++) {
    const spends = [await transferOf(5, 6, nonce, 10, 'a.example'), await transferOf(5, 7, nonce, 20, 'b.example')];
    const ids = (await Promise.all(spends.map((bytes, i) => submit(nodes[i * 2]!, [bytes])))).flat();
    const told = await Promise.all(nodes.map((node) => certified(node, ids)));
    const decisions = told.map((decided) => decided.map(({ decision }) => decision));
    expect(decisions[0]!.toSorted()).toEqual(['APPROVED', 'CONFLICT']);
    for (const others of decisions) expect(others).toEqual(decisions[0]);
  }
});

test('a transfer that its account did not sign is refused at the door', async () => {
  const [node] = await startDevnet();
  const forged = (await transferOf(0, 1, 7, 100, '')).slice();
  forged[forged.length - 1]! ^= 1;
  const results = await node!.submit([forged, await transferOf(0, 1, 8, 100, '')]);
  expect(results[0]).toMatchObject({ taken: false, code: 'PROPOSAL_BAD_SIGNATURE' });
  expect(results[1]!.taken).toBe(true);
});
