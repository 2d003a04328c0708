import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readKeystore, writeKeystore } from '../../src/crypto/keystore.ts';

const SEED = new Uint8Array(32).map((_, i) => i);
const CHEAP = { scryptN: 2 ** 14 };
let folder = '';

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pq-keystore-'));
});
afterAll(() => rm(folder, { recursive: true }));

async function stored(name: string): Promise<string> {
  const path = join(folder, name);
  await writeKeystore(path, SEED, 'correct horse', CHEAP);
  return path;
}

async function edit(path: string, change: (json: Record<string, never>) => void): Promise<void> {
  const json = JSON.parse(await readFile(path, 'utf8'));
  change(json);
  await writeFile(path, JSON.stringify(json));
}

describe('keystore', () => {
  it('gives back the seed, and leaves one file of mode 0600', async () => {
    const path = await stored('a.json');
    expect(await readKeystore(path, 'correct horse')).toEqual(SEED);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect((await readdir(folder)).filter((name) => name.endsWith('.tmp'))).toEqual([]);
  });

  it('does not contain the seed in the clear', async () => {
    const text = await readFile(await stored('clear.json'), 'utf8');
    expect(text).not.toContain(Buffer.from(SEED).toString('hex'));
  });

  it('tells a wrong password', async () => {
    const path = await stored('b.json');
    await expect(readKeystore(path, 'wrong')).rejects.toMatchObject({ code: 'KEYSTORE_PASSWORD' });
  });

  it('takes a password as EIP-2335 says: NFKD, without control codes', async () => {
    const path = join(folder, 'nfkd.json');
    await writeKeystore(path, SEED, 'pa\u0000ss\u00e9', CHEAP);
    expect(await readKeystore(path, 'passe\u0301')).toEqual(SEED);
  });

  it('refuses a file that others may read', async () => {
    const path = await stored('c.json');
    for (const mode of [0o640, 0o604, 0o660, 0o644]) {
      await chmod(path, mode);
      await expect(readKeystore(path, 'correct horse')).rejects.toMatchObject({ code: 'KEYSTORE_PERMISSIONS' });
    }
  });

  it('does not overwrite a key unless told to', async () => {
    const path = await stored('d.json');
    const other = new Uint8Array(32).fill(9);
    await expect(writeKeystore(path, other, 'x', CHEAP)).rejects.toMatchObject({ code: 'KEYSTORE_EXISTS' });
    expect(await readKeystore(path, 'correct horse')).toEqual(SEED);
    await writeKeystore(path, other, 'x', { ...CHEAP, overwrite: true });
    expect(await readKeystore(path, 'x')).toEqual(other);
    expect((await readdir(folder)).filter((name) => name.endsWith('.tmp'))).toEqual([]);
  });

  it('says what is wrong with a file that is no keystore', async () => {
    const missing = readKeystore(join(folder, 'none.json'), 'x');
    await expect(missing).rejects.toMatchObject({ code: 'KEYSTORE_MISSING' });
    const path = join(folder, 'junk.json');
    await writeFile(path, 'not json', { mode: 0o600 });
    await expect(readKeystore(path, 'x')).rejects.toMatchObject({ code: 'KEYSTORE_FORMAT' });
    await expect(writeKeystore(join(folder, 'no/such/folder'), SEED, 'x', CHEAP)).rejects.toMatchObject({
      code: 'KEYSTORE_WRITE',
    });
  });

  it('refuses costs that are too low, or that would exhaust memory', async () => {
    for (const n of [1024, 2 ** 24, 2 ** 15 + 1]) {
      const path = await stored(`cost-${n}.json`);
      await edit(path, (json) => {
        (json as unknown as { crypto: { kdf: { params: { n: number } } } }).crypto.kdf.params.n = n;
      });
      await expect(readKeystore(path, 'correct horse')).rejects.toMatchObject({
        code: 'KEYSTORE_FORMAT',
        data: { field: 'crypto.kdf.params.n' },
      });
    }
  });

  it('notices that the file names another validator', async () => {
    const path = await stored('e.json');
    await edit(path, (json) => {
      (json as unknown as { pubkey: string }).pubkey = '00'.repeat(32);
    });
    await expect(readKeystore(path, 'correct horse')).rejects.toMatchObject({ code: 'KEYSTORE_DAMAGED' });
  });

  it('refuses a seed of another size', async () => {
    const writing = writeKeystore(join(folder, 'short.json'), new Uint8Array(31), 'x', CHEAP);
    await expect(writing).rejects.toMatchObject({ code: 'CRYPTO_SEED_SIZE' });
  });
});
