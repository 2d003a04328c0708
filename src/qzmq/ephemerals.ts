/** The fresh secrets of one handshake. An interface, so that test vectors can fix them. */
import { randomBytes } from 'node:crypto';
import { type X25519KeyPair, x25519KeyPair } from '../crypto/curves.ts';
import { type Encapsulation, ML_KEM_SEED_BYTES, type MlKemKeyPair, mlKem } from '../crypto/mlkem.ts';

export interface Ephemerals {
  bytes(length: number): Uint8Array;
  kemKeyPair(): MlKemKeyPair;
  encapsulate(publicKey: Uint8Array): Promise<Encapsulation | undefined>;
  dhKeyPair(): X25519KeyPair;
}

/** From the operating system's generator. */
export const systemEphemerals: Ephemerals = {
  bytes: (length) => new Uint8Array(randomBytes(length)),
  kemKeyPair: () => mlKem.keyPair(randomBytes(ML_KEM_SEED_BYTES)),
  encapsulate: (publicKey) => mlKem.encapsulate(publicKey),
  dhKeyPair: () => x25519KeyPair(randomBytes(32)),
};
