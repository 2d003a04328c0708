/** The signatures of the handshake: ML-DSA-65 and Ed25519 over the same bytes, both of which must verify. */
import { ed25519Verify } from '../crypto/curves.ts';
import type { Identity, PublicIdentity } from '../crypto/identity.ts';
import { ML_DSA_SIGNATURE_BYTES } from '../crypto/mldsa.ts';
import { verify } from '../crypto/verify.ts';
import { SIGNATURES_BYTES } from './frames.ts';

/** ML-DSA context: a handshake signature is never one of a block or of an endpoint. */
const CONTEXT = 'QZMQ/1';

const ROLE_LABEL = { initiator: Buffer.from('QZMQ/1 I'), responder: Buffer.from('QZMQ/1 R') } as const;
export type Role = keyof typeof ROLE_LABEL;

function signedBytes(role: Role, parts: readonly Uint8Array[]): Buffer {
  return Buffer.concat([ROLE_LABEL[role], ...parts]);
}

/** Both signatures, concatenated, 3373 bytes. */
export async function signProof(identity: Identity, role: Role, parts: readonly Uint8Array[]): Promise<Buffer> {
  const message = signedBytes(role, parts);
  const mlDsa = await identity.signing.sign(message, CONTEXT);
  return Buffer.concat([mlDsa, identity.ed25519.sign(message)]);
}

/** True only when both signatures hold. */
export async function verifyProof(
  signer: PublicIdentity,
  role: Role,
  parts: readonly Uint8Array[],
  signatures: Uint8Array,
): Promise<boolean> {
  if (signatures.length !== SIGNATURES_BYTES) return false;
  const message = signedBytes(role, parts);
  const [mlDsa, ed25519] = await Promise.all([
    verify(signer.publicKey, message, CONTEXT, signatures.subarray(0, ML_DSA_SIGNATURE_BYTES)),
    ed25519Verify(signer.ed25519Key, message, signatures.subarray(ML_DSA_SIGNATURE_BYTES)),
  ]);
  return mlDsa && ed25519;
}
