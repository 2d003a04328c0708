import { describe, expect, it } from 'vitest';
import { compareRefs } from '../../src/core/block.ts';
import { concatBytes } from '../../src/core/bytes.ts';
import {
  MAX_BLOCK_BYTES,
  MAX_COMMIT_BLOCKS,
  MAX_FETCH_REFS,
  MAX_MESSAGE_BYTES,
  MAX_SYNC_COMMITS,
} from '../../src/core/limits.ts';
import { decodeMessage, encodeMessage, type Message } from '../../src/core/messages.ts';
import type { Certificate } from '../../src/core/types.ts';
import { makeCommit, makeCommittee, makeRef } from '../support/chain.ts';
import { hashing } from '../support/hashing.ts';
import { codeOf } from '../support/hostile.ts';
import { seeded } from '../support/random.ts';
import { CommitsReplySsz, certificateValue } from '../support/ssz-types.ts';

const random = seeded(1);
const committee = makeCommittee(hashing);
const empty: Certificate = { commits: [], entries: [] };
const none = certificateValue(empty);
const decoding = (...parts: (number | Uint8Array)[]) =>
  codeOf(() =>
    decodeMessage(concatBytes(...parts.map((part) => (typeof part === 'number' ? Uint8Array.of(part) : part)))),
  );

describe('messages', () => {
  it('carry a block as it is, without a copy', () => {
    const bytes = random.bytes(300);
    const encoded = encodeMessage({ kind: 'block', bytes });
    const message = decodeMessage(encoded);
    expect(message).toEqual({ kind: 'block', bytes });
    expect(message.kind === 'block' && message.bytes.buffer).toBe(encoded.buffer);
  });

  it('are refused when empty or of an unknown kind', () => {
    expect(codeOf(() => decodeMessage(new Uint8Array(0)))).toBe('MESSAGE_BYTES');
    expect(decoding(0)).toBe('MESSAGE_KIND');
    expect(decoding(11, new Uint8Array(86))).toBe('MESSAGE_KIND');
    expect(decoding(255)).toBe('MESSAGE_KIND');
  });

  it('are bounded as a whole', () => {
    expect(decoding(1, new Uint8Array(MAX_MESSAGE_BYTES))).toBe('MESSAGE_BYTES');
    const refs = Array.from({ length: MAX_COMMIT_BLOCKS }, () => makeRef(random)).sort(compareRefs);
    const commits = Array.from({ length: 8 }, (_, i) => ({ commit: makeCommit(committee, i), refs }));
    expect(codeOf(() => encodeMessage({ kind: 'commitsReply', commits, certificate: empty }))).toBe('MESSAGE_BYTES');
    expect(() =>
      encodeMessage({ kind: 'commitsReply', commits: commits.slice(0, 6), certificate: empty }),
    ).not.toThrow();
  });

  it.each<['block' | 'blockReply', number]>([
    ['block', 1],
    ['blockReply', 5],
  ])('of kind %s hold at most one block', (kind, byte) => {
    const bytes = new Uint8Array(MAX_BLOCK_BYTES + 1);
    expect(codeOf(() => encodeMessage({ kind, bytes }))).toBe('SSZ_LIMIT');
    expect(decoding(byte, bytes)).toBe('SSZ_LIMIT');
    expect(decodeMessage(encodeMessage({ kind, bytes: bytes.subarray(1) }))).toMatchObject({ kind });
  });

  it('ask for a bounded number of blocks and commits', () => {
    const refs = Array.from({ length: MAX_FETCH_REFS + 1 }, () => makeRef(random));
    expect(codeOf(() => encodeMessage({ kind: 'fetchBlocks', refs }))).toBe('SSZ_LIMIT');
    expect(decoding(3, new Uint8Array(refs.length * 38))).toBe('SSZ_LIMIT');
    const fetch = (count: number): Message => ({ kind: 'fetchCommits', from: 5 as never, count });
    for (const count of [0, MAX_SYNC_COMMITS + 1]) {
      expect(codeOf(() => encodeMessage(fetch(count)))).toBe('MESSAGE_COUNT');
      expect(decoding(6, new Uint8Array(8), count, new Uint8Array(3))).toBe('MESSAGE_COUNT');
    }
    expect(decodeMessage(encodeMessage(fetch(MAX_SYNC_COMMITS)))).toEqual(fetch(MAX_SYNC_COMMITS));
  });

  it('answer with a bounded number of commits', () => {
    const commits = Array.from({ length: MAX_SYNC_COMMITS + 1 }, (_, i) => ({
      commit: makeCommit(committee, i),
      refs: [],
    }));
    const reply = (list: typeof commits): Message => ({ kind: 'commitsReply', commits: list, certificate: empty });
    expect(codeOf(() => encodeMessage(reply(commits)))).toBe('SSZ_LIMIT');
    expect(decoding(7, CommitsReplySsz.serialize({ commits, certificate: none }))).toBe('SSZ_LIMIT');
    const refs = Array.from({ length: MAX_COMMIT_BLOCKS + 1 }, () => makeRef(random));
    const long = { commits: [{ commit: makeCommit(committee, 1), refs }], certificate: empty } as const;
    expect(codeOf(() => encodeMessage({ kind: 'commitsReply', ...long }))).toBe('SSZ_LIMIT');
    expect(decoding(7, CommitsReplySsz.serialize({ commits: [...long.commits], certificate: none }))).toBe('SSZ_LIMIT');
    expect(decodeMessage(encodeMessage(reply(commits.slice(1))))).toEqual(reply(commits.slice(1)));
  });

  it('of fixed size are refused when longer or shorter', () => {
    expect(decoding(2, new Uint8Array(85))).toBe('SSZ_TRUNCATED');
    expect(decoding(2, new Uint8Array(87))).toBe('SSZ_TRAILING');
    expect(decoding(4, new Uint8Array(7))).toBe('SSZ_TRUNCATED');
    expect(decoding(4, new Uint8Array(9))).toBe('SSZ_TRAILING');
    expect(decoding(6, new Uint8Array(13))).toBe('SSZ_TRAILING');
    expect(decoding(10, new Uint8Array(7))).toBe('SSZ_TRUNCATED');
    expect(decoding(10, new Uint8Array(9))).toBe('SSZ_TRAILING');
  });
});
