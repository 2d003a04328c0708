import { expect, test } from 'vitest';
import { encodeProposal } from '../../src/core/proposal.ts';
import type { ProposalId } from '../../src/core/types.ts';
import type { DecidedProposal } from '../../src/node/client-protocol.ts';
import type { Node } from '../../src/node/node.ts';
import { makeNetwork } from './network.ts';

function proposal(...body: number[]): Uint8Array {
  return encodeProposal({
    version: 1,
    kind: 1,
    expiryMs: Date.now() + 25_000,
    sender: new Uint8Array(0),
    body: Uint8Array.from(body),
    signature: new Uint8Array(0),
  });
}

/** Submits and waits until every proposal is decided and certified. */
async function decide(node: Node, proposals: readonly Uint8Array[]): Promise<DecidedProposal[]> {
  const results = await node.submit(proposals);
  const ids = results.map((result) => {
    if (!result.taken) throw new Error(result.code);
    return result.id as ProposalId;
  });
  return Promise.all(ids.map((id) => certified(node, id)));
}

function certified(node: Node, id: ProposalId): Promise<DecidedProposal> {
  const { promise, resolve } = Promise.withResolvers<DecidedProposal>();
  let decision: { index: number; decided: DecidedProposal } | undefined;
  node.follow(id, {
    decided: (index, [decided]) => {
      decision = { index, decided: decided! };
    },
    certified: (index) => {
      if (decision !== undefined && index >= decision.index) resolve(decision.decided);
    },
  });
  return promise;
}

test('four nodes decide proposals of their clients by what their models say', async () => {
  const network = await makeNetwork(4);
  const nodes: Node[] = [];
  for (let i = 0; i < 4; i++) nodes.push(await network.start(i));
  const decided = await decide(nodes[1]!, [proposal(1), proposal(0xff, 2), proposal(3)]);
  expect(decided.map(({ decision }) => decision)).toEqual(['APPROVED', 'REJECTED', 'APPROVED']);
});
