/** Upgrades as a node sees them: what no application has to know of. */
import type { UpgradeData } from '../agent/proposals.ts';
import { toHex } from '../core/bytes.ts';
import type { Committee } from '../core/committee.ts';
import { PARAMETER_NAMES } from '../core/genesis.ts';
import { MAX_NEW_KEYS } from '../core/limits.ts';
import type { IdentifiedProposal, Proposal } from '../core/types.ts';
import {
  applyUpgrade,
  consentDigest,
  consentsOf,
  PROTOCOL_KINDS,
  readUpgrade,
  UPGRADE_CONTEXT,
  type Upgrade,
} from '../core/upgrade.ts';
import { isX25519Key } from '../crypto/curves.ts';
import { type Identity, publicIdentity } from '../crypto/identity.ts';
import { kernelCheck, verify } from '../crypto/verify.ts';
import { isPqError, PqError } from '../errors.ts';
import type { Kernels } from '../wasm/kernels.ts';
import type { NodeApplication } from './application.ts';
import type { ExecutionAnswer } from './driver.ts';

export function isUpgrade({ proposal }: Pick<IdentifiedProposal, 'proposal'>): boolean {
  return proposal.kind >= PROTOCOL_KINDS;
}

/** `application` for everything but upgrades, which are not its business: it sees none, and answers for none. */
export function withUpgrades(kernels: Kernels, application: NodeApplication): NodeApplication {
  const verifies = kernelCheck(kernels, MAX_NEW_KEYS) ?? verify;
  return {
    keysOf: application.keysOf,
    checksAtOnce: application.checksAtOnce,
    check: (proposal) =>
      isUpgrade(proposal) ? checkUpgrade(kernels, proposal, verifies) : application.check(proposal),
    describe: (proposal) => (isUpgrade(proposal) ? describeUpgrade(proposal) : application.describe(proposal)),
    summary: (proposal) => (isUpgrade(proposal) ? describeUpgrade(proposal).value : application.summary(proposal)),
    snapshot: () => application.snapshot(),
    restore: (pieces, expected) => application.restore(pieces, expected),
    execute: (execution) => executeOthers(application, execution),
  };
}

/** What was approved and is an upgrade has receipt 0: the protocol carries it out by itself. */
function executeOthers(
  application: NodeApplication,
  execution: Parameters<NodeApplication['execute']>[0],
): ExecutionAnswer {
  if (!execution.proposals.some(isUpgrade)) return application.execute(execution);
  const own = execution.proposals.map((proposal) => !isUpgrade(proposal));
  const { stateRoot, receipts } = application.execute({
    ...execution,
    decisions: execution.decisions.filter((_, i) => own[i]),
    proposals: execution.proposals.filter((_, i) => own[i]),
  });
  let next = 0;
  return { stateRoot, receipts: own.map((isOwn) => (isOwn ? (receipts[next++] ?? 0) : 0)) };
}

/**
 * What is wrong with an upgrade whatever the committee: its form, a consent that its owner did not give (`UPGRADE_CONSENT`), a
 * key that no session can be made with (`UPGRADE_GATE_KEY`). A validator votes against such a proposal. Null: nothing.
 */
export async function checkUpgrade(
  kernels: Kernels,
  { proposal }: IdentifiedProposal,
  verifies: (...check: Parameters<typeof verify>) => boolean | Promise<boolean> = verify,
): Promise<PqError | null> {
  const upgrade = readOr(proposal);
  if (upgrade instanceof PqError) return upgrade;
  for (const { publicKey, digest, signature } of consentsOf(kernels, upgrade)) {
    if (await verifies(publicKey, digest, UPGRADE_CONTEXT, signature)) continue;
    return new PqError(
      'UPGRADE_CONSENT',
      'The owner of a new key has not signed for its place: ask for the consent anew.',
    );
  }
  for (const { gateKey } of [...upgrade.joins, ...upgrade.rotations]) {
    if (isX25519Key(gateKey)) continue;
    return new PqError('UPGRADE_GATE_KEY', 'A gate key is no X25519 key that anybody can use: make new keys.');
  }
  return null;
}

/** Why an upgrade would be refused as malformed in the epoch of `committee`; null if it would not. */
export function checkUpgradePlace(committee: Committee, { proposal }: IdentifiedProposal): PqError | null {
  const upgrade = readOr(proposal);
  if (upgrade instanceof PqError) return upgrade;
  try {
    applyUpgrade(committee, upgrade);
    return null;
  } catch (error) {
    if (!isPqError(error)) throw error;
    return error;
  }
}

/** New keys with the consent of their owner, as JSON has them: everything in hex. */
export interface SignedKeys {
  readonly name?: string;
  readonly stake?: number;
  readonly publicKey: string;
  readonly ed25519Key: string;
  readonly gateKey: string;
  readonly consent: string;
}

/** `identity` agrees to a place in the epoch after that of `committee`: a new one with name and stake, or that of `author`. */
export async function consentTo(
  kernels: Kernels,
  committee: Pick<Committee, 'chainId' | 'epoch'>,
  identity: Identity,
  place: { readonly name: string; readonly stake: number } | { readonly author: number },
): Promise<SignedKeys> {
  const { publicKey, ed25519Key, gateKey } = publicIdentity(identity);
  const digest = consentDigest(kernels, committee, { ...place, publicKey, ed25519Key, gateKey });
  const consent = await identity.signing.sign(digest, UPGRADE_CONTEXT);
  return {
    ...('name' in place ? place : {}),
    publicKey: toHex(publicKey),
    ed25519Key: toHex(ed25519Key),
    gateKey: toHex(gateKey),
    consent: toHex(consent),
  };
}

function readOr(proposal: Proposal): Upgrade | PqError {
  try {
    return readUpgrade(proposal);
  } catch (error) {
    if (!isPqError(error)) throw error;
    return error;
  }
}

/** What models and modules see: `parameter` names what changes, `value` says all of it in one line. */
function describeUpgrade({ proposal }: IdentifiedProposal): UpgradeData {
  const upgrade = readOr(proposal);
  if (upgrade instanceof PqError) {
    return { kind: 'upgrade', parameter: '', value: 'malformed upgrade', description: upgrade.message };
  }
  const { joins, leaves, stakes, rotations, parameters } = upgrade;
  const members = [
    ...joins.map(({ name, stake }) => `join ${name} with stake ${stake}`),
    ...leaves.map((author) => `leave ${author + 1}`),
    ...stakes.map(({ author, stake }) => `stake of ${author + 1} is ${stake}`),
    ...rotations.map(({ author }) => `new keys for ${author + 1}`),
  ];
  const values = parameters === null ? [] : PARAMETER_NAMES.map((name) => `${name} is ${parameters[name]}`);
  return {
    kind: 'upgrade',
    parameter: members.length > 0 ? 'committee' : PARAMETER_NAMES.join(','),
    value: [...members, ...values].join(', '),
    description: `ends epoch ${upgrade.epoch}`,
  };
}
