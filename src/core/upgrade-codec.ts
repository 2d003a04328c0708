/** The body of an upgrade, in its one encoding. */
import { utf8 } from './bytes.ts';
import { DIGEST_BYTES } from './header.ts';
import { MAX_NEW_KEYS, MAX_VALIDATORS, SIGNATURE_BYTES } from './limits.ts';
import {
  KEYS_BYTES,
  PARAMETERS_BYTES,
  readKeys,
  readName,
  readParameters,
  writeKeys,
  writeParameters,
} from './members.ts';
import { OFFSET_BYTES, refuseAbove, requireAscending, SszReader, SszWriter } from './ssz.ts';
import type { Join, Rotation, StakeChange, Upgrade } from './upgrade.ts';

/** chainId, epoch u32, offsets of joins, leaves, stakes, rotations and parameters. */
const UPGRADE_FIXED_BYTES = DIGEST_BYTES + 4 + 5 * OFFSET_BYTES;
/** Offset of the name, stake u64, three keys; with the consent behind them in an upgrade. */
const NEW_VALIDATOR_FIXED_BYTES = OFFSET_BYTES + 8 + KEYS_BYTES;
const JOIN_FIXED_BYTES = NEW_VALIDATOR_FIXED_BYTES + SIGNATURE_BYTES;
/** author u16, three keys, consent. */
const ROTATION_BYTES = 2 + KEYS_BYTES + SIGNATURE_BYTES;
/** author u16, stake u64. */
const STAKE_CHANGE_BYTES = 10;
/** First byte of what a consent is over. */
const CONSENT_TO = { join: 1, rotation: 2 } as const;

/** SSZ of an upgrade. Throws `SSZ_LIMIT`, `SSZ_NUMBER`, `SSZ_LENGTH`, `UPGRADE_ORDER`. */
export function encodeUpgrade(upgrade: Upgrade): Uint8Array {
  requireOrder(upgrade);
  const { joins, leaves, stakes, rotations, parameters } = upgrade;
  refuseAbove(joins.length, MAX_NEW_KEYS);
  refuseAbove(rotations.length, MAX_NEW_KEYS);
  const joinList = new SszWriter(joins.length * OFFSET_BYTES);
  for (const join of joins) joinList.variable(encodeJoin(join));
  const leaveList = new SszWriter(leaves.length * 2);
  for (const author of leaves) leaveList.u16(author);
  const stakeList = new SszWriter(stakes.length * STAKE_CHANGE_BYTES);
  for (const { author, stake } of stakes) stakeList.u16(author).u64(stake);
  const rotationList = new SszWriter(rotations.length * ROTATION_BYTES);
  for (const rotation of rotations) {
    writeKeys(rotationList.u16(rotation.author), rotation).vector(rotation.consent, SIGNATURE_BYTES);
  }
  const parametersList = new SszWriter(parameters === null ? 0 : PARAMETERS_BYTES);
  if (parameters !== null) writeParameters(parametersList, parameters);
  return new SszWriter(UPGRADE_FIXED_BYTES)
    .vector(upgrade.chainId, DIGEST_BYTES)
    .u32(upgrade.epoch)
    .variable(joinList.finish())
    .variable(leaveList.finish())
    .variable(stakeList.finish())
    .variable(rotationList.finish())
    .variable(parametersList.finish())
    .finish();
}

/**
 * The upgrade that `bytes` are the one encoding of; byte strings in it are views of them. Throws the codes of
 * {@link SszReader}, `UPGRADE_ORDER`, `COMMITTEE_NAME`. Whether it makes sense is for `applyUpgrade` to say.
 */
export function decodeUpgrade(bytes: Uint8Array): Upgrade {
  const reader = new SszReader(bytes);
  reader.enter(0, reader.length, UPGRADE_FIXED_BYTES);
  const chainId = reader.vector(DIGEST_BYTES);
  const epoch = reader.u32();
  const joinsAt = reader.offset();
  const leavesAt = reader.offset();
  const stakesAt = reader.offset();
  const rotationsAt = reader.offset();
  const parametersAt = reader.offset();
  const upgrade: Upgrade = {
    chainId,
    epoch,
    joins: readJoins(reader, joinsAt, leavesAt),
    leaves: readList(reader, leavesAt, stakesAt, 2, MAX_VALIDATORS, () => reader.u16()),
    stakes: readList(reader, stakesAt, rotationsAt, STAKE_CHANGE_BYTES, MAX_VALIDATORS, () => ({
      author: reader.u16(),
      stake: reader.u64(),
    })),
    rotations: readList(reader, rotationsAt, parametersAt, ROTATION_BYTES, MAX_NEW_KEYS, () => ({
      author: reader.u16(),
      ...readKeys(reader),
      consent: reader.vector(SIGNATURE_BYTES),
    })),
    parameters:
      readList(reader, parametersAt, reader.length, PARAMETERS_BYTES, 1, () => readParameters(reader))[0] ?? null,
  };
  requireOrder(upgrade);
  return upgrade;
}

/** A new validator or new keys without the consent: what the consent is over. No two of them have the same bytes. */
export function newKeysBytes(change: Omit<Join, 'consent'> | Omit<Rotation, 'consent'>): Uint8Array {
  if ('author' in change) {
    const writer = new SszWriter(1 + 2 + KEYS_BYTES).u8(CONSENT_TO.rotation).u16(change.author);
    return writeKeys(writer, change).finish();
  }
  const writer = new SszWriter(1 + NEW_VALIDATOR_FIXED_BYTES).u8(CONSENT_TO.join).variable(utf8(change.name));
  return writeKeys(writer.u64(change.stake), change).finish();
}

function encodeJoin(join: Join): Uint8Array {
  const writer = new SszWriter(JOIN_FIXED_BYTES).variable(utf8(join.name)).u64(join.stake);
  return writeKeys(writer, join).vector(join.consent, SIGNATURE_BYTES).finish();
}

function readJoins(reader: SszReader, start: number, end: number): Join[] {
  const bounds = reader.enterElements(start, end, MAX_NEW_KEYS);
  const joins: Join[] = [];
  for (let i = 0; i + 1 < bounds.length; i++) {
    const next = bounds[i + 1]!;
    reader.enter(bounds[i]!, next, JOIN_FIXED_BYTES);
    const nameAt = reader.offset();
    const stake = reader.u64();
    const keys = readKeys(reader);
    const consent = reader.vector(SIGNATURE_BYTES);
    joins.push({ name: readName(reader, nameAt, next), stake, ...keys, consent });
  }
  return joins;
}

function readList<Item>(
  reader: SszReader,
  start: number,
  end: number,
  elementBytes: number,
  limit: number,
  read: () => Item,
): Item[] {
  const count = reader.enterList(start, end, elementBytes, limit);
  return Array.from({ length: count }, read);
}

function requireOrder({ leaves, stakes, rotations }: Pick<Upgrade, 'leaves' | 'stakes' | 'rotations'>): void {
  requireAscending(leaves, (a, b) => a - b, 'UPGRADE_ORDER', 'Leaving validators');
  const byAuthor = (a: Pick<StakeChange, 'author'>, b: Pick<StakeChange, 'author'>) => a.author - b.author;
  requireAscending(stakes, byAuthor, 'UPGRADE_ORDER', 'Stakes, by author,');
  requireAscending(rotations, byAuthor, 'UPGRADE_ORDER', 'New keys, by author,');
}
