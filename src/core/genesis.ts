/** The genesis document: what a network agrees on before it starts. Its hash is the chain id. */
import { PqError } from '../errors.ts';
import type { Kernels } from '../wasm/kernels.ts';
import { fromHex, utf8 } from './bytes.ts';
import { MAX_VALIDATORS, PUBLIC_KEY_BYTES } from './limits.ts';

export const ED25519_KEY_BYTES = 32;
/** X25519. */
export const GATE_KEY_BYTES = 32;
/** Names of chains and validators, in UTF-8. */
export const MAX_NAME_BYTES = 64;
const MAX_ENDPOINT_BYTES = 255;
/** Nesting of a JSON value that is hashed; also what stops a cyclic one. */
const MAX_JSON_DEPTH = 64;
const MINUTE_MS = 60_000;
/** Bound of the durations of the parameters. */
const MAX_DURATION_MS = 24 * 60 * MINUTE_MS;

/** What all validators must use alike. */
export interface Parameters {
  /** Leader slots of a round, 1 … n. */
  readonly leadersPerRound: number;
  /** Stake that must approve a proposal, in thousandths of the whole, 0 … 1000; never less than a quorum. */
  readonly requiredVotesPerMille: number;
  /** W: how long a proposal stays open at least, in commit time. */
  readonly openMs: number;
  /** How far ahead of commit time the expiry of a proposal may lie. */
  readonly maxExpiryMs: number;
}

/** Between which integers each parameter lies; leaders are bounded by the number of validators too. */
export const PARAMETER_BOUNDS = {
  leadersPerRound: [1, MAX_VALIDATORS],
  requiredVotesPerMille: [0, 1000],
  openMs: [1, MAX_DURATION_MS],
  maxExpiryMs: [1, MAX_DURATION_MS],
} as const satisfies Readonly<Record<keyof Parameters, readonly [min: number, max: number]>>;
export const PARAMETER_NAMES = Object.keys(PARAMETER_BOUNDS) as readonly (keyof Parameters)[];

export const DEFAULT_PARAMETERS: Parameters = {
  leadersPerRound: 1,
  requiredVotesPerMille: 0,
  openMs: 2_000,
  maxExpiryMs: MINUTE_MS,
};

interface GenesisValidator {
  readonly name: string;
  /** Safe integer ≥ 1. */
  readonly stake: number;
  /** ML-DSA-65, hex of 1952 bytes. */
  readonly publicKey: string;
  /** Hex of 32 bytes. */
  readonly ed25519Key: string;
  /** X25519 key of the transport's gate, hex of 32 bytes. */
  readonly gateKey: string;
  /** HOST:PORT. Part of the document, so of the chain id, when it is given. */
  readonly endpoint?: string;
}

export interface Genesis {
  readonly version: 1;
  readonly chainName: string;
  /** Milliseconds since 1970. */
  readonly timeMs: number;
  /** In the order of their indexes. */
  readonly validators: readonly GenesisValidator[];
  readonly parameters: Parameters;
  readonly application: { readonly name: 'payments' | 'kv'; readonly state: unknown };
}

type JsonObject = Readonly<Record<string, unknown>>;

/**
 * Checks a parsed JSON document and returns it as it is. Strict: every key must be known. Throws `GENESIS_FIELD` (data: path)
 * for a missing, unknown or malformed field, `GENESIS_DUPLICATE` for a name or key that two validators share,
 * `GENESIS_STAKE` when the stakes do not sum to a safe integer, `GENESIS_LEADERS` for more leaders than validators.
 */
export function parseGenesis(json: unknown): Genesis {
  const document = object(json, '', ['version', 'chainName', 'timeMs', 'validators', 'parameters', 'application']);
  integer(document.version, 'version', 1, 1);
  name(document.chainName, 'chainName', MAX_NAME_BYTES);
  integer(document.timeMs, 'timeMs', 0, Number.MAX_SAFE_INTEGER);
  const validators = document.validators;
  if (!Array.isArray(validators) || validators.length < 1 || validators.length > MAX_VALIDATORS) {
    refuse('validators', `an array of 1 to ${MAX_VALIDATORS} validators`);
  }
  validators.forEach((validator, i) => void checkValidator(validator, `validators[${i}]`));
  checkParameters(document.parameters);
  checkApplication(document.application);
  const genesis = json as Genesis;
  checkTogether(genesis);
  return genesis;
}

function checkValidator(json: unknown, path: string): void {
  const validator = object(json, path, ['name', 'stake', 'publicKey', 'ed25519Key', 'gateKey'], ['endpoint']);
  name(validator.name, `${path}.name`, MAX_NAME_BYTES);
  integer(validator.stake, `${path}.stake`, 1, Number.MAX_SAFE_INTEGER);
  hex(validator.publicKey, `${path}.publicKey`, PUBLIC_KEY_BYTES);
  hex(validator.ed25519Key, `${path}.ed25519Key`, ED25519_KEY_BYTES);
  hex(validator.gateKey, `${path}.gateKey`, GATE_KEY_BYTES);
  if (Object.hasOwn(validator, 'endpoint')) name(validator.endpoint, `${path}.endpoint`, MAX_ENDPOINT_BYTES);
}

function checkParameters(json: unknown): void {
  const parameters = object(json, 'parameters', PARAMETER_NAMES);
  for (const key of PARAMETER_NAMES) {
    const [min, max] = PARAMETER_BOUNDS[key];
    integer(parameters[key], `parameters.${key}`, min, max);
  }
}

function checkApplication(json: unknown): void {
  const application = object(json, 'application', ['name', 'state']);
  if (application.name !== 'payments' && application.name !== 'kv') refuse('application.name', "'payments' or 'kv'");
  canonicalJson(application.state);
}

/** What no field can say alone. */
function checkTogether(genesis: Genesis): void {
  for (const key of ['name', 'publicKey', 'ed25519Key', 'gateKey'] as const) {
    const seen = new Set<string>();
    genesis.validators.forEach((validator, i) => {
      if (seen.has(validator[key])) {
        throw new PqError('GENESIS_DUPLICATE', `Two validators share one ${key}; each needs its own.`, {
          path: `validators[${i}].${key}`,
        });
      }
      seen.add(validator[key]);
    });
  }
  let total = 0;
  for (const validator of genesis.validators) total += validator.stake;
  if (!Number.isSafeInteger(total)) {
    throw new PqError('GENESIS_STAKE', 'The stakes must sum to at most 2^53 - 1.', { path: 'validators' });
  }
  if (genesis.parameters.leadersPerRound > genesis.validators.length) {
    throw new PqError('GENESIS_LEADERS', 'There cannot be more leaders in a round than validators.', {
      path: 'parameters.leadersPerRound',
    });
  }
}

function refuse(path: string, expected: string): never {
  throw new PqError('GENESIS_FIELD', `The genesis document needs ${expected} at '${path}'.`, { path });
}

function object(
  json: unknown,
  path: string,
  required: readonly string[],
  optional: readonly string[] = [],
): JsonObject {
  if (!isPlainObject(json)) refuse(path, 'an object');
  const at = (key: string) => (path === '' ? key : `${path}.${key}`);
  for (const key of required) if (!Object.hasOwn(json, key)) refuse(at(key), 'a value');
  for (const key of Object.keys(json)) {
    if (!required.includes(key) && !optional.includes(key)) refuse(at(key), 'no such key: remove it');
  }
  return json;
}

function integer(value: unknown, path: string, min: number, max: number): void {
  if (!Number.isSafeInteger(value) || (value as number) < min || (value as number) > max) {
    refuse(path, `an integer from ${min} to ${max}`);
  }
}

function name(value: unknown, path: string, maxBytes: number): void {
  const fits = typeof value === 'string' && value.isWellFormed() && value !== '' && utf8(value).length <= maxBytes;
  if (!fits) refuse(path, `a text of 1 to ${maxBytes} bytes`);
}

function hex(value: unknown, path: string, bytes: number): void {
  if (typeof value !== 'string' || value.length !== 2 * bytes) refuse(path, `${bytes} bytes in hex`);
  try {
    fromHex(value);
  } catch (cause) {
    throw new PqError('GENESIS_FIELD', `Write '${path}' in lower-case hex.`, { path }, cause);
  }
}

function isPlainObject(value: unknown): value is JsonObject {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/**
 * RFC 8785 (JSON Canonicalization Scheme) of strings, safe integers, booleans, null, arrays and plain objects. Anything else
 * is refused, floats too: their spelling is the one part of the RFC that is easy to get wrong elsewhere.
 * Throws `JSON_VALUE` (data: path), `JSON_DEPTH`.
 */
export function canonicalJson(value: unknown): string {
  return write(value, '$', 0);
}

function write(value: unknown, path: string, depth: number): string {
  if (depth > MAX_JSON_DEPTH) {
    throw new PqError('JSON_DEPTH', `The value is nested deeper than ${MAX_JSON_DEPTH} levels.`, { path });
  }
  if (value === null || typeof value === 'boolean') return String(value);
  if (typeof value === 'string') return text(value, path);
  if (Number.isSafeInteger(value)) return String(value);
  if (Array.isArray(value)) {
    // Array.from, unlike map, visits holes: they are undefined, and refused.
    return `[${Array.from(value, (item, i) => write(item, `${path}[${i}]`, depth + 1)).join(',')}]`;
  }
  if (isPlainObject(value)) {
    // The default order of sort is by UTF-16 code units: the order of RFC 8785 §3.2.3.
    const members = Object.keys(value)
      .sort()
      .map((key) => `${text(key, path)}:${write(value[key], `${path}.${key}`, depth + 1)}`);
    return `{${members.join(',')}}`;
  }
  throw new PqError('JSON_VALUE', 'Only text, safe integers, booleans, null, arrays and objects can be hashed.', {
    path,
  });
}

/** JSON.stringify escapes what RFC 8785 §3.2.2.2 demands and nothing more, given well-formed text. */
function text(value: string, path: string): string {
  if (!value.isWellFormed()) {
    throw new PqError('JSON_VALUE', 'A text holds half of a surrogate pair; it has no UTF-8 form.', { path });
  }
  return JSON.stringify(value);
}

/** The chain id: SHA3-256 of the genesis document in RFC 8785 form. 32 bytes. */
export function chainIdOf(kernels: Kernels, genesis: Genesis): Uint8Array {
  return kernels.sha3_256(utf8(canonicalJson(genesis)));
}
