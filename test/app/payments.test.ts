import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { RECEIPT, type ReceiptName, receiptName } from '../../src/app/application.ts';
import { Payments } from '../../src/app/payments.ts';
import { buildTransfer } from '../../src/app/payments-client.ts';
import { toHex } from '../../src/core/bytes.ts';
import type { IdentifiedProposal, Proposal } from '../../src/core/types.ts';
import {
  account,
  CHAIN_ID,
  changed,
  EXPIRY_MS,
  flipped,
  kernels,
  payments,
  registration,
  transfer,
} from './accounts.ts';

let nextIndex = 1;
/** Executes in one commit; names of the receipts. */
function execute(app: Payments, ...approved: IdentifiedProposal[]): string[] {
  const { receipts } = app.finalizeBlock({ index: nextIndex++, timestampMs: 0, approved });
  app.commit();
  return receipts.map(receiptName);
}

function balances(app: Payments): number[] {
  return app
    .ledger()
    .accounts()
    .map((each) => each.balance);
}

describe('transfers', () => {
  test('move amount and fee; the fee goes where nobody can spend it', async () => {
    const { app, accounts } = payments([100, 5]);
    const [a, b] = [accounts[0]!, accounts[1]!];
    expect(execute(app, await transfer(a, b, { nonce: 9, amount: 30, fee: 2 }))).toEqual(['OK']);
    expect(balances(app)).toEqual([2, 68, 35]);
    expect(execute(app, await transfer(b, b, { nonce: 0, amount: 35 }))).toEqual(['OK']);
    expect(balances(app)).toEqual([2, 68, 35]);
  });

  const cases: [ReceiptName, (app: Payments) => Promise<IdentifiedProposal>][] = [
    ['MALFORMED', async () => changed(await transfer(account(0), account(1), { nonce: 1600 }), { kind: 7 })],
    ['UNKNOWN_ACCOUNT', () => transfer(account(9), account(1), { nonce: 1600 })],
    ['UNKNOWN_RECIPIENT', () => transfer(account(0), account(9), { nonce: 1600 })],
    ['UNKNOWN_RECIPIENT', () => transfer(account(0), { ...account(0), id: new Uint8Array(32) }, { nonce: 1600 })],
    ['BAD_SIGNATURE', () => transfer(account(0), account(1), { nonce: 1600 }, new Uint8Array(32))],
    ['NONCE_USED', () => transfer(account(0), account(1), { nonce: 1500 })],
    ['NONCE_TOO_OLD', () => transfer(account(0), account(1), { nonce: 476 })],
    ['INSUFFICIENT_BALANCE', () => transfer(account(0), account(1), { nonce: 1600, amount: 98, fee: 1 })],
    ['ALREADY_REGISTERED', () => registration(account(1))],
  ];
  test.each(cases)('%s leaves the state as it was', async (code, build) => {
    const { app, accounts } = payments([100, 100]);
    expect(execute(app, await transfer(accounts[0]!, accounts[1]!, { nonce: 1500, amount: 2 }))).toEqual(['OK']);
    const before = [...app.snapshot().pieces];
    const root = app.info().stateRoot;
    const index = app.info().lastIndex;
    const { receipts, stateRoot } = app.finalizeBlock({
      index: nextIndex++,
      timestampMs: 0,
      approved: [await build(app)],
    });
    expect(receipts).toEqual([RECEIPT[code]]);
    expect(stateRoot).toEqual(root);
    app.restore(before);
    expect(app.info()).toMatchObject({ lastIndex: index, stateRoot: root });
  });

  test('a failed transfer leaves its nonce free', async () => {
    const { app, accounts } = payments([10, 0]);
    const [a, b] = [accounts[0]!, accounts[1]!];
    const receipts = execute(
      app,
      await transfer(a, b, { nonce: 5, amount: 11 }),
      await transfer(a, b, { nonce: 5, amount: 10 }),
    );
    expect(receipts).toEqual(['INSUFFICIENT_BALANCE', 'OK']);
  });

  test('any signed field that is changed afterwards voids the signature', async () => {
    const { app, accounts } = payments([100, 100]);
    const good = await transfer(accounts[0]!, accounts[1]!, {
      nonce: 1,
      amount: 3,
      fee: 1,
      origin: 'https://shop.example',
    });
    const { proposal } = good;
    const changes: Partial<Proposal>[] = [
      { expiryMs: proposal.expiryMs + 1 },
      { sender: accounts[1]!.id },
      { signature: flipped(proposal.signature, 100) },
      ...[0, 8, 40, 48, 60].map((at) => ({ body: flipped(proposal.body, at) })),
    ];
    for (const change of changes) {
      const bad = changed(good, change);
      expect(await app.checkTx(bad)).toMatchObject({ ok: false, code: 'BAD_SIGNATURE' });
      expect(['BAD_SIGNATURE', 'UNKNOWN_RECIPIENT', 'INSUFFICIENT_BALANCE']).toContain(execute(app, bad)[0]);
    }
    expect(await app.checkTx(good)).toEqual({ ok: true });
    expect(execute(app, good)).toEqual(['OK']);
  });

  test('a registration and a transfer cannot stand for one another', async () => {
    const { app } = payments([100]);
    const who = account(5);
    const good = await registration(who);
    expect(await app.checkTx(good)).toEqual({ ok: true });
    expect(await app.checkTx(changed(good, { signature: flipped(good.proposal.signature) }))).toMatchObject({
      ok: false,
      code: 'BAD_SIGNATURE',
    });
    const foreign = changed(good, { sender: account(0).id });
    expect(app.keys(foreign.proposal)).toEqual({ wellFormed: false });
    expect(await app.checkTx(foreign)).toMatchObject({ ok: false, code: 'MALFORMED' });
    expect(execute(app, changed(good, { signature: flipped(good.proposal.signature) }), good, good)).toEqual([
      'BAD_SIGNATURE',
      'OK',
      'ALREADY_REGISTERED',
    ]);
  });

  test('an account registered between vote and execution: unknown to checkTx, executed nevertheless, and checked', async () => {
    const { app, accounts } = payments([100]);
    const newcomer = account(7);
    const spend = await transfer(newcomer, accounts[0]!, { nonce: 0, amount: 4 });
    const forged = changed(spend, { signature: flipped(spend.proposal.signature) });
    expect(await app.checkTx(spend)).toEqual({ ok: true, unknown: true });
    expect(await app.checkTx(forged)).toEqual({ ok: true, unknown: true });
    const fund = await transfer(accounts[0]!, newcomer, { nonce: 0, amount: 4 });
    expect(execute(app, fund)).toEqual(['UNKNOWN_RECIPIENT']);
    expect(execute(app, await registration(newcomer), fund, forged, spend)).toEqual([
      'OK',
      'OK',
      'BAD_SIGNATURE',
      'OK',
    ]);
    expect(balances(app)).toEqual([0, 100, 0]);
  });
});

describe('keys', () => {
  test('a transfer claims account and nonce, a registration its account, and nothing else clashes', async () => {
    const { app, accounts } = payments([1, 1]);
    const [a, b] = [accounts[0]!, accounts[1]!];
    const keyOf = (identified: IdentifiedProposal) => {
      const keys = app.keys(identified.proposal);
      expect(keys).toMatchObject({ wellFormed: true });
      return keys.wellFormed ? toHex(keys.keys[0]!) : '';
    };
    const one = keyOf(await transfer(a, b, { nonce: 1 }));
    expect(keyOf(await transfer(a, a, { nonce: 1, amount: 7, origin: 'x' }))).toBe(one);
    const others = [
      await transfer(a, b, { nonce: 2 }),
      await transfer(b, a, { nonce: 1 }),
      await registration(a),
      await registration(b),
    ];
    expect(new Set([one, ...others.map(keyOf)]).size).toBe(5);
  });

  test('whatever the bytes, an answer and no exception', async () => {
    const { app, accounts } = payments([5]);
    const good = (await transfer(accounts[0]!, accounts[0]!, { nonce: 1, origin: 'https://a.example' })).proposal;
    const bytes = (length: number) => fc.uint8Array({ maxLength: length });
    const near = fc.record({ at: fc.nat(good.body.length - 1), to: fc.nat(255) }).map(({ at, to }) => {
      const body = Uint8Array.from(good.body);
      body[at] = to;
      return { ...good, body };
    });
    const cut = fc.nat(good.body.length).map((length) => ({ ...good, body: good.body.subarray(0, length) }));
    const wild = fc.record({
      version: fc.constantFrom(0, 1, 2),
      kind: fc.constantFrom(0, 1, 2, 16, 65535),
      expiryMs: fc.nat(),
      sender: fc.oneof(bytes(64), fc.constant(good.sender)),
      body: fc.oneof(bytes(100), fc.uint8Array({ minLength: 1952, maxLength: 1952 })),
      signature: fc.oneof(bytes(10), fc.constant(good.signature)),
    });
    const run = fc.asyncProperty(fc.oneof(near, cut, wild), async (proposal) => {
      const identified = {
        id: new Uint8Array(32),
        bytes: new Uint8Array(0),
        proposal,
      } as unknown as IdentifiedProposal;
      const keys = app.keys(proposal);
      const check = await app.checkTx(identified);
      const [receipt] = execute(app, identified);
      if (keys.wellFormed) expect(receipt).not.toBe('MALFORMED');
      else expect([receipt, check]).toMatchObject(['MALFORMED', { ok: false, code: 'MALFORMED' }]);
      if (!keys.wellFormed) expect(app.describe(proposal)).toEqual({ kind: 'other', body: proposal.body });
    });
    await fc.assert(run, { numRuns: 500 });
  });

  test.each([
    ['the version', { version: 2 }],
    ['the kind', { kind: 3 }],
    ['a sender of 31 bytes', { sender: new Uint8Array(31) }],
    ['no signature', { signature: new Uint8Array(0) }],
    ['an empty body', { body: new Uint8Array(0) }],
  ])('%s makes it malformed', async (_, change) => {
    const { app } = payments([5]);
    const good = (await transfer(account(0), account(0), { nonce: 1 })).proposal;
    expect(app.keys(good).wellFormed).toBe(true);
    expect(app.keys({ ...good, ...change })).toEqual({ wellFormed: false });
  });

  test('amounts beyond 2^53, origins too long or not UTF-8 are not built, and malformed if somebody does', async () => {
    const { app } = payments([5]);
    const context = { kernels, chainId: CHAIN_ID, expiryMs: EXPIRY_MS };
    const wish = { nonce: 0, to: account(0).id, amount: 1, fee: 0, origin: '' };
    const build = (change: object) => buildTransfer(context, account(0).signer, { ...wish, ...change });
    await expect(build({ amount: Number.MAX_SAFE_INTEGER, fee: 1 })).rejects.toMatchObject({ code: 'PAYMENT_INVALID' });
    await expect(build({ origin: 'é'.repeat(127) })).rejects.toMatchObject({ code: 'PAYMENT_INVALID' });
    await expect(build({ amount: -1 })).rejects.toMatchObject({ code: 'SSZ_NUMBER' });
    await expect(build({ to: new Uint8Array(31) })).rejects.toMatchObject({ code: 'SSZ_LENGTH' });
    await expect(build({ origin: 'e'.repeat(253) })).resolves.toBeInstanceOf(Uint8Array);
    const good = (await transfer(account(0), account(0), { nonce: 1, origin: 'ab' })).proposal;
    expect(app.keys({ ...good, body: Uint8Array.from([...good.body.subarray(0, 60), 0xc3, 0x28]) })).toEqual({
      wellFormed: false,
    });
  });

  test('describe gives plain data', async () => {
    const { app, accounts } = payments([5, 5]);
    const wish = { nonce: 77, amount: 4, fee: 1, origin: 'https://shop.example' };
    const { proposal } = await transfer(accounts[0]!, accounts[1]!, wish);
    const [from, to] = accounts.map(({ id }) => toHex(id));
    expect(app.describe(proposal)).toEqual({ kind: 'transaction', from, to, ...wish, amount: 4n, fee: 1n });
  });
});

describe('state', () => {
  test('genesis: accounts in order; every malformed one is refused', () => {
    const { app, accounts } = payments([7, 8]);
    expect(app.ledger().size).toBe(3);
    expect(() => app.initChain([])).toThrow(expect.objectContaining({ code: 'APP_INITIALISED' }));
    const key = toHex(accounts[0]!.signer.publicKey);
    const bad: unknown[] = [
      null,
      {},
      [1],
      [{ publicKey: key }],
      [{ publicKey: key, balance: -1 }],
      [{ publicKey: key, balance: 1.5 }],
      [{ publicKey: key.toUpperCase(), balance: 1 }],
      [{ publicKey: key.slice(2), balance: 1 }],
      [{ publicKey: key, balance: 1, name: 'x' }],
      [
        { publicKey: key, balance: 1 },
        { publicKey: key, balance: 1 },
      ],
      [
        { publicKey: key, balance: Number.MAX_SAFE_INTEGER },
        { publicKey: toHex(accounts[1]!.signer.publicKey), balance: 1 },
      ],
    ];
    for (const state of bad) {
      const fresh = new Payments({ kernels, chainId: CHAIN_ID });
      expect(() => fresh.initChain(state)).toThrow(expect.objectContaining({ code: 'APP_STATE_INVALID' }));
      expect(fresh.ledger().size).toBe(1);
    }
  });

  test('commits are executed in order, and info tells of the last committed one', async () => {
    const { app } = payments([7]);
    const genesis = app.info();
    const empty = { timestampMs: 0, approved: [] };
    app.finalizeBlock({ index: 1, ...empty });
    expect(app.info()).toEqual(genesis);
    app.commit();
    expect(app.info()).toEqual({ ...genesis, lastIndex: 1 });
    for (const index of [1, 0, 1.5]) {
      expect(() => app.finalizeBlock({ index, ...empty })).toThrow(
        expect.objectContaining({ code: 'APP_INDEX_ORDER' }),
      );
    }
    app.finalizeBlock({ index: 5, ...empty });
  });

  test('queries', async () => {
    const { app, accounts } = payments([7, 9]);
    const ask = (path: string, data: Uint8Array = new Uint8Array(0)): unknown => {
      const { found, value } = app.query(path, data);
      return found ? JSON.parse(Buffer.from(value).toString()) : undefined;
    };
    execute(app, await transfer(accounts[0]!, accounts[1]!, { nonce: 0, amount: 2, fee: 1 }));
    expect(ask('/account', accounts[0]!.id)).toMatchObject({
      balance: 4,
      nextNonce: 1,
      lowestNonce: 0,
      id: toHex(accounts[0]!.id),
    });
    expect(ask('/supply')).toEqual({ supply: 16, accounts: 2 });
    expect([ask('/account', account(9).id), ask('/account'), ask('/proof', account(9).id)]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
    expect(() => ask('/nothing')).toThrow(expect.objectContaining({ code: 'APP_QUERY_UNKNOWN' }));
    const proof = ask('/proof', accounts[1]!.id) as { position: number; count: number; leaf: string; path: string[] };
    expect([proof.position, proof.count]).toEqual([2, 3]);
    // Leaf 2 of 3 moves up alone; its only sibling is the node over leaves 0 and 1.
    const leaf = kernels.sha3_256(Uint8Array.of(0), Buffer.from(proof.leaf, 'hex'));
    const top = kernels.sha3_256(Uint8Array.of(1), Buffer.from(proof.path[0]!, 'hex'), leaf);
    expect(kernels.sha3_256(Uint8Array.of(2), Uint8Array.of(3, 0, 0, 0), top)).toEqual(app.info().stateRoot);
  });

  test('foreign or damaged snapshots are refused and change nothing', () => {
    const { app } = payments([7, 9]);
    const [head, records] = [...app.snapshot().pieces] as [Uint8Array, Uint8Array];
    const before = app.info();
    const refused = expect.objectContaining({ code: 'APP_SNAPSHOT_INVALID' });
    const other = new Payments({ kernels, chainId: flipped(CHAIN_ID) });
    expect(() => other.restore([head, records])).toThrow(refused);
    for (const bad of [
      [],
      [head],
      [head.subarray(1), records],
      [flipped(head), records],
      [flipped(head, 12), records],
      [head.subarray(0, -1), records],
      [head, records.subarray(1)],
      [head, records, records],
      [head, records.subarray(0, 2096)],
    ]) {
      expect(() => app.restore(bad)).toThrow(refused);
    }
    expect(() => app.restore([head, records], { ...before, lastIndex: 1 })).toThrow(refused);
    expect(() => app.restore([head, flipped(records, 2000)], before)).toThrow(refused);
    const good = [head, records];
    expect(app.info()).toEqual(before);
    app.restore(good);
    expect(app.info()).toEqual(before);
  });

  test('a snapshot is the state when it was taken, whatever is executed while it is walked', async () => {
    const { app, accounts } = payments(Array.from({ length: 300 }, (_, i) => i + 10));
    const before = [...app.snapshot().pieces];
    expect(before.length).toBeGreaterThan(3);
    const snapshot = app.snapshot();
    const given: Uint8Array[] = [];
    let nonce = 1;
    for (const piece of snapshot.pieces) {
      given.push(piece);
      const paid = [0, 130, 260].map((from) => transfer(accounts[from]!, accounts[299 - from]!, { nonce, fee: 1 }));
      const codes = execute(app, ...(await Promise.all(paid)), await registration(account(400 + nonce)));
      expect(codes).toEqual(['OK', 'OK', 'OK', 'OK']);
      nonce++;
    }
    expect(Buffer.concat(given).equals(Buffer.concat(before))).toBe(true);
    expect(Buffer.concat([...app.snapshot().pieces]).equals(Buffer.concat(before))).toBe(false);
  });
});
