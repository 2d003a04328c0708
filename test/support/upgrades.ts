/** Upgrades for tests, and the proposals that carry them. */
import type { Committee } from '../../src/core/committee.ts';
import { SIGNATURE_BYTES } from '../../src/core/limits.ts';
import type { Keys } from '../../src/core/members.ts';
import { encodeProposal, identifyProposal } from '../../src/core/proposal.ts';
import type { IdentifiedProposal, Proposal } from '../../src/core/types.ts';
import { emptyUpgrade, type Join, UPGRADE_KIND, UPGRADE_VERSION, type Upgrade } from '../../src/core/upgrade.ts';
import { encodeUpgrade } from '../../src/core/upgrade-codec.ts';
import type { Kernels } from '../../src/wasm/kernels.ts';
import { seeded } from './random.ts';

/** Keys of nobody. */
export function makeKeys(seed: number): Keys {
  const random = seeded(1_000 + seed);
  return { publicKey: random.bytes(1952), ed25519Key: random.bytes(32), gateKey: random.bytes(32) };
}

/** With a consent that only a test takes for one. */
export function makeJoin(seed: number, more: Partial<Join> = {}): Join {
  return { name: `new-${seed}`, stake: 1, ...makeKeys(seed), consent: new Uint8Array(SIGNATURE_BYTES), ...more };
}

export function makeUpgrade(
  kernels: Kernels,
  committee: Pick<Committee, 'chainId' | 'epoch'>,
  changes: Partial<Upgrade>,
  more: Partial<Proposal> = {},
): IdentifiedProposal {
  const proposal: Proposal = {
    version: UPGRADE_VERSION,
    kind: UPGRADE_KIND,
    expiryMs: 1_700_000_050_000,
    sender: new Uint8Array(0),
    body: encodeUpgrade({ ...emptyUpgrade(committee), ...changes }),
    signature: new Uint8Array(0),
    ...more,
  };
  return identifyProposal(kernels, encodeProposal(proposal));
}
