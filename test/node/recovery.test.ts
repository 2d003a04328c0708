import { expect, test } from 'vitest';
import { createCore } from '../../src/core/core.ts';
import { encodeProposal, identifyProposal } from '../../src/core/proposal.ts';
import { recover } from '../../src/node/recovery.ts';
import { SimSnapshots } from '../../src/sim/snapshots.ts';
import { loadKernels } from '../../src/wasm/load.ts';
import { makeCommittee } from '../support/chain.ts';
import { EchoApplication } from './echo-application.ts';
import { temporaryStore } from './temporary.ts';

const kernels = loadKernels();
const committee = makeCommittee(kernels);
const NOW_MS = 1_700_000_000_000;

test('what ran out while the node was down is owed before the core says so: else it would be owed for ever', async () => {
  const store = await temporaryStore();
  const proposal = {
    version: 1,
    kind: 1,
    expiryMs: NOW_MS - 1,
    sender: new Uint8Array(0),
    signature: new Uint8Array(0),
  };
  const { bytes, id } = identifyProposal(kernels, encodeProposal({ ...proposal, body: Uint8Array.of(1) }));
  store.addProposal(bytes, id);
  const core = createCore({
    kernels,
    committee,
    key: committee.validators[0]!.publicKey,
    keysOf: () => ({ wellFormed: true, keys: [] }),
    modelId: new Uint8Array(32),
  });
  const happened: string[] = [];
  const recovered = await recover({
    kernels,
    store,
    core,
    record: null,
    epochs: { closing: () => undefined, link: () => undefined },
    snapshots: new SimSnapshots(),
    application: new EchoApplication(),
    log: () => undefined,
    owe: (pending) => void happened.push(`owes ${pending.length}`),
    post: (input) => {
      for (const output of core.step(NOW_MS, input)) {
        if (output.type === 'event' && output.event.type === 'lapsed') happened.push('lapsed');
      }
    },
  });
  expect(happened).toEqual(['owes 1', 'lapsed']);
  expect(recovered.pending).toBe(1);
});
