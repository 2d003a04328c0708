/**
 * What a client and a node say to each other inside a QZMQ client session: one message per session message, one kind
 * byte first, integers little-endian. Proposals and decisions are binary; what is rare and for people is JSON.
 *
 * Every message fits {@link MAX_CLIENT_MESSAGE_BYTES}; longer answers travel in parts (`client-answers.ts`,
 * where the node's half is encoded and decoded). Decoders refuse what is not exactly an encoding with a coded error (`CLIENT_…`).
 */
import { MAX_PROPOSAL_BYTES } from '../core/limits.ts';
import type { DecisionName, ReasonName } from '../core/types.ts';
import { PqError } from '../errors.ts';
import { MessageReader, MessageWriter } from './client-codec.ts';
import type { NodeEvent, NodeStats } from './events.ts';

/** One message, kind byte included. Fits one transport record. */
export const MAX_CLIENT_MESSAGE_BYTES = 60 * 1024;
/** Proposals in one submit. Their bytes are bounded by the message. */
export const MAX_SUBMIT_PROPOSALS = 128;
/** Decisions in one push. */
export const MAX_PUSH_DECISIONS = 512;
/** Pieces of evidence in one answer: each is 15 KB at most. */
export const MAX_ANSWER_EVIDENCE = 64;
export const MAX_ERROR_CODE_BYTES = 48;
export const MAX_ERROR_MESSAGE_BYTES = 256;
/** Meaning of index 0 in {@link QueryCertificate}: the newest one. No commit has it. */
export const NEWEST_CERTIFICATE = 0;
/** Meaning of index 0 in {@link DecidedPush}: these ran out before they were opened, so no commit holds them. */
export const NO_COMMIT = 0;

export const ID_BYTES = 32;

/** What can be subscribed to: the types of {@link NodeEvent}. The position is the bit on the wire. */
export const TOPICS = [
  'photon',
  'opinion',
  'wave',
  'dag',
  'prism',
  'horizon',
  'peer',
  'evidence',
  'alarm',
  'epoch',
] as const satisfies readonly NodeEvent['type'][];
export type Topic = (typeof TOPICS)[number];

/** First byte of a message. Below 64: from the client; from 64: from the node. */
export const KIND = {
  SUBMIT: 1,
  QUERY_DECISION: 2,
  QUERY_CERTIFICATE: 3,
  QUERY_STATS: 4,
  QUERY_STATUS: 5,
  SUBSCRIBE: 6,
  QUERY_PROOF: 7,
  QUERY_EPOCHS: 8,
  QUERY_EVIDENCE: 9,
  SUBMITTED: 64,
  DECIDED: 65,
  CERTIFIED: 66,
  DECISION: 67,
  CERTIFICATE: 68,
  STATS: 69,
  STATUS: 70,
  SUBSCRIBED: 71,
  EVENT: 72,
  ERROR: 73,
  PROOF: 74,
  EPOCHS: 75,
  EVIDENCE: 76,
} as const;

/** Hands in proposals. Answered by `submitted`; the session is told of their decisions as they come. */
export interface Submit {
  readonly kind: 'submit';
  readonly requestId: number;
  /** Canonical encodings. */
  readonly proposals: readonly Uint8Array[];
}
/** Asks what became of a proposal, and to be told of the rest: a client that reconnected asks this for what it waits for. */
export interface QueryDecision {
  readonly kind: 'queryDecision';
  readonly requestId: number;
  readonly id: Uint8Array;
}
/** Asks for the certificate that makes commit `index` final; {@link NEWEST_CERTIFICATE}: the newest one. */
export interface QueryCertificate {
  readonly kind: 'queryCertificate';
  readonly requestId: number;
  readonly index: number;
}
/** Asks for the proof of a proposal's decision. */
export interface QueryProof {
  readonly kind: 'queryProof';
  readonly requestId: number;
  readonly id: Uint8Array;
}
/** Asks what leads from the committee of `epoch` to those of later epochs. */
export interface QueryEpochs {
  readonly kind: 'queryEpochs';
  readonly requestId: number;
  readonly epoch: number;
}
/** Asks for the evidence of equivocations that the node keeps, behind the first `from` pieces. */
export interface QueryEvidence {
  readonly kind: 'queryEvidence';
  readonly requestId: number;
  readonly from: number;
}
export type ClientMessage =
  | Submit
  | QueryDecision
  | QueryCertificate
  | QueryProof
  | QueryEpochs
  | QueryEvidence
  | { readonly kind: 'queryStats' | 'queryStatus'; readonly requestId: number }
  /** Replaces the subscription of this session; no topics: no events. */
  | { readonly kind: 'subscribe'; readonly requestId: number; readonly topics: readonly Topic[] };

/** Of one proposal of a submit: its id once it is logged, or why it was refused. */
export type SubmitResult =
  | { readonly taken: true; readonly id: Uint8Array }
  | { readonly taken: false; readonly code: string; readonly message: string };

export interface DecidedProposal {
  readonly id: Uint8Array;
  readonly decision: DecisionName;
  readonly reason: ReasonName;
  /** 0 … 10000. */
  readonly confidence: number;
  /** Receipt code of the execution, 0 is success. u32. */
  readonly receipt: number;
}

/** Proposals of this session were decided in commit `index`, or ran out ({@link NO_COMMIT}). Final once certified. */
export interface DecidedPush {
  readonly kind: 'decided';
  readonly index: number;
  readonly decisions: readonly DecidedProposal[];
}

/** What a node knows of one proposal. */
export type DecisionAnswer =
  | { readonly state: 'unknown' | 'pending' }
  | { readonly state: 'decided' | 'certified'; readonly index: number; readonly decided: DecidedProposal };

/** Who answers, and where it stands. */
export interface NodeStatus {
  /** Hex. */
  readonly chainId: string;
  readonly version: string;
  /** Its place in the committee of the epoch; null while it is in none. */
  readonly validator: number | null;
  readonly validators: number;
  readonly epoch: number;
  readonly round: number;
  readonly commitIndex: number;
  readonly certifiedIndex: number;
  /** Validators that this node has a session with, itself not among them. */
  readonly peers: readonly number[];
  /** Enough stake is connected, itself included, for anything to be decided. */
  readonly ready: boolean;
}

export type NodeMessage =
  | { readonly kind: 'submitted'; readonly requestId: number; readonly results: readonly SubmitResult[] }
  | DecidedPush
  /** Every commit up to `index` is final. */
  | { readonly kind: 'certified'; readonly index: number }
  | { readonly kind: 'decision'; readonly requestId: number; readonly answer: DecisionAnswer }
  /** The certificate in its canonical encoding; empty when there is none for that index. */
  | { readonly kind: 'certificate'; readonly requestId: number; readonly certificate: Uint8Array }
  /** The proof in its canonical encoding; empty while no certified commit holds a decision on that id. */
  | { readonly kind: 'proof'; readonly requestId: number; readonly proof: Uint8Array }
  /** The chain of closing certificates in its canonical encoding, as many as fit; without links when there is no later epoch. */
  | { readonly kind: 'epochs'; readonly requestId: number; readonly epochs: Uint8Array }
  /** Pieces in their canonical encoding, in the order in which they were seen, as many as fit; none when there are no more. */
  | { readonly kind: 'evidence'; readonly requestId: number; readonly evidence: readonly Uint8Array[] }
  | { readonly kind: 'stats'; readonly requestId: number; readonly stats: NodeStats }
  | { readonly kind: 'status'; readonly requestId: number; readonly status: NodeStatus }
  | { readonly kind: 'subscribed'; readonly requestId: number }
  /** `requestId` counts the events of a session. */
  | { readonly kind: 'event'; readonly requestId: number; readonly event: NodeEvent }
  /** `requestId` 0: what was sent could not be read at all. */
  | { readonly kind: 'error'; readonly requestId: number; readonly code: string; readonly message: string };

/** Encodes for the node. Throws `CLIENT_MESSAGE_BIG` when it does not fit one message: submit fewer at once. */
export function encodeClientMessage(message: ClientMessage): Uint8Array {
  const writer = new MessageWriter();
  if (message.kind === 'submit') {
    requireAtMost(message.proposals.length, MAX_SUBMIT_PROPOSALS);
    writer.u8(KIND.SUBMIT).u32(message.requestId).u16(message.proposals.length);
    for (const proposal of message.proposals) writer.bytes(proposal);
  } else if (message.kind === 'queryDecision') {
    writer.u8(KIND.QUERY_DECISION).u32(message.requestId).raw(message.id);
  } else if (message.kind === 'queryProof') {
    writer.u8(KIND.QUERY_PROOF).u32(message.requestId).raw(message.id);
  } else if (message.kind === 'queryEpochs') {
    writer.u8(KIND.QUERY_EPOCHS).u32(message.requestId).u32(message.epoch);
  } else if (message.kind === 'queryEvidence') {
    writer.u8(KIND.QUERY_EVIDENCE).u32(message.requestId).u32(message.from);
  } else if (message.kind === 'queryCertificate') {
    writer.u8(KIND.QUERY_CERTIFICATE).u32(message.requestId).u64(message.index);
  } else if (message.kind === 'subscribe') {
    let mask = 0;
    for (const topic of message.topics) mask |= 1 << TOPICS.indexOf(topic);
    writer.u8(KIND.SUBSCRIBE).u32(message.requestId).u16(mask);
  } else {
    writer.u8(message.kind === 'queryStats' ? KIND.QUERY_STATS : KIND.QUERY_STATUS).u32(message.requestId);
  }
  return finishMessage(writer);
}

/**
 * Decodes what a client sent. The byte strings are views of `bytes`. Throws `CLIENT_MESSAGE_BIG`, `CLIENT_KIND`,
 * `CLIENT_TOPIC`, `CLIENT_PROPOSAL_BIG` and the codes of {@link MessageReader}.
 */
export function decodeClientMessage(bytes: Uint8Array): ClientMessage {
  const reader = openMessage(bytes);
  const kind = reader.u8();
  const requestId = reader.u32();
  const message = readClientBody(kind, requestId, reader);
  reader.end();
  return message;
}

/** The request id of a message that may not decode, 0 if even that is missing: so that an error can name it. */
export function requestIdOf(bytes: Uint8Array): number {
  return bytes.length < 5 ? 0 : new DataView(bytes.buffer, bytes.byteOffset).getUint32(1, true);
}

function readClientBody(kind: number, requestId: number, reader: MessageReader): ClientMessage {
  switch (kind) {
    case KIND.SUBMIT: {
      const proposals: Uint8Array[] = [];
      const count = reader.count(MAX_SUBMIT_PROPOSALS);
      for (let i = 0; i < count; i++) proposals.push(readProposalBytes(reader, i));
      return { kind: 'submit', requestId, proposals };
    }
    case KIND.QUERY_DECISION:
      return { kind: 'queryDecision', requestId, id: reader.raw(ID_BYTES) };
    case KIND.QUERY_PROOF:
      return { kind: 'queryProof', requestId, id: reader.raw(ID_BYTES) };
    case KIND.QUERY_EPOCHS:
      return { kind: 'queryEpochs', requestId, epoch: reader.u32() };
    case KIND.QUERY_EVIDENCE:
      return { kind: 'queryEvidence', requestId, from: reader.u32() };
    case KIND.QUERY_CERTIFICATE:
      return { kind: 'queryCertificate', requestId, index: reader.u64() };
    case KIND.QUERY_STATS:
      return { kind: 'queryStats', requestId };
    case KIND.QUERY_STATUS:
      return { kind: 'queryStatus', requestId };
    case KIND.SUBSCRIBE:
      return { kind: 'subscribe', requestId, topics: readTopics(reader) };
    default:
      throw new PqError(
        'CLIENT_KIND',
        `No message of a client begins with ${kind}; speak version 1 of the client protocol.`,
        { kind },
      );
  }
}

function readProposalBytes(reader: MessageReader, position: number): Uint8Array {
  const length = reader.u16();
  if (length > MAX_PROPOSAL_BYTES) {
    throw new PqError(
      'CLIENT_PROPOSAL_BIG',
      `Proposal ${position} has ${length} bytes; at most ${MAX_PROPOSAL_BYTES} are taken.`,
      {
        position,
        length,
        limit: MAX_PROPOSAL_BYTES,
      },
    );
  }
  return reader.raw(length);
}

function readTopics(reader: MessageReader): Topic[] {
  const mask = reader.u16();
  if (mask >= 1 << TOPICS.length) throw new PqError('CLIENT_TOPIC', 'There is no such topic.', { mask });
  return TOPICS.filter((_, bit) => (mask & (1 << bit)) !== 0);
}

/** Throws `CLIENT_MESSAGE_BIG`. */
export function openMessage(bytes: Uint8Array): MessageReader {
  if (bytes.length > MAX_CLIENT_MESSAGE_BYTES) refuseBig(bytes.length);
  return new MessageReader(bytes);
}

/** Throws `CLIENT_MESSAGE_BIG`. */
export function finishMessage(writer: MessageWriter): Uint8Array {
  if (writer.length > MAX_CLIENT_MESSAGE_BYTES) refuseBig(writer.length);
  return writer.finish();
}

/** Throws `CLIENT_LIMIT`. */
export function requireAtMost(count: number, limit: number): void {
  if (count > limit)
    throw new PqError('CLIENT_LIMIT', `Send at most ${limit} entries in one message.`, { count, limit });
}

function refuseBig(length: number): never {
  throw new PqError(
    'CLIENT_MESSAGE_BIG',
    `A message has ${length} bytes; at most ${MAX_CLIENT_MESSAGE_BYTES} are taken: send less at once.`,
    {
      length,
      limit: MAX_CLIENT_MESSAGE_BYTES,
    },
  );
}
