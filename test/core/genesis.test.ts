import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { utf8 } from '../../src/core/bytes.ts';
import { canonicalJson, chainIdOf, type Genesis, parseGenesis } from '../../src/core/genesis.ts';
import { isPqError } from '../../src/errors.ts';
import { makeGenesis } from '../support/chain.ts';
import { hashing } from '../support/hashing.ts';
import { codeOf } from '../support/hostile.ts';

type Mutable = { -readonly [Key in keyof Genesis]: Genesis[Key] };
type Json = Record<string, never>;

/** The document after `edit`, as it would come out of JSON.parse. */
function edited(
  edit: (genesis: Mutable & { validators: Json[]; parameters: Json; application: Json }) => void,
): unknown {
  const copy = structuredClone(makeGenesis()) as never;
  edit(copy);
  return copy;
}

function refusal(run: () => unknown): { code: string; path: unknown } {
  try {
    run();
  } catch (error) {
    if (isPqError(error)) return { code: error.code, path: error.data.path };
    throw error;
  }
  throw new Error('Expected a coded error; nothing was thrown.');
}

describe('parseGenesis', () => {
  it('returns a well-formed document as it is', () => {
    const genesis = makeGenesis({ stakes: [3, 1, 2] });
    expect(parseGenesis(JSON.parse(JSON.stringify(genesis)))).toEqual(genesis);
    expect(() => parseGenesis(makeGenesis({ validators: 128, parameters: { leadersPerRound: 128 } }))).not.toThrow();
    expect(() =>
      parseGenesis(edited((g) => Object.assign(g.validators[0]!, { endpoint: '127.0.0.1:1' }))),
    ).not.toThrow();
  });

  it.each<[string, (g: Json & { validators: Json[]; parameters: Json; application: Json }) => void]>([
    ['version', (g) => Object.assign(g, { version: 2 })],
    ['chainName', (g) => Object.assign(g, { chainName: '' })],
    ['chainName', (g) => Object.assign(g, { chainName: 'é'.repeat(33) })],
    ['chainName', (g) => Object.assign(g, { chainName: '\ud800' })],
    ['timeMs', (g) => Object.assign(g, { timeMs: -1 })],
    ['timeMs', (g) => Object.assign(g, { timeMs: 0.5 })],
    ['timeMs', (g) => Reflect.deleteProperty(g, 'timeMs')],
    ['extra', (g) => Object.assign(g, { extra: 1 })],
    ['validators', (g) => Object.assign(g, { validators: [] })],
    ['validators', (g) => Object.assign(g, { validators: Array(129).fill(g.validators[0]) })],
    ['validators', (g) => Object.assign(g, { validators: { 0: g.validators[0] } })],
    ['validators[1]', (g) => Object.assign(g.validators, { 1: null })],
    ['validators[1].name', (g) => Object.assign(g.validators[1]!, { name: 5 })],
    ['validators[1].stake', (g) => Object.assign(g.validators[1]!, { stake: 0 })],
    ['validators[1].stake', (g) => Object.assign(g.validators[1]!, { stake: '1' })],
    ['validators[2].publicKey', (g) => Object.assign(g.validators[2]!, { publicKey: 'ab' })],
    ['validators[2].publicKey', (g) => Object.assign(g.validators[2]!, { publicKey: 'AB'.repeat(1952) })],
    ['validators[2].ed25519Key', (g) => Object.assign(g.validators[2]!, { ed25519Key: 'ab'.repeat(33) })],
    ['validators[2].gateKey', (g) => Reflect.deleteProperty(g.validators[2]!, 'gateKey')],
    ['validators[3].endpoint', (g) => Object.assign(g.validators[3]!, { endpoint: '' })],
    ['validators[3].weight', (g) => Object.assign(g.validators[3]!, { weight: 1 })],
    ['parameters.leadersPerRound', (g) => Object.assign(g.parameters, { leadersPerRound: 0 })],
    ['parameters.requiredVotesPerMille', (g) => Object.assign(g.parameters, { requiredVotesPerMille: 1001 })],
    ['parameters.openMs', (g) => Object.assign(g.parameters, { openMs: 0 })],
    ['parameters.maxExpiryMs', (g) => Reflect.deleteProperty(g.parameters, 'maxExpiryMs')],
    ['parameters.timeoutPhase', (g) => Object.assign(g.parameters, { timeoutPhase: 500 })],
    ['application.name', (g) => Object.assign(g.application, { name: 'other' })],
    ['application.state', (g) => Reflect.deleteProperty(g.application, 'state')],
    ['application.code', (g) => Object.assign(g.application, { code: '' })],
  ])('names the path %s', (path, edit) => {
    expect(refusal(() => parseGenesis(edited(edit as never)))).toEqual({ code: 'GENESIS_FIELD', path });
  });

  it.each([null, 1, 'x', [], undefined])('refuses %j in place of a document', (json) => {
    expect(refusal(() => parseGenesis(json))).toEqual({ code: 'GENESIS_FIELD', path: '' });
  });

  it('refuses an application state that cannot be hashed', () => {
    expect(codeOf(() => parseGenesis(edited((g) => Object.assign(g.application, { state: { rate: 0.1 } }))))).toBe(
      'JSON_VALUE',
    );
  });

  it.each(['name', 'publicKey', 'ed25519Key', 'gateKey'])('refuses two validators with one %s', (key) => {
    const json = edited((g) => Object.assign(g.validators[2]!, { [key]: g.validators[0]![key] }));
    expect(refusal(() => parseGenesis(json))).toEqual({ code: 'GENESIS_DUPLICATE', path: `validators[2].${key}` });
  });

  it('refuses stakes that do not sum to a safe integer, and more leaders than validators', () => {
    const half = 2 ** 52;
    expect(codeOf(() => parseGenesis(makeGenesis({ stakes: [half, half] })))).toBe('GENESIS_STAKE');
    expect(() => parseGenesis(makeGenesis({ stakes: [half, half - 1] }))).not.toThrow();
    expect(codeOf(() => parseGenesis(makeGenesis({ parameters: { leadersPerRound: 5 } })))).toBe('GENESIS_LEADERS');
  });
});

describe('canonicalJson (RFC 8785)', () => {
  it('sorts keys by UTF-16 code units: the example of §3.2.3', () => {
    const value = {
      '\u20ac': 'Euro Sign',
      '\r': 'Carriage Return',
      '\ufb33': 'Hebrew Letter Dalet With Dagesh',
      '1': 'One',
      '\ud83d\ude00': 'Emoji: Grinning Face',
      '\u0080': 'Control',
      '\u00f6': 'Latin Small Letter O With Diaeresis',
    };
    const order = ['Carriage Return', 'One', 'Control', 'Latin Small Letter O With Diaeresis', 'Euro Sign'];
    const expected = [...order, 'Emoji: Grinning Face', 'Hebrew Letter Dalet With Dagesh'];
    expect(Object.values(JSON.parse(canonicalJson(value)) as object)).toHaveLength(7);
    expect([...canonicalJson(value).matchAll(/:"([^"]*)"/g)].map((match) => match[1])).toEqual(expected);
  });

  it('spells strings and literals as §3.2.2 does', () => {
    const value = { string: '\u20ac$\u000F\nA\'B"\\\\"/', literals: [null, true, false] };
    const expected = '{"literals":[null,true,false],"string":"\u20ac$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}';
    expect(canonicalJson(value)).toBe(expected);
    expect(canonicalJson([0, -0, -5, Number.MAX_SAFE_INTEGER])).toBe('[0,0,-5,9007199254740991]');
  });

  it('does not depend on the order of keys, and reads back', () => {
    const leaf = fc.oneof(fc.string({ unit: 'grapheme' }), fc.maxSafeInteger(), fc.boolean(), fc.constant(null));
    const tree = fc.letrec((tie) => ({
      node: fc.oneof(
        { maxDepth: 4 },
        leaf,
        fc.array(tie('node'), { maxLength: 4 }),
        fc.dictionary(fc.string(), tie('node'), { maxKeys: 4, noNullPrototype: true }),
      ),
    }));
    const reversed = (value: unknown): unknown => {
      if (Array.isArray(value)) return value.map(reversed);
      if (typeof value !== 'object' || value === null) return value;
      const entries = Object.entries(value).reverse();
      return Object.fromEntries(entries.map(([key, inner]) => [key, reversed(inner)]));
    };
    const property = fc.property(tree.node, (value) => {
      const text = canonicalJson(value);
      expect(canonicalJson(reversed(value))).toBe(text);
      expect(canonicalJson(JSON.parse(text))).toBe(text);
      expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(value)));
    });
    fc.assert(property);
  });

  it.each([
    ['a float', 0.1],
    ['an integer that is not safe', 2 ** 53],
    ['NaN', Number.NaN],
    ['infinity', Number.POSITIVE_INFINITY],
    ['undefined', { a: undefined }],
    ['a hole', new Array(2)],
    ['a bigint', 1n],
    ['a date', new Date(0)],
    ['bytes', new Uint8Array(1)],
    ['a function', () => 0],
    ['half a surrogate pair', '\udc00'],
    ['half a surrogate pair in a key', { '\ud800': 1 }],
  ])('refuses %s', (_, value) => {
    expect(codeOf(() => canonicalJson(value))).toBe('JSON_VALUE');
  });

  it('refuses what is nested too deep, and what contains itself', () => {
    const cyclic: Record<string, unknown> = {};
    cyclic.self = cyclic;
    expect(codeOf(() => canonicalJson(cyclic))).toBe('JSON_DEPTH');
  });
});

describe('the chain id', () => {
  const genesis = makeGenesis();

  it('is the hash of the canonical document, whatever the order of its keys', () => {
    const reversed = Object.fromEntries(Object.entries(genesis).reverse()) as unknown as Genesis;
    const chainId = chainIdOf(hashing, genesis);
    expect(chainId).toEqual(hashing.sha3_256(utf8(canonicalJson(genesis))));
    expect(chainIdOf(hashing, reversed)).toEqual(chainId);
  });

  it('changes with an endpoint', () => {
    const moved = edited((g) => Object.assign(g.validators[0]!, { endpoint: '127.0.0.1:5001' })) as Genesis;
    expect(chainIdOf(hashing, moved)).not.toEqual(chainIdOf(hashing, genesis));
  });
});
