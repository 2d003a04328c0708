import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { ed25519Verify } from '../../src/crypto/curves.ts';
import { identityFromSeed, nodeIdOf, publicIdentity } from '../../src/crypto/identity.ts';
import { verify } from '../../src/crypto/verify.ts';

const SEED = new Uint8Array(32).fill(7);

describe('identity', () => {
  it('is the same for the same seed, and all different for another', () => {
    const [a, b] = [publicIdentity(identityFromSeed(SEED)), publicIdentity(identityFromSeed(Uint8Array.from(SEED)))];
    expect(a).toEqual(b);
    const c = publicIdentity(identityFromSeed(new Uint8Array(32).fill(8)));
    expect(c.publicKey).not.toEqual(a.publicKey);
    expect(c.ed25519Key).not.toEqual(a.ed25519Key);
    expect(c.gateKey).not.toEqual(a.gateKey);
    expect(c.nodeId).not.toEqual(a.nodeId);
  });

  it('is pinned: a change of derivation would lock every keystore out', () => {
    expect(Buffer.from(identityFromSeed(SEED).nodeId).toString('hex')).toMatchInlineSnapshot(
      `"bd2c3b8027ea0b88a64493bae31ff24cd5be0ed1978a6042f52f6e96b2f25201"`,
    );
  });

  it('is named by the SHA3-256 of its keys', () => {
    const { publicKey, ed25519Key, gateKey, nodeId } = publicIdentity(identityFromSeed(SEED));
    const expected = createHash('sha3-256').update(publicKey).update(ed25519Key).update(gateKey).digest();
    expect(Buffer.from(nodeId)).toEqual(expected);
    expect(() => nodeIdOf(publicKey, ed25519Key, new Uint8Array(31))).toThrow(
      expect.objectContaining({ code: 'CRYPTO_KEY_SIZE' }),
    );
  });

  it('signs with both keys', async () => {
    const identity = identityFromSeed(SEED);
    const message = Buffer.from('m');
    const signature = await identity.signing.sign(message, 'photon-quasar/header/1');
    expect(await verify(identity.signing.publicKey, message, 'photon-quasar/header/1', signature)).toBe(true);
    expect(await ed25519Verify(identity.ed25519.publicKey, message, identity.ed25519.sign(message))).toBe(true);
  });

  it('refuses a seed of another size', () => {
    expect(() => identityFromSeed(new Uint8Array(16))).toThrow(expect.objectContaining({ code: 'CRYPTO_SEED_SIZE' }));
  });
});
