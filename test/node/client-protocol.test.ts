import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isPqError } from '../../src/errors.ts';
import { encodeNodeMessage, NodeMessageReader } from '../../src/node/client-answers.ts';
import { MAX_ANSWER_BYTES, PART_BYTES } from '../../src/node/client-parts.ts';
import {
  type ClientMessage,
  type DecidedProposal,
  decodeClientMessage,
  encodeClientMessage,
  MAX_ANSWER_EVIDENCE,
  MAX_CLIENT_MESSAGE_BYTES,
  type NodeMessage,
  requestIdOf,
  type SubmitResult,
  TOPICS,
} from '../../src/node/client-protocol.ts';

const u32 = fc.nat({ max: 0xffff_ffff });
const index = fc.maxSafeNat();
const id = fc.uint8Array({ minLength: 32, maxLength: 32 });
const text = (max: number): fc.Arbitrary<string> => fc.string({ unit: 'grapheme-ascii', maxLength: max });

const clientMessages: fc.Arbitrary<ClientMessage> = fc.oneof(
  fc.record({
    kind: fc.constant('submit' as const),
    requestId: u32,
    proposals: fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 128 }),
  }),
  fc.record({ kind: fc.constantFrom('queryDecision' as const, 'queryProof' as const), requestId: u32, id }),
  fc.record({ kind: fc.constant('queryCertificate' as const), requestId: u32, index }),
  fc.record({ kind: fc.constant('queryEpochs' as const), requestId: u32, epoch: u32 }),
  fc.record({ kind: fc.constant('queryEvidence' as const), requestId: u32, from: u32 }),
  fc.record({ kind: fc.constantFrom('queryStats' as const, 'queryStatus' as const), requestId: u32 }),
  fc.record({ kind: fc.constant('subscribe' as const), requestId: u32, topics: fc.subarray([...TOPICS]) }),
);

const decided: fc.Arbitrary<DecidedProposal> = fc.record({
  id,
  decision: fc.constantFrom('APPROVED', 'REJECTED', 'CONFLICT', 'EXPIRED'),
  reason: fc.constantFrom('QUORUM', 'MALFORMED', 'CLAIMED', 'TIMEOUT', 'SPLIT', 'EPOCH'),
  confidence: fc.nat({ max: 10_000 }),
  receipt: u32,
});

const results: fc.Arbitrary<SubmitResult> = fc.oneof(
  fc.record({ taken: fc.constant(true as const), id }),
  fc.record({ taken: fc.constant(false as const), code: text(48), message: text(256) }),
);

const nodeMessages: fc.Arbitrary<NodeMessage> = fc.oneof(
  fc.record({
    kind: fc.constant('submitted' as const),
    requestId: u32,
    results: fc.array(results, { maxLength: 128 }),
  }),
  fc.record({ kind: fc.constant('decided' as const), index, decisions: fc.array(decided, { maxLength: 512 }) }),
  fc.record({ kind: fc.constant('certified' as const), index }),
  fc.record({
    kind: fc.constant('decision' as const),
    requestId: u32,
    answer: fc.oneof(
      fc.record({ state: fc.constantFrom('unknown' as const, 'pending' as const) }),
      fc.record({ state: fc.constantFrom('decided' as const, 'certified' as const), index, decided }),
    ),
  }),
  fc.record({
    kind: fc.constant('certificate' as const),
    requestId: u32,
    certificate: fc.uint8Array({ maxLength: 3 * PART_BYTES, size: 'max' }),
  }),
  fc.record({
    kind: fc.constant('epochs' as const),
    requestId: u32,
    epochs: fc.uint8Array({ maxLength: 3 * PART_BYTES, size: 'max' }),
  }),
  fc.record({
    kind: fc.constant('evidence' as const),
    requestId: u32,
    evidence: fc.array(fc.uint8Array({ maxLength: 15_000, size: 'max' }), { maxLength: MAX_ANSWER_EVIDENCE }),
  }),
  fc.record({
    kind: fc.constant('proof' as const),
    requestId: u32,
    proof: fc.uint8Array({ maxLength: 3 * PART_BYTES, size: 'max' }),
  }),
  fc.record({ kind: fc.constant('subscribed' as const), requestId: u32 }),
  fc.record({ kind: fc.constant('error' as const), requestId: u32, code: text(48), message: text(256) }),
);

/** The code thrown, or null; anything but a coded error fails the test. */
function codeOf(run: () => unknown): string | null {
  try {
    run();
    return null;
  } catch (error) {
    if (!isPqError(error)) throw error;
    return error.code;
  }
}

describe('messages of a client', () => {
  it('come out as they went in', () => {
    fc.assert(
      fc.property(clientMessages, (message) => {
        const bytes = encodeClientMessage(message);
        expect(decodeClientMessage(bytes)).toEqual(message);
        expect(requestIdOf(bytes)).toBe(message.requestId);
      }),
    );
  });

  it('are refused with a code when they are cut, lengthened or random, and never crash', () => {
    fc.assert(
      fc.property(clientMessages, fc.nat(), (message, at) => {
        const bytes = encodeClientMessage(message);
        expect(codeOf(() => decodeClientMessage(bytes.subarray(0, at % bytes.length)))).toMatch(/^CLIENT_/);
        expect(codeOf(() => decodeClientMessage(Uint8Array.from([...bytes, 0])))).toMatch(/^CLIENT_/);
      }),
    );
    fc.assert(fc.property(fc.uint8Array({ maxLength: 500 }), (bytes) => void codeOf(() => decodeClientMessage(bytes))));
  });

  it('are refused for what they say', () => {
    expect(codeOf(() => decodeClientMessage(Uint8Array.of(99, 1, 0, 0, 0)))).toBe('CLIENT_KIND');
    expect(codeOf(() => decodeClientMessage(new Uint8Array(MAX_CLIENT_MESSAGE_BYTES + 1)))).toBe('CLIENT_MESSAGE_BIG');
    expect(codeOf(() => decodeClientMessage(Uint8Array.of(6, 1, 0, 0, 0, 0, 0xff)))).toBe('CLIENT_TOPIC');
    const tooMany = Uint8Array.of(1, 1, 0, 0, 0, 129, 0);
    expect(codeOf(() => decodeClientMessage(tooMany))).toBe('CLIENT_LIMIT');
    const oversized = encodeClientMessage({ kind: 'submit', requestId: 1, proposals: [new Uint8Array(16 * 1024 + 1)] });
    expect(codeOf(() => decodeClientMessage(oversized))).toBe('CLIENT_PROPOSAL_BIG');
    const proposals = Array.from({ length: 4 }, () => new Uint8Array(16 * 1024));
    expect(codeOf(() => encodeClientMessage({ kind: 'submit', requestId: 1, proposals }))).toBe('CLIENT_MESSAGE_BIG');
    const unsafe = Uint8Array.of(3, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x20, 0);
    expect(codeOf(() => decodeClientMessage(unsafe))).toBe('CLIENT_NUMBER');
  });
});

describe('messages of a node', () => {
  it('come out as they went in, long ones in parts that fit', () => {
    fc.assert(
      fc.property(nodeMessages, (message) => {
        const reader = new NodeMessageReader();
        const parts = encodeNodeMessage(message);
        for (const part of parts) expect(part.length).toBeLessThanOrEqual(MAX_CLIENT_MESSAGE_BYTES);
        const read = parts.map((part) => reader.read(part));
        expect(read.slice(0, -1).every((one) => one === null)).toBe(true);
        expect(read.at(-1)).toEqual(message);
      }),
    );
  });

  it('carry JSON for what is rare', () => {
    const event = { type: 'peer' as const, atMs: 1, validator: 2, up: true };
    const [bytes] = encodeNodeMessage({ kind: 'event', requestId: 7, event });
    expect(new NodeMessageReader().read(bytes!)).toEqual({ kind: 'event', requestId: 7, event });
  });

  it('of any bytes give a message, nothing yet, or a code', () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 20 }),
        fc.integer({ min: 60, max: 80 }),
        (list, kind) => {
          const reader = new NodeMessageReader();
          for (const bytes of list) codeOf(() => reader.read(Uint8Array.from([kind, ...bytes])));
        },
      ),
    );
  });

  it('in parts are refused when a part is missing, and bounded', () => {
    const certificate = new Uint8Array(2 * PART_BYTES + 1);
    const parts = encodeNodeMessage({ kind: 'certificate', requestId: 1, certificate });
    expect(parts.length).toBe(3);
    const reader = new NodeMessageReader();
    expect(reader.read(parts[0]!)).toBeNull();
    expect(codeOf(() => reader.read(parts[2]!))).toBe('CLIENT_PARTS');
    expect(codeOf(() => reader.read(parts[1]!))).toBe('CLIENT_PARTS');
    // Another answer in between does not take over what an unfinished one held.
    expect(reader.read(parts[0]!)).toBeNull();
    const other = encodeNodeMessage({ kind: 'certificate', requestId: 2, certificate });
    expect(codeOf(() => reader.read(other[1]!))).toBe('CLIENT_PARTS');
    const tooBig = new Uint8Array(MAX_ANSWER_BYTES + 1);
    expect(codeOf(() => encodeNodeMessage({ kind: 'certificate', requestId: 1, certificate: tooBig }))).toBe(
      'CLIENT_ANSWER_BIG',
    );
    const claim = Uint8Array.from(parts[0]!);
    new DataView(claim.buffer).setUint32(5, 0xffff_ffff, true);
    expect(codeOf(() => new NodeMessageReader().read(claim))).toBe('CLIENT_ANSWER_BIG');
  });

  it('cut texts at a character', () => {
    const [bytes] = encodeNodeMessage({ kind: 'error', requestId: 1, code: 'X', message: 'ä'.repeat(200) });
    expect(new NodeMessageReader().read(bytes!)).toMatchObject({ message: 'ä'.repeat(128) });
  });
});
