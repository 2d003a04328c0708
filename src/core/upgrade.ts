/**
 * Upgrades: proposals that change the committee or the agreed parameters. An approved one ends the epoch. They belong to the
 * protocol, not to the application: what they mean follows from their bytes and the committee of the epoch alone.
 */
import { PqError } from '../errors.ts';
import type { Kernels } from '../wasm/kernels.ts';
import { equalBytes, utf8 } from './bytes.ts';
import type { Committee } from './committee.ts';
import { MAX_NAME_BYTES, PARAMETER_BOUNDS, PARAMETER_NAMES, type Parameters } from './genesis.ts';
import { MAX_NEW_KEYS, MAX_VALIDATORS } from './limits.ts';
import type { Keys, Members, Validator } from './members.ts';
import { SszWriter } from './ssz.ts';
import type { AuthorIndex, KeysOf, Proposal, ProposalKeys, Stake } from './types.ts';
import { decodeUpgrade, newKeysBytes } from './upgrade-codec.ts';

/** Kinds of proposals from here on are the protocol's, those that mean nothing yet too: no application sees any of them. */
export const PROTOCOL_KINDS = 0x8000;
export const UPGRADE_KIND = 0x8001;
export const UPGRADE_VERSION = 1;
/** Context string of the signature by which a new key shows that somebody has it and wants the place. */
export const UPGRADE_CONTEXT = utf8('photon-quasar/upgrade/1');

const EPOCH_KEY_PREFIX = utf8('epoch');
const CONSENT_PREFIX = utf8('pq/upgrade/1');

/** Somebody new. Its place is behind all others. */
export interface Join extends Keys {
  readonly name: string;
  readonly stake: number;
  /** By `publicKey`, over {@link consentDigest}. */
  readonly consent: Uint8Array;
}

/** New keys for a place that stays. */
export interface Rotation extends Keys {
  readonly author: number;
  /** By the new `publicKey`, over {@link consentDigest}. */
  readonly consent: Uint8Array;
}

export interface StakeChange {
  readonly author: number;
  readonly stake: number;
}

/** What is to be different in the next epoch. Authors are those of the epoch that it ends. */
export interface Upgrade {
  readonly chainId: Uint8Array;
  /** The epoch that it ends. */
  readonly epoch: number;
  readonly joins: readonly Join[];
  /** Strictly ascending. */
  readonly leaves: readonly number[];
  /** Strictly ascending by author. */
  readonly stakes: readonly StakeChange[];
  readonly rotations: readonly Rotation[];
  /** Null: as they are. */
  readonly parameters: Parameters | null;
}

/** Nothing but the place: spread what is to change over it. */
export function emptyUpgrade(committee: Pick<Committee, 'chainId' | 'epoch'>): Upgrade {
  const { chainId, epoch } = committee;
  return { chainId, epoch, joins: [], leaves: [], stakes: [], rotations: [], parameters: null };
}

/** The keys of every proposal in the epoch of `committee`: those of the application, and for the kinds of the protocol our own. */
export function keysWithUpgrades(kernels: Kernels, committee: Committee, keysOf: KeysOf): KeysOf {
  return (proposal) => {
    return proposal.kind < PROTOCOL_KINDS ? keysOf(proposal) : upgradeKeys(kernels, committee, proposal);
  };
}

/**
 * What an upgrade in the epoch of `committee` claims: the one key of the epoch, so that at most one is approved. One that is
 * not exactly an encoding, or that cannot be applied to this committee, is malformed. Never throws.
 */
function upgradeKeys(kernels: Kernels, committee: Committee, proposal: Proposal): ProposalKeys {
  try {
    applyUpgrade(committee, readUpgrade(proposal));
  } catch (error) {
    if (!(error instanceof PqError)) throw error;
    return { wellFormed: false };
  }
  return { wellFormed: true, keys: [epochKey(kernels, committee.epoch)] };
}

/** H("epoch" ‖ e), e as u32. */
function epochKey(kernels: Kernels, epoch: number): Uint8Array {
  return kernels.sha3_256(EPOCH_KEY_PREFIX, new SszWriter(4).u32(epoch).finish());
}

/**
 * The upgrade in a proposal of {@link UPGRADE_KIND}. Throws `UPGRADE_FORM` unless version, sender and signature are the only
 * ones that such a proposal has, and the codes of {@link decodeUpgrade}.
 */
export function readUpgrade({ version, kind, sender, signature, body }: Proposal): Upgrade {
  if (kind !== UPGRADE_KIND || version !== UPGRADE_VERSION || sender.length > 0 || signature.length > 0) {
    throw new PqError('UPGRADE_FORM', 'An upgrade is of its own kind and version, without sender and signature.', {
      version,
      kind,
    });
  }
  return decodeUpgrade(body);
}

/** What the owner of new keys agrees to: these keys in this place of this chain, from the end of this epoch on. */
export function consentDigest(
  kernels: Kernels,
  { chainId, epoch }: Pick<Upgrade, 'chainId' | 'epoch'>,
  change: Omit<Join, 'consent'> | Omit<Rotation, 'consent'>,
): Uint8Array {
  return kernels.sha3_256(CONSENT_PREFIX, chainId, new SszWriter(4).u32(epoch).finish(), newKeysBytes(change));
}

/** A signature to be checked with {@link UPGRADE_CONTEXT}. */
export interface Consent {
  readonly publicKey: Uint8Array;
  readonly digest: Uint8Array;
  readonly signature: Uint8Array;
}

/** Every consent that the upgrade needs: whoever finds one that does not verify votes against it. */
export function consentsOf(kernels: Kernels, upgrade: Upgrade): Consent[] {
  return [...upgrade.joins, ...upgrade.rotations].map((change) => ({
    publicKey: change.publicKey,
    digest: consentDigest(kernels, upgrade, change),
    signature: change.consent,
  }));
}

/**
 * The members of the next epoch: who stays, in order, and behind them who joins. Their hash is never that of `committee`, for
 * every change must change something. Throws `UPGRADE_CHAIN`, `UPGRADE_EPOCH`, `UPGRADE_EMPTY`, `UPGRADE_COUNT`,
 * `UPGRADE_AUTHOR`, `UPGRADE_STAKE`, `UPGRADE_NAME`, `UPGRADE_DUPLICATE`, `UPGRADE_PARAMETERS`.
 */
export function applyUpgrade(committee: Committee, upgrade: Upgrade): Members {
  checkPlace(committee, upgrade);
  const { joins, leaves, stakes, rotations, parameters } = upgrade;
  for (const author of leaves) requireMember(committee, author, new Set());
  const gone = new Set(leaves);
  const next = new Map(committee.validators.map((validator) => [validator.index as number, validator]));
  for (const { author, stake } of stakes) {
    const validator = requireMember(committee, author, gone);
    if (stake === validator.stake) refuse('UPGRADE_STAKE', 'The validator has this stake already.', { author, stake });
    next.set(author, { ...validator, stake: stake as Stake });
  }
  for (const rotation of rotations) {
    requireMember(committee, rotation.author, gone);
    requireNewKeys(committee, rotation);
    next.set(rotation.author, { ...next.get(rotation.author)!, ...keysOf(rotation) });
  }
  for (const author of leaves) next.delete(author);
  const validators = [...next.values(), ...joins.map((join) => newValidator(committee, join))];
  const members = {
    validators: validators.map((validator, index) => ({ ...validator, index: index as AuthorIndex })),
    parameters: parameters ?? committee.parameters,
  };
  checkMembers(members);
  return members;
}

function checkPlace(committee: Committee, upgrade: Upgrade): void {
  const { chainId, epoch, joins, leaves, stakes, rotations, parameters } = upgrade;
  if (!equalBytes(chainId, committee.chainId)) refuse('UPGRADE_CHAIN', 'The upgrade is of another chain.', {});
  if (epoch !== committee.epoch) {
    refuse('UPGRADE_EPOCH', `The upgrade ends epoch ${epoch}, and this is epoch ${committee.epoch}: make a new one.`, {
      epoch,
      current: committee.epoch,
    });
  }
  if (joins.length + leaves.length + stakes.length + rotations.length === 0 && parameters === null) {
    refuse('UPGRADE_EMPTY', 'The upgrade changes nothing.', {});
  }
  if (joins.length + rotations.length > MAX_NEW_KEYS) {
    refuse('UPGRADE_COUNT', `One upgrade brings at most ${MAX_NEW_KEYS} new keys.`, {
      joins: joins.length,
      rotations: rotations.length,
    });
  }
  if (parameters === null) return;
  if (PARAMETER_NAMES.every((name) => parameters[name] === committee.parameters[name])) {
    refuse('UPGRADE_PARAMETERS', 'The parameters are as they are already: leave them out.', {});
  }
  for (const name of PARAMETER_NAMES) {
    const [min, max] = PARAMETER_BOUNDS[name];
    if (parameters[name] < min || parameters[name] > max) {
      refuse('UPGRADE_PARAMETERS', `${name} is from ${min} to ${max}.`, { name, value: parameters[name] });
    }
  }
}

function requireMember(committee: Committee, author: number, gone: ReadonlySet<number>): Validator {
  const validator = committee.validators[author];
  if (validator === undefined || gone.has(author)) {
    refuse('UPGRADE_AUTHOR', 'The upgrade changes a validator that is not there, or leaves.', { author });
  }
  return validator;
}

/** A key that is in use stays its owner's until the epoch after the one in which it went out of use. */
function requireNewKeys(committee: Committee, keys: Keys): void {
  for (const name of ['publicKey', 'ed25519Key', 'gateKey'] as const) {
    if (!committee.validators.some((validator) => equalBytes(validator[name], keys[name]))) continue;
    refuse('UPGRADE_DUPLICATE', `The ${name} is in use already.`, { name });
  }
}

function newValidator(committee: Committee, join: Join): Omit<Validator, 'index'> {
  requireNewKeys(committee, join);
  const { name } = join;
  if (name === '' || !name.isWellFormed() || utf8(name).length > MAX_NAME_BYTES) {
    refuse('UPGRADE_NAME', `A validator has a name of 1 to ${MAX_NAME_BYTES} bytes.`, {});
  }
  return { name, stake: join.stake as Stake, ...keysOf(join) };
}

/** Own copies: the upgrade's are views of a whole block. */
function keysOf({ publicKey, ed25519Key, gateKey }: Keys): Keys {
  return { publicKey: publicKey.slice(), ed25519Key: ed25519Key.slice(), gateKey: gateKey.slice() };
}

/** What holds for every committee, whatever it was before. */
function checkMembers({ validators, parameters }: Members): void {
  const { length: size } = validators;
  if (size < 1 || size > MAX_VALIDATORS) {
    refuse('UPGRADE_COUNT', `A committee has 1 to ${MAX_VALIDATORS} validators.`, { size });
  }
  if (new Set(validators.map(({ name }) => name)).size < size) {
    refuse('UPGRADE_DUPLICATE', 'Two validators would have one name.', {});
  }
  let total = 0;
  for (const { stake } of validators) {
    total += stake;
    if (stake < 1 || !Number.isSafeInteger(total)) {
      refuse('UPGRADE_STAKE', 'A stake is at least 1, and all together are at most 2^53 - 1.', { stake });
    }
  }
  if (parameters.leadersPerRound > size) {
    refuse('UPGRADE_PARAMETERS', 'There cannot be more leaders in a round than validators.', {
      leadersPerRound: parameters.leadersPerRound,
      size,
    });
  }
}

function refuse(code: string, message: string, data: Readonly<Record<string, unknown>>): never {
  throw new PqError(code, message, data);
}
