/**
 * The well-known development network. INSECURE: every key follows from this file, so anybody can sign as any of its
 * validators and accounts. It exists only on the loopback of one machine.
 */
import { join } from 'node:path';
import { toHex, utf8 } from '../core/bytes.ts';
import { DEFAULT_PARAMETERS, type Genesis } from '../core/genesis.ts';
import { sha3_256 } from '../crypto/bytes.ts';
import { type Identity, identityFromSeed } from '../crypto/identity.ts';
import { type MlDsaKeyPair, mlDsa } from '../crypto/mldsa.ts';
import { PqError } from '../errors.ts';

export const MAX_DEVNET_VALIDATORS = 16;
export const DEVNET_ACCOUNTS = 64;
/** What every account of the devnet begins with. */
const DEVNET_BALANCE = 1_000_000_000_000;
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

/** Signing key of client account `index`, 0 … 63. Throws `DEVNET_SIZE`. */
export function devnetAccount(index: number): MlDsaKeyPair {
  requireBetween(index, 0, DEVNET_ACCOUNTS - 1, 'account');
  return mlDsa.keyPair(seedOf('account', index));
}

/**
 * Genesis of the devnet of `validators` members, 1 … 16, of equal stake: payments between {@link DEVNET_ACCOUNTS} accounts.
 * Throws `DEVNET_SIZE`.
 */
export function devnetGenesis(validators: number): Genesis {
  requireBetween(validators, 1, MAX_DEVNET_VALIDATORS, 'validators');
  return {
    version: 1,
    chainName: `photon-quasar-devnet-${validators}`,
    timeMs: GENESIS_TIME_MS,
    validators: Array.from({ length: validators }, (_, index) => {
      const { signing, ed25519, gate } = devnetIdentity(index);
      return {
        name: `node-${index + 1}`,
        stake: 1,
        publicKey: toHex(signing.publicKey),
        ed25519Key: toHex(ed25519.publicKey),
        gateKey: toHex(gate.publicKey),
      };
    }),
    parameters: { ...DEFAULT_PARAMETERS, leadersPerRound: validators },
    application: {
      name: 'payments',
      state: Array.from({ length: DEVNET_ACCOUNTS }, (_, index) => ({
        publicKey: toHex(devnetAccount(index).publicKey),
        balance: DEVNET_BALANCE,
      })),
    },
  };
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
