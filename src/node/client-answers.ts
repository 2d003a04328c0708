/** The node's half of the client protocol: answers and pushes, encoded by the node, read by the client. */
import { DECISION, type DecisionName, REASON, type ReasonName } from '../core/types.ts';
import { PqError } from '../errors.ts';
import { MessageReader, MessageWriter } from './client-codec.ts';
import { decodeJson, encodeParts, PartAssembler } from './client-parts.ts';
import {
  type DecidedProposal,
  finishMessage,
  ID_BYTES,
  KIND,
  MAX_ANSWER_EVIDENCE,
  MAX_ERROR_CODE_BYTES,
  MAX_ERROR_MESSAGE_BYTES,
  MAX_PUSH_DECISIONS,
  MAX_SUBMIT_PROPOSALS,
  type NodeMessage,
  type NodeStatus,
  openMessage,
  requireAtMost,
  type SubmitResult,
  TOPICS,
} from './client-protocol.ts';
import type { NodeEvent, NodeStats } from './events.ts';

/** Encodes for a client: one message, or several where the answer is long. Send them in order. */
export function encodeNodeMessage(message: NodeMessage): Uint8Array[] {
  switch (message.kind) {
    case 'certificate':
      return encodeParts(KIND.CERTIFICATE, message.requestId, message.certificate);
    case 'proof':
      return encodeParts(KIND.PROOF, message.requestId, message.proof);
    case 'epochs':
      return encodeParts(KIND.EPOCHS, message.requestId, message.epochs);
    case 'evidence':
      return encodeParts(KIND.EVIDENCE, message.requestId, packed(message.evidence));
    case 'stats':
      return encodeParts(KIND.STATS, message.requestId, json(message.stats));
    case 'status':
      return encodeParts(KIND.STATUS, message.requestId, json(message.status));
    case 'event':
      return encodeParts(KIND.EVENT, message.requestId, json(message.event));
    default:
      return [encodeShort(message)];
  }
}

type LongKind = 'certificate' | 'proof' | 'epochs' | 'evidence' | 'stats' | 'status' | 'event';
type ShortMessage = Exclude<NodeMessage, { kind: LongKind }>;

function encodeShort(message: ShortMessage): Uint8Array {
  const writer = new MessageWriter();
  switch (message.kind) {
    case 'submitted':
      requireAtMost(message.results.length, MAX_SUBMIT_PROPOSALS);
      writer.u8(KIND.SUBMITTED).u32(message.requestId).u16(message.results.length);
      for (const result of message.results) writeResult(writer, result);
      break;
    case 'decided':
      requireAtMost(message.decisions.length, MAX_PUSH_DECISIONS);
      writer.u8(KIND.DECIDED).u64(message.index).u16(message.decisions.length);
      for (const decided of message.decisions) writeDecided(writer, decided);
      break;
    case 'certified':
      writer.u8(KIND.CERTIFIED).u64(message.index);
      break;
    case 'decision':
      writer.u8(KIND.DECISION).u32(message.requestId).u8(STATES.indexOf(message.answer.state));
      if ('index' in message.answer) writeDecided(writer.u64(message.answer.index), message.answer.decided);
      break;
    case 'subscribed':
      writer.u8(KIND.SUBSCRIBED).u32(message.requestId);
      break;
    case 'error':
      writer.u8(KIND.ERROR).u32(message.requestId);
      writer.text(message.code, MAX_ERROR_CODE_BYTES).text(message.message, MAX_ERROR_MESSAGE_BYTES);
      break;
  }
  return finishMessage(writer);
}

/** Their messages come in parts. */
const LONG: readonly number[] = [
  KIND.CERTIFICATE,
  KIND.PROOF,
  KIND.EPOCHS,
  KIND.EVIDENCE,
  KIND.STATS,
  KIND.STATUS,
  KIND.EVENT,
];
const STATES = ['unknown', 'pending', 'decided', 'certified'] as const;
const DECISIONS = Object.keys(DECISION) as DecisionName[];
const REASONS = Object.keys(REASON) as ReasonName[];

function writeResult(writer: MessageWriter, result: SubmitResult): void {
  if (result.taken) writer.u8(1).raw(result.id);
  else writer.u8(0).text(result.code, MAX_ERROR_CODE_BYTES).text(result.message, MAX_ERROR_MESSAGE_BYTES);
}

function readResult(reader: MessageReader): SubmitResult {
  if (readFlag(reader)) return { taken: true, id: reader.raw(ID_BYTES) };
  return { taken: false, code: reader.text(MAX_ERROR_CODE_BYTES), message: reader.text(MAX_ERROR_MESSAGE_BYTES) };
}

function readFlag(reader: MessageReader): boolean {
  return pick([false, true], reader.u8());
}

function writeDecided(writer: MessageWriter, decided: DecidedProposal): void {
  writer.raw(decided.id).u8(DECISION[decided.decision]).u8(REASON[decided.reason]);
  writer.u16(decided.confidence).u32(decided.receipt);
}

function readDecided(reader: MessageReader): DecidedProposal {
  const id = reader.raw(ID_BYTES);
  const decision = reader.u8();
  const reason = reader.u8();
  return {
    id,
    decision: pick(
      DECISIONS,
      DECISIONS.findIndex((name) => DECISION[name] === decision),
    ),
    reason: pick(
      REASONS,
      REASONS.findIndex((name) => REASON[name] === reason),
    ),
    confidence: reader.u16(),
    receipt: reader.u32(),
  };
}

/** Reads what a node sends, and puts long answers together. One per session. */
export class NodeMessageReader {
  readonly #parts = new PartAssembler();

  /** The message that `bytes` is or completes; null while parts are missing. Throws `CLIENT_…` codes. */
  read(bytes: Uint8Array): NodeMessage | null {
    const reader = openMessage(bytes);
    const kind = reader.u8();
    if (LONG.includes(kind)) {
      const whole = this.#parts.add(kind, reader);
      return whole === null ? null : toLongMessage(kind, whole.requestId, whole.bytes);
    }
    const message = readShort(kind, reader);
    reader.end();
    return message;
  }
}

function toLongMessage(kind: number, requestId: number, bytes: Uint8Array): NodeMessage {
  if (kind === KIND.CERTIFICATE) return { kind: 'certificate', requestId, certificate: bytes };
  if (kind === KIND.PROOF) return { kind: 'proof', requestId, proof: bytes };
  if (kind === KIND.EPOCHS) return { kind: 'epochs', requestId, epochs: bytes };
  if (kind === KIND.EVIDENCE) return { kind: 'evidence', requestId, evidence: unpacked(bytes) };
  const value = decodeJson(bytes);
  if (kind === KIND.STATS) return { kind: 'stats', requestId, stats: value as unknown as NodeStats };
  if (kind === KIND.STATUS) return { kind: 'status', requestId, status: value as unknown as NodeStatus };
  if (!TOPICS.some((topic) => topic === value.type)) throw new PqError('CLIENT_TOPIC', 'An event has no known type.');
  return { kind: 'event', requestId, event: value as unknown as NodeEvent };
}

function readShort(kind: number, reader: MessageReader): ShortMessage {
  switch (kind) {
    case KIND.SUBMITTED: {
      const requestId = reader.u32();
      const count = reader.count(MAX_SUBMIT_PROPOSALS);
      return { kind: 'submitted', requestId, results: Array.from({ length: count }, () => readResult(reader)) };
    }
    case KIND.DECIDED: {
      const index = reader.u64();
      const count = reader.count(MAX_PUSH_DECISIONS);
      return { kind: 'decided', index, decisions: Array.from({ length: count }, () => readDecided(reader)) };
    }
    case KIND.CERTIFIED:
      return { kind: 'certified', index: reader.u64() };
    case KIND.DECISION: {
      const requestId = reader.u32();
      const state = pick(STATES, reader.u8());
      if (state === 'unknown' || state === 'pending') return { kind: 'decision', requestId, answer: { state } };
      return { kind: 'decision', requestId, answer: { state, index: reader.u64(), decided: readDecided(reader) } };
    }
    case KIND.SUBSCRIBED:
      return { kind: 'subscribed', requestId: reader.u32() };
    case KIND.ERROR:
      return {
        kind: 'error',
        requestId: reader.u32(),
        code: reader.text(MAX_ERROR_CODE_BYTES),
        message: reader.text(MAX_ERROR_MESSAGE_BYTES),
      };
    default:
      throw new PqError('CLIENT_KIND', `No message of a node begins with ${kind}; the node speaks another version.`, {
        kind,
      });
  }
}

function pick<Value>(values: readonly Value[], position: number): Value {
  const value = values[position];
  if (value === undefined)
    throw new PqError('CLIENT_ENUM', 'A field holds a number that has no meaning.', { position });
  return value;
}

/** Count u16, then each with its length. Throws `CLIENT_LIMIT`. */
function packed(pieces: readonly Uint8Array[]): Uint8Array {
  requireAtMost(pieces.length, MAX_ANSWER_EVIDENCE);
  const writer = new MessageWriter().u16(pieces.length);
  for (const piece of pieces) writer.bytes(piece);
  return writer.finish();
}

function unpacked(bytes: Uint8Array): Uint8Array[] {
  const reader = new MessageReader(bytes);
  const pieces = Array.from({ length: reader.count(MAX_ANSWER_EVIDENCE) }, () => reader.bytes(bytes.length));
  reader.end();
  return pieces;
}

function json(value: object): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value));
}
