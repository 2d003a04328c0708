import { describe, expect, it } from 'vitest';
import { fromHex } from '../../src/core/bytes.ts';
import { committeeOf } from '../../src/core/committee.ts';
import { decodeEpochChain } from '../../src/core/epoch-chain.ts';
import { decodeEvidence } from '../../src/core/evidence.ts';
import type { Execution } from '../../src/core/io.ts';
import type { IdentifiedProposal, SignedBlock } from '../../src/core/types.ts';
import type { Join, Upgrade } from '../../src/core/upgrade.ts';
import { identityFromSeed } from '../../src/crypto/identity.ts';
import type { NodeApplication } from '../../src/node/application.ts';
import { Epochs } from '../../src/node/epochs.ts';
import { EvidenceBook, MAX_KEPT_EVIDENCE } from '../../src/node/evidence-book.ts';
import { checkUpgrade, checkUpgradePlace, consentTo, withUpgrades } from '../../src/node/upgrades.ts';
import { openStore } from '../../src/store/store.ts';
import { loadKernels } from '../../src/wasm/load.ts';
import { makeBlock, makeCommit, makeCommittee, makeProposals } from '../support/chain.ts';
import { makeUpgrade } from '../support/upgrades.ts';
import { EchoApplication } from './echo-application.ts';
import { temporaryDirectory } from './temporary.ts';
import { testGenesis } from './test-validator.ts';

const kernels = loadKernels();
const committee = committeeOf(kernels, testGenesis(4));
const identity = identityFromSeed(new Uint8Array(32).fill(77));
const propose = (changes: Partial<Upgrade>) => makeUpgrade(kernels, committee, changes);

async function join(place = { name: 'new', stake: 2 }): Promise<Join> {
  const signed = await consentTo(kernels, committee, identity, place);
  const { publicKey, ed25519Key, gateKey, consent } = signed;
  const [key, ed25519, gate, said] = [publicKey, ed25519Key, gateKey, consent].map(fromHex) as [
    Uint8Array,
    Uint8Array,
    Uint8Array,
    Uint8Array,
  ];
  return { ...place, publicKey: key, ed25519Key: ed25519, gateKey: gate, consent: said };
}

describe('a validator votes against an upgrade', () => {
  const code = async (proposal: IdentifiedProposal) => (await checkUpgrade(kernels, proposal))?.code ?? null;

  it('only if something is wrong with it whatever the committee', async () => {
    const good = await join();
    expect(await code(propose({ joins: [good] }))).toBeNull();
    expect(await code(propose({ leaves: [99] }))).toBeNull();
    expect(checkUpgradePlace(committee, propose({ leaves: [99] }))?.code).toBe('UPGRADE_AUTHOR');
    expect(checkUpgradePlace(committee, propose({ leaves: [3] }))).toBeNull();
  });

  it('whose new key did not agree to this very place', async () => {
    const good = await join();
    expect(await code(propose({ joins: [{ ...good, stake: 3 }] }))).toBe('UPGRADE_CONSENT');
    expect(await code(propose({ joins: [{ ...good, name: 'other' }] }))).toBe('UPGRADE_CONSENT');
    expect(await code(propose({ rotations: [{ ...good, author: 1 }] }))).toBe('UPGRADE_CONSENT');
    expect(await code(propose({ epoch: 1, joins: [good] }))).toBe('UPGRADE_CONSENT');
    const { consent } = await consentTo(kernels, committee, identity, { author: 1 });
    expect(await code(propose({ rotations: [{ ...good, author: 1, consent: fromHex(consent) }] }))).toBeNull();
  });

  it('whose gate key nobody can make a session with', async () => {
    const odd = { ...identity, gate: { ...identity.gate, publicKey: new Uint8Array(32) } };
    const signed = await consentTo(kernels, committee, odd, { author: 1 });
    const { consent } = signed;
    const keys = { ...(await join()), gateKey: new Uint8Array(32), consent: fromHex(consent) };
    expect(await code(propose({ rotations: [{ ...keys, author: 1 }] }))).toBe('UPGRADE_GATE_KEY');
  });

  it('that is none', async () => {
    const [other] = makeProposals(kernels, 1);
    const rubbish = { ...other!, proposal: { ...other!.proposal, kind: 0x8001 } };
    expect(await code(rubbish)).toBe('UPGRADE_FORM');
    expect(checkUpgradePlace(committee, rubbish)?.code).toBe('UPGRADE_FORM');
  });
});

describe('an application', () => {
  it('sees no upgrade, and answers for none', async () => {
    const seen: Execution[] = [];
    const echo = new EchoApplication();
    const inner: NodeApplication = {
      keysOf: echo.keysOf.bind(echo),
      checksAtOnce: echo.checksAtOnce,
      check: () => echo.check(),
      describe: (proposal) => echo.describe(proposal),
      summary: () => 'own',
      snapshot: () => echo.snapshot(),
      restore: (pieces) => echo.restore(pieces),
      execute: (execution) => {
        seen.push(execution);
        return { stateRoot: new Uint8Array(32).fill(9), receipts: execution.decisions.map((_, i) => i + 1) };
      },
    };
    const application = withUpgrades(kernels, inner);
    const [first, last] = makeProposals(kernels, 2) as [IdentifiedProposal, IdentifiedProposal];
    const upgrade = propose({ joins: [await join()], leaves: [2], parameters: { ...committee.parameters, openMs: 9 } });
    const proposals = [first, upgrade, last];
    const decisions = proposals.map(
      ({ id }) => ({ id, decision: 'APPROVED', reason: 'QUORUM', confidence: 1 }) as const,
    );
    const execution = { index: 4 as never, timestampMs: 5, decisions, proposals };
    expect(application.execute(execution)).toEqual({ stateRoot: new Uint8Array(32).fill(9), receipts: [1, 0, 2] });
    expect(seen.map((each) => each.proposals)).toEqual([[first, last]]);
    expect(seen[0]!.decisions).toEqual([decisions[0], decisions[2]]);
    expect(application.summary(first)).toBe('own');
    expect(application.summary(upgrade)).toBe(
      'join new with stake 2, leave 3, leadersPerRound is 1, requiredVotesPerMille is 0, openMs is 9, maxExpiryMs is 60000',
    );
    expect(application.describe(upgrade)).toMatchObject({ kind: 'upgrade', parameter: 'committee' });
    expect(await application.check(upgrade)).toBeNull();
  });
});

describe('in the store', () => {
  it('epochs that are over are kept with the committee that followed', async () => {
    const store = await openStore(await temporaryDirectory());
    const epochs = new Epochs(store);
    expect([epochs.closing(0), decodeEpochChain(epochs.chainFrom(0))]).toEqual([undefined, []]);
    const links = [0, 1, 2].map((epoch) => ({
      certificate: { commits: [{ ...makeCommit(committee, 5 + epoch), epoch }], entries: [] },
      members: { validators: committee.validators, parameters: committee.parameters },
    }));
    for (const link of links) epochs.close(link);
    expect(epochs.closing(1)).toEqual(links[1]!.certificate);
    expect(decodeEpochChain(new Epochs(store).chainFrom(1))).toEqual(links.slice(1));
    expect(decodeEpochChain(epochs.chainFrom(3))).toEqual([]);
    await store.close();
  });

  it('one piece of evidence for each validator and epoch is kept', async () => {
    const directory = await temporaryDirectory();
    let store = await openStore(directory);
    const twins = (round: number, author: number) =>
      [1, 2].map((n) => makeBlock(kernels, makeCommittee(kernels), round, author, { timestampMs: n })) as never[];
    const book = new EvidenceBook(kernels, store);
    for (const [round, author] of [
      [3, 1],
      [4, 1],
      [4, 2],
    ] as const) {
      const [one, other] = twins(round, author) as [never, never];
      book.add(one, other);
      book.add(other, one);
    }
    await store.close();
    store = await openStore(directory);
    const kept = new EvidenceBook(kernels, store).all();
    expect(kept.map(({ epoch, round, author }) => [epoch, round, author])).toEqual([
      [0, 3, 1],
      [0, 4, 2],
    ]);
    // No liar fills the disk: no more than so many pieces are kept.
    const full = new EvidenceBook(kernels, store);
    const [one, other] = twins(3, 3) as readonly SignedBlock[] as [SignedBlock, SignedBlock];
    const inEpoch = ({ header, ...block }: SignedBlock, epoch: number) =>
      ({ ...block, header: { ...header, epoch } }) as never;
    for (let epoch = 1; epoch <= MAX_KEPT_EVIDENCE; epoch++) full.add(inEpoch(one, epoch), inEpoch(other, epoch));
    expect(full.all()).toHaveLength(MAX_KEPT_EVIDENCE);
    expect(decodeEvidence(kept[1]!.bytes).first.fields).toMatchObject({ round: 4, author: 2 });
    await store.close();
  });
});
