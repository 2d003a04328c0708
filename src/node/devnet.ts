/**
 * The well-known development network. INSECURE: every key follows from this file, so anybody can sign as any of its
 * validators and accounts. It exists only on the loopback of one machine.
 */
import { join } from 'node:path';
import { toHex, utf8 } from '../core/bytes.ts';
import { DEFAULT_PARAMETERS, type Genesis } from '../core/genesis.ts';
import { sha3_256 } from '../crypto/bytes.ts';
import { type Identity, identityFromSeed } from '../crypto/identity.ts';
import { PqError } from '../errors.ts';

export const MAX_DEVNET_VALIDATORS = 16;
export const DEVNET_ACCOUNTS = 64;
/** 2026-01-01T00:00:00Z. A constant, so that every machine has the same chain id. */
const GENESIS_TIME_MS = 1_767_225_600_000;
const LOOPBACK = /^(?:localhost|127(?:\.\d{1,3}){3}|::1|\[::1\])$/;

/** Master seed of validator `index`, 0 … 15. Throws `DEVNET_SIZE`. */
export function devnetSeed(index: number): Uint8Array {
  requireBetween(index, 0, MAX_DEVNET_VALIDATORS - 1, 'validator');
  return seedOf('validator', index);
}

/** Keys of validator `index`, 0 … 15: the same in networks of every size. Throws `DEVNET_SIZE`. */
export function devnetIdentity(index: number): Identity {
  return identityFromSeed(devnetSeed(index));
}

/** Where validator `index` of a devnet of `validators` keeps its state, below the working directory. */
export function devnetHome(validators: number, index: number): string {
  return join('.pq', `devnet-${validators}`, `node-${index}`);
}

/** Throws `DEVNET_LOOPBACK` for an address that other machines could reach. */
export function requireLoopback(host: string): void {
  if (LOOPBACK.test(host)) return;
  const message = `The devnet's keys are known to everybody: it listens on the loopback only, not on ${host}. Use 127.0.0.1.`;
  throw new PqError('DEVNET_LOOPBACK', message, { host });
}

function seedOf(what: string, index: number): Uint8Array {
  return sha3_256(utf8(`photon-quasar/devnet/1/${what}/${index}`));
}

function requireBetween(value: number, low: number, high: number, what: string): void {
  if (Number.isInteger(value) && value >= low && value <= high) return;
  throw new PqError('DEVNET_SIZE', `A devnet has ${what} ${low} to ${high}; there is no ${value}.`, {
    value,
    low,
    high,
  });
}
