import { describe, expect, test } from 'vitest';
import { utf8 } from '../../src/core/bytes.ts';
import { committeeAfter, committeeHash } from '../../src/core/committee.ts';
import { MAX_BODY_BYTES } from '../../src/core/limits.ts';
import type { Proposal } from '../../src/core/types.ts';
import {
  applyUpgrade,
  consentDigest,
  consentsOf,
  emptyUpgrade,
  keysWithUpgrades,
  readUpgrade,
  UPGRADE_KIND,
  type Upgrade,
} from '../../src/core/upgrade.ts';
import { encodeUpgrade } from '../../src/core/upgrade-codec.ts';
import { makeCommittee } from '../support/chain.ts';
import { hashing } from '../support/hashing.ts';
import { codeOf } from '../support/hostile.ts';
import { makeJoin, makeKeys, makeUpgrade } from '../support/upgrades.ts';

const committee = makeCommittee(hashing, { stakes: [1, 2, 3, 4], parameters: { leadersPerRound: 2 } });
const [first, second, third, fourth] = committee.validators as unknown as [never, never, never, never];
const upgrade = (changes: Partial<Upgrade>): Upgrade => ({ ...emptyUpgrade(committee), ...changes });
const apply = (changes: Partial<Upgrade>) => applyUpgrade(committee, upgrade(changes));
const refusal = (changes: Partial<Upgrade>) => codeOf(() => apply(changes));
const rotation = (author: number, seed = 9) => ({ author, ...makeKeys(seed), consent: new Uint8Array(3309) });

describe('an upgrade', () => {
  test('lets validators leave and join: who stays keeps the order, who is new comes last', () => {
    const join = makeJoin(1, { name: 'new', stake: 7 });
    const { validators, parameters } = apply({ leaves: [1], joins: [join] });
    expect(validators.map(({ index, name, stake }) => [index, name, stake])).toEqual([
      [0, 'validator-0', 1],
      [1, 'validator-2', 3],
      [2, 'validator-3', 4],
      [3, 'new', 7],
    ]);
    expect(validators[3]).toMatchObject(makeKeys(1));
    expect(parameters).toBe(committee.parameters);
  });

  test('changes stakes and keys, and nothing beside them', () => {
    const { validators } = apply({ stakes: [{ author: 0, stake: 5 }], rotations: [rotation(0)] });
    expect(validators).toEqual([{ ...(first as object), stake: 5, ...makeKeys(9) }, second, third, fourth]);
    expect(apply({ rotations: [rotation(2)] }).validators[2]).toMatchObject({ name: 'validator-2', stake: 3 });
  });

  test('changes parameters', () => {
    const parameters = { ...committee.parameters, openMs: 5_000 };
    expect(apply({ parameters })).toEqual({ validators: committee.validators, parameters });
  });

  test('gives a committee of the next epoch that stands on the closing commit', () => {
    const members = apply({ stakes: [{ author: 0, stake: 5 }] });
    const origin = { index: 7 as never, digest: new Uint8Array(32).fill(7) as never, timestampMs: 99 };
    const next = committeeAfter(hashing, committee, members, origin);
    expect(next).toMatchObject({ epoch: 1, total: 14, faulty: 4, quorum: 10, genesisTimeMs: 99, origin });
    expect(next.chainId).toBe(committee.chainId);
    expect(next.hash).toEqual(committeeHash(hashing, members));
    expect(next.hash).not.toEqual(committee.hash);
    const digest = hashing.sha3_256(utf8('pq/genesis/1'), origin.digest, Uint8Array.of(3, 0));
    expect(next.genesisRefs[3]).toEqual({ round: 0, author: 3, digest });
  });

  test('is of this chain and of this epoch', () => {
    const stakes = [{ author: 0, stake: 5 }];
    expect(refusal({ stakes, chainId: new Uint8Array(32) })).toBe('UPGRADE_CHAIN');
    expect(refusal({ stakes, epoch: 1 })).toBe('UPGRADE_EPOCH');
  });

  test('changes something, and everything in it does', () => {
    expect(refusal({})).toBe('UPGRADE_EMPTY');
    expect(refusal({ stakes: [{ author: 1, stake: 2 }] })).toBe('UPGRADE_STAKE');
    expect(refusal({ parameters: { ...committee.parameters } })).toBe('UPGRADE_PARAMETERS');
  });

  test('is about validators that are there and stay', () => {
    expect(refusal({ leaves: [4] })).toBe('UPGRADE_AUTHOR');
    expect(refusal({ stakes: [{ author: 4, stake: 1 }] })).toBe('UPGRADE_AUTHOR');
    expect(refusal({ rotations: [rotation(4)] })).toBe('UPGRADE_AUTHOR');
    expect(refusal({ leaves: [0], stakes: [{ author: 0, stake: 9 }] })).toBe('UPGRADE_AUTHOR');
    expect(refusal({ leaves: [0], rotations: [rotation(0)] })).toBe('UPGRADE_AUTHOR');
  });

  test('brings keys and names that nobody has, not even who leaves', () => {
    for (const name of ['publicKey', 'ed25519Key', 'gateKey'] as const) {
      const taken = { [name]: committee.validators[1]![name] };
      expect(refusal({ joins: [makeJoin(1, taken)] })).toBe('UPGRADE_DUPLICATE');
      expect(refusal({ leaves: [1], joins: [makeJoin(1, taken)] })).toBe('UPGRADE_DUPLICATE');
      expect(refusal({ rotations: [{ ...rotation(0), ...taken }] })).toBe('UPGRADE_DUPLICATE');
    }
    expect(refusal({ joins: [makeJoin(1, { name: 'validator-1' })] })).toBe('UPGRADE_DUPLICATE');
    expect(apply({ leaves: [1], joins: [makeJoin(1, { name: 'validator-1' })] }).validators[3]!.name).toBe(
      'validator-1',
    );
    for (const name of ['', 'x'.repeat(65), '\ud800'])
      expect(refusal({ joins: [makeJoin(1, { name })] })).toBe('UPGRADE_NAME');
  });

  test('brings one new key at most', () => {
    expect(refusal({ joins: [makeJoin(1)], rotations: [rotation(0)] })).toBe('UPGRADE_COUNT');
    const full = encodeUpgrade(upgrade({ joins: [makeJoin(1, { name: 'x'.repeat(64) })] }));
    const all = committee.validators.map(({ index }) => index);
    const stakes = Array.from({ length: 128 }, (_, author) => ({ author, stake: 9 }));
    const largest = encodeUpgrade(upgrade({ joins: [makeJoin(1, { name: 'x'.repeat(64) })], leaves: all, stakes }));
    expect([full.length < MAX_BODY_BYTES, largest.length < MAX_BODY_BYTES]).toEqual([true, true]);
  });

  test('leaves a committee that can be one', () => {
    expect(refusal({ leaves: [0, 1, 2, 3] })).toBe('UPGRADE_COUNT');
    expect(refusal({ stakes: [{ author: 0, stake: 0 }] })).toBe('UPGRADE_STAKE');
    expect(refusal({ stakes: [{ author: 0, stake: Number.MAX_SAFE_INTEGER }] })).toBe('UPGRADE_STAKE');
    expect(refusal({ leaves: [0, 1, 2] })).toBe('UPGRADE_PARAMETERS');
    const fit = { ...committee.parameters, leadersPerRound: 1 };
    expect(apply({ leaves: [0, 1, 2], parameters: fit }).validators).toHaveLength(1);
    const crowd = makeCommittee(hashing, { validators: 128 });
    const join = { ...emptyUpgrade(crowd), joins: [makeJoin(1)] };
    expect(codeOf(() => applyUpgrade(crowd, join))).toBe('UPGRADE_COUNT');
    expect(applyUpgrade(crowd, { ...join, leaves: [5] }).validators).toHaveLength(128);
  });

  test.each([
    ['leadersPerRound', 0],
    ['leadersPerRound', 5],
    ['requiredVotesPerMille', 1_001],
    ['openMs', 0],
    ['maxExpiryMs', 86_400_001],
  ])('has parameters that a genesis document could have: not %s %i', (name, value) => {
    expect(refusal({ parameters: { ...committee.parameters, [name]: value } })).toBe('UPGRADE_PARAMETERS');
  });

  test('has its lists in order', () => {
    expect(codeOf(() => encodeUpgrade(upgrade({ leaves: [2, 1] })))).toBe('UPGRADE_ORDER');
    expect(codeOf(() => encodeUpgrade(upgrade({ leaves: [1, 1] })))).toBe('UPGRADE_ORDER');
    const stakes = [1, 1].map((author) => ({ author, stake: 9 }));
    expect(codeOf(() => encodeUpgrade(upgrade({ stakes })))).toBe('UPGRADE_ORDER');
  });
});

describe('the proposal of an upgrade', () => {
  const keys = keysWithUpgrades(hashing, committee, () => ({ wellFormed: true, keys: [new Uint8Array(32)] }));
  const proposal = (changes: Partial<Upgrade>, more: Partial<Proposal> = {}) =>
    makeUpgrade(hashing, committee, changes, more).proposal;
  const good = { stakes: [{ author: 0, stake: 5 }] };

  test('claims the one key of its epoch, whatever it changes', () => {
    const key = hashing.sha3_256(utf8('epoch'), new Uint8Array(4));
    expect(keys(proposal(good))).toEqual({ wellFormed: true, keys: [key] });
    expect(keys(proposal({ leaves: [3] }))).toEqual({ wellFormed: true, keys: [key] });
  });

  test('is malformed when it cannot be applied, or has another form', () => {
    const bad: Proposal[] = [
      proposal({ ...good, epoch: 1 }),
      proposal({ leaves: [9] }),
      proposal(good, { sender: Uint8Array.of(1) }),
      proposal(good, { signature: Uint8Array.of(1) }),
      proposal(good, { version: 2 }),
      proposal(good, { kind: UPGRADE_KIND + 1 }),
      proposal(good, { kind: 0xffff }),
      proposal(good, { body: proposal(good).body.slice(1) }),
    ];
    for (const each of bad) expect(keys(each)).toEqual({ wellFormed: false });
    expect(keys(proposal(good, { kind: 0x7fff }))).toEqual({ wellFormed: true, keys: [new Uint8Array(32)] });
  });

  test('needs the consent of whoever owns the new key, to this place in this epoch of this chain', () => {
    const join = makeJoin(1, { consent: new Uint8Array(3309).fill(8) });
    const read = readUpgrade(proposal({ joins: [join] }));
    const digest = consentDigest(hashing, read, join);
    expect(consentsOf(hashing, read)).toEqual([{ publicKey: join.publicKey, digest, signature: join.consent }]);
    const others = [
      consentDigest(hashing, { ...read, epoch: 1 }, join),
      consentDigest(hashing, { ...read, chainId: new Uint8Array(32) }, join),
      consentDigest(hashing, read, { ...join, stake: 2 }),
      consentDigest(hashing, read, { ...join, name: 'other' }),
      consentDigest(hashing, read, { ...join, ed25519Key: makeKeys(2).ed25519Key }),
      consentDigest(hashing, read, { ...join, gateKey: makeKeys(2).gateKey }),
      consentDigest(hashing, read, rotation(0, 1)),
      consentDigest(hashing, read, rotation(1, 1)),
    ];
    expect(new Set([digest, ...others].map(String)).size).toBe(1 + others.length);
    expect(consentsOf(hashing, readUpgrade(proposal(good)))).toEqual([]);
    expect(consentsOf(hashing, readUpgrade(proposal({ rotations: [rotation(2)] })))).toHaveLength(1);
  });
});
