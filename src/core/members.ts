/** The members of a committee and the parameters they agree on, as bytes: what the hash of a committee is of. */
import { PqError } from '../errors.ts';
import { utf8 } from './bytes.ts';
import { ED25519_KEY_BYTES, GATE_KEY_BYTES, MAX_NAME_BYTES, type Parameters } from './genesis.ts';
import { MAX_VALIDATORS, PUBLIC_KEY_BYTES } from './limits.ts';
import { OFFSET_BYTES, SszReader, SszWriter } from './ssz.ts';
import type { AuthorIndex, Stake } from './types.ts';

/** What a validator signs with, and what the transport knows it by. */
export interface Keys {
  /** ML-DSA-65. */
  readonly publicKey: Uint8Array;
  readonly ed25519Key: Uint8Array;
  /** X25519 key of the transport's gate. */
  readonly gateKey: Uint8Array;
}

export interface Validator extends Keys {
  readonly index: AuthorIndex;
  readonly name: string;
  readonly stake: Stake;
}

/** Everything that an upgrade can change. */
export interface Members {
  readonly validators: readonly Validator[];
  readonly parameters: Parameters;
}

export const KEYS_BYTES = PUBLIC_KEY_BYTES + ED25519_KEY_BYTES + GATE_KEY_BYTES;
/** Offset of the name, stake u64, three keys. */
const VALIDATOR_FIXED_BYTES = OFFSET_BYTES + 8 + KEYS_BYTES;
/** leadersPerRound u16, requiredVotesPerMille u16, openMs u64, maxExpiryMs u64. */
export const PARAMETERS_BYTES = 20;
/** Offset of the validators, and the parameters. */
const MEMBERS_FIXED_BYTES = OFFSET_BYTES + PARAMETERS_BYTES;

const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * Container { validators: List[Validator, 128], parameters }, with Validator { name: List[byte, 64], stake u64, publicKey,
 * ed25519Key, gateKey } and the parameters as a container of fixed size. Epoch and chain are left out: a commit names them beside it.
 */
export function encodeCommittee(validators: readonly Validator[], parameters: Parameters): Uint8Array {
  const list = new SszWriter(validators.length * OFFSET_BYTES);
  for (const validator of validators) {
    const writer = new SszWriter(VALIDATOR_FIXED_BYTES).variable(utf8(validator.name)).u64(validator.stake);
    list.variable(writeKeys(writer, validator).finish());
  }
  return writeParameters(new SszWriter(MEMBERS_FIXED_BYTES).variable(list.finish()), parameters).finish();
}

/**
 * The members that `bytes` are the encoding of; keys are views. Says nothing of whether they are a sensible committee: ask
 * for the hash that a certified commit names. Throws the codes of {@link SszReader}, and `COMMITTEE_NAME` for a name that is no text.
 */
export function decodeCommittee(bytes: Uint8Array): Members {
  const reader = new SszReader(bytes);
  reader.enter(0, reader.length, MEMBERS_FIXED_BYTES);
  const validatorsAt = reader.offset();
  const parameters = readParameters(reader);
  const bounds = reader.enterElements(validatorsAt, reader.length, MAX_VALIDATORS);
  const validators: Validator[] = [];
  for (let i = 0; i + 1 < bounds.length; i++) {
    const end = bounds[i + 1]!;
    reader.enter(bounds[i]!, end, VALIDATOR_FIXED_BYTES);
    const nameAt = reader.offset();
    const stake = reader.u64() as Stake;
    const keys = readKeys(reader);
    validators.push({ index: i as AuthorIndex, name: readName(reader, nameAt, end), stake, ...keys });
  }
  return { validators, parameters };
}

export function writeKeys(writer: SszWriter, { publicKey, ed25519Key, gateKey }: Keys): SszWriter {
  return writer
    .vector(publicKey, PUBLIC_KEY_BYTES)
    .vector(ed25519Key, ED25519_KEY_BYTES)
    .vector(gateKey, GATE_KEY_BYTES);
}

export function readKeys(reader: SszReader): Keys {
  return {
    publicKey: reader.vector(PUBLIC_KEY_BYTES),
    ed25519Key: reader.vector(ED25519_KEY_BYTES),
    gateKey: reader.vector(GATE_KEY_BYTES),
  };
}

/** The text that fills [start, end). Throws `SSZ_LIMIT`, `COMMITTEE_NAME`. */
export function readName(reader: SszReader, start: number, end: number): string {
  const bytes = reader.byteList(start, end, MAX_NAME_BYTES);
  try {
    return text.decode(bytes);
  } catch (cause) {
    throw new PqError('COMMITTEE_NAME', 'The name of a validator is not UTF-8.', { bytes: bytes.length }, cause);
  }
}

export function writeParameters(writer: SszWriter, parameters: Parameters): SszWriter {
  return writer
    .u16(parameters.leadersPerRound)
    .u16(parameters.requiredVotesPerMille)
    .u64(parameters.openMs)
    .u64(parameters.maxExpiryMs);
}

export function readParameters(reader: SszReader): Parameters {
  return {
    leadersPerRound: reader.u16(),
    requiredVotesPerMille: reader.u16(),
    openMs: reader.u64(),
    maxExpiryMs: reader.u64(),
  };
}
