import fc from 'fast-check';
import { expect, test } from 'vitest';
import { receiptName } from '../../src/app/application.ts';
import { createApplication } from '../../src/app/create.ts';
import { CREATE_KIND, encodePair, KeyValue, SET_KIND } from '../../src/app/kv.ts';
import { utf8 } from '../../src/core/bytes.ts';
import { encodeProposal, identifyProposal } from '../../src/core/proposal.ts';
import type { IdentifiedProposal } from '../../src/core/types.ts';
import { CHAIN_ID, flipped, kernels } from './accounts.ts';

const NOTHING = new Uint8Array(0);

function proposal(kind: number, body: Uint8Array, version = 1): IdentifiedProposal {
  const fields = { version, kind, expiryMs: 1, sender: NOTHING, body, signature: NOTHING };
  return identifyProposal(kernels, encodeProposal(fields));
}
const put = (kind: number, key: string, value: string) => proposal(kind, encodePair(utf8(key), utf8(value)));
const fresh = () => new KeyValue({ kernels, chainId: CHAIN_ID });
const get = (app: KeyValue, key: string) => {
  const { found, value } = app.query('/get', utf8(key));
  return found ? Buffer.from(value).toString() : undefined;
};

test('set overwrites, create does not, and only create claims its key', () => {
  const app = fresh();
  app.initChain([['genesis', 'here']]);
  const approved = [
    put(SET_KIND, 'a', '1'),
    put(SET_KIND, 'a', '2'),
    put(CREATE_KIND, 'a', '3'),
    put(CREATE_KIND, 'b', '4'),
    put(CREATE_KIND, 'genesis', '5'),
    proposal(3, utf8('a')),
  ];
  const { receipts } = app.finalizeBlock({ index: 1, timestampMs: 0, approved });
  expect(receipts.map(receiptName)).toEqual(['OK', 'OK', 'KEY_EXISTS', 'OK', 'KEY_EXISTS', 'MALFORMED']);
  expect(['a', 'b', 'genesis', 'c'].map((key) => get(app, key))).toEqual(['2', '4', 'here', undefined]);
  expect(app.keys(approved[0]!.proposal)).toEqual({ wellFormed: true, keys: [] });
  const [one, same, other] = [put(CREATE_KIND, 'k', '1'), put(CREATE_KIND, 'k', '2'), put(CREATE_KIND, 'kk', '1')];
  expect(app.keys(one.proposal)).toEqual(app.keys(same.proposal));
  expect(app.keys(one.proposal)).not.toEqual(app.keys(other.proposal));
});

test('malformed bodies are malformed everywhere, and never an exception', async () => {
  const app = fresh();
  const bodies = [NOTHING, Uint8Array.of(0), Uint8Array.of(0, 1), Uint8Array.of(2, 65), Uint8Array.of(255, 1, 2)];
  const bad = [
    ...bodies.map((body) => proposal(SET_KIND, body)),
    proposal(15, utf8('\x01a')),
    proposal(SET_KIND, utf8('\x01a'), 2),
  ];
  for (const [at, each] of bad.entries()) {
    expect(app.keys(each.proposal)).toEqual({ wellFormed: false });
    expect(await app.checkTx(each)).toMatchObject({ ok: false, code: 'MALFORMED' });
    const { receipts } = app.finalizeBlock({ index: at + 1, timestampMs: 0, approved: [each] });
    expect(receipts.map(receiptName)).toEqual(['MALFORMED']);
  }
  expect(app.keys(proposal(SET_KIND, utf8('\x01a')).proposal)).toEqual({ wellFormed: true, keys: [] });
  expect(await app.checkTx(proposal(SET_KIND, utf8('\x01a')))).toEqual({ ok: true });
  expect(() => encodePair(NOTHING, NOTHING)).toThrow(expect.objectContaining({ code: 'KV_KEY_LENGTH' }));
  expect(() => encodePair(new Uint8Array(256), NOTHING)).toThrow(expect.objectContaining({ code: 'KV_KEY_LENGTH' }));
  expect(() => app.query('/x', NOTHING)).toThrow(expect.objectContaining({ code: 'APP_QUERY_UNKNOWN' }));
});

test('genesis is checked', () => {
  for (const state of [
    null,
    {},
    [['a']],
    [['a', 1]],
    [['', 'x']],
    [
      ['a', 'x'],
      ['a', 'y'],
    ],
    [['x'.repeat(256), '']],
  ]) {
    expect(() => fresh().initChain(state)).toThrow(expect.objectContaining({ code: 'APP_STATE_INVALID' }));
  }
  const app = fresh();
  app.initChain([['a', 'b']]);
  expect(() => app.initChain([])).toThrow(expect.objectContaining({ code: 'APP_INITIALISED' }));
  expect(createApplication('kv', { kernels, chainId: CHAIN_ID }).name).toBe('kv');
  expect(createApplication('payments', { kernels, chainId: CHAIN_ID }).name).toBe('payments');
});

test('any history equals a map; the root is that of all entries at once; a snapshot brings all of it back', () => {
  const write = fc.record({
    kind: fc.constantFrom(SET_KIND, CREATE_KIND),
    key: fc.constantFrom('a', 'b', 'c', 'dd', 'eee'),
    value: fc.string({ maxLength: 4 }),
  });
  fc.assert(
    fc.property(fc.array(fc.array(write, { maxLength: 5 }), { maxLength: 6 }), (commits) => {
      let app = fresh();
      const model = new Map<string, string>();
      for (const [at, writes] of commits.entries()) {
        const approved = writes.map(({ kind, key, value }) => put(kind, key, value));
        const { receipts, stateRoot } = app.finalizeBlock({ index: at + 1, timestampMs: 0, approved });
        app.commit();
        const expected = writes.map(({ kind, key, value }) => {
          if (kind === CREATE_KIND && model.has(key)) return 'KEY_EXISTS';
          model.set(key, value);
          return 'OK';
        });
        expect(receipts.map(receiptName)).toEqual(expected);
        expect(stateRoot).toEqual(
          kernels.merkleRoot(Array.from(model, ([key, value]) => encodePair(utf8(key), utf8(value)))),
        );
        const copy = fresh();
        copy.restore(app.snapshot().pieces, app.info());
        expect([...copy.snapshot().pieces]).toEqual([...app.snapshot().pieces]);
        expect(copy.info()).toEqual(app.info());
        if (at % 2 === 0) app = copy;
      }
      for (const [key, value] of model) expect(get(app, key)).toBe(Buffer.from(value).toString());
    }),
  );
});

test('damaged snapshots are refused', () => {
  const app = fresh();
  app.initChain([
    ['a', 'b'],
    ['c', 'd'],
  ]);
  const [head, pairs] = [...app.snapshot().pieces] as [Uint8Array, Uint8Array];
  const bad = [
    [],
    [head],
    [head.subarray(0, -1), pairs],
    [flipped(head, 9), pairs],
    [flipped(head, 64), pairs],
    [head, pairs.subarray(0, -1)],
    [head, pairs, pairs.subarray(-7)],
    [head, pairs, Uint8Array.of(1)],
  ];
  const refused = expect.objectContaining({ code: 'APP_SNAPSHOT_INVALID' });
  for (const pieces of bad) expect(() => app.restore(pieces)).toThrow(refused);
  const info = app.info();
  expect(() => app.restore([head, pairs], { ...info, lastIndex: 1 })).toThrow(refused);
  expect(() => app.restore([head, pairs], { ...info, stateRoot: new Uint8Array(32) })).toThrow(refused);
  expect([...app.snapshot().pieces]).toEqual([head, pairs]);
  app.restore([head, pairs], info);
  expect([...app.snapshot().pieces]).toEqual([head, pairs]);
});

test('a snapshot is the state when it was taken, whatever is written while it is walked', () => {
  const app = fresh();
  const entries = Array.from({ length: 2000 }, (_, i) => [`key ${i}`, 'x'.repeat(100 + (i % 400))]);
  app.initChain(entries);
  const before = [...app.snapshot().pieces];
  expect(before.length).toBeGreaterThan(2);
  const snapshot = app.snapshot();
  const given: Uint8Array[] = [];
  let index = 0;
  const change = () => {
    index++;
    const approved = [0, 700, 1400, 1999, 5000 + index].map((at) => put(SET_KIND, `key ${at}`, `changed ${index}`));
    app.finalizeBlock({ index, timestampMs: 0, approved });
    app.commit();
  };
  change();
  for (const piece of snapshot.pieces) {
    given.push(piece);
    change();
  }
  expect(Buffer.concat(given).equals(Buffer.concat(before))).toBe(true);
  const copy = fresh();
  copy.restore(given);
  expect(get(copy, 'key 1400')).toBe('x'.repeat(100 + (1400 % 400)));
  // One that is given up is not walked any further.
  const abandoned = app.snapshot();
  abandoned.close();
  expect([...abandoned.pieces]).toHaveLength(1);
});
