/**
 * Where the validators live: each signs its own endpoint, everyone passes on what it learns, so that knowing one peer is
 * enough to find all. `nodeId 32 ‖ sequence u64 ‖ length u8 ‖ host:port ‖ ML-DSA-65 signature`
 */
import { equalBytes } from '../crypto/bytes.ts';
import { type Identity, NODE_ID_BYTES } from '../crypto/identity.ts';
import { ML_DSA_SIGNATURE_BYTES } from '../crypto/mldsa.ts';
import { verify } from '../crypto/verify.ts';
import { ENDPOINT_BURST, ENDPOINT_BYTES_MAX, ENDPOINT_RATE_HZ } from './constants.ts';
import { isWildcard, parseEndpoint } from './endpoint.ts';
import type { Member } from './handshake.ts';
import { TokenBucket } from './token-bucket.ts';

const CONTEXT = 'QZMQ/1 endpoint';
const CLAIM_BYTES_MIN = NODE_ID_BYTES + 8 + 1;

export interface KnownEndpoint {
  readonly member: number;
  /** Grows with every statement of this validator; the highest counts. */
  readonly sequence: number;
  /** host:port. */
  readonly endpoint: string;
  /** The signed statement, to be passed on as it is. */
  readonly bytes: Uint8Array;
}

/** A statement about the own endpoint. `sequence` must be higher than any before, also over restarts: the wall clock. */
export async function signEndpoint(
  identity: Identity,
  chainId: Uint8Array,
  endpoint: string,
  sequence: number,
): Promise<Uint8Array> {
  const text = Buffer.from(endpoint, 'ascii');
  const number = Buffer.alloc(8);
  number.writeBigUInt64BE(BigInt(sequence));
  const claim = Buffer.concat([identity.nodeId, number, Buffer.from([text.length]), text]);
  const signature = await identity.signing.sign(Buffer.concat([chainId, claim]), CONTEXT);
  return new Uint8Array(Buffer.concat([claim, signature]));
}

interface Claim {
  readonly nodeId: Uint8Array;
  readonly sequence: number;
  readonly endpoint: string;
  readonly signed: Uint8Array;
  readonly signature: Uint8Array;
}

function decodeClaim(bytes: Uint8Array): Claim | undefined {
  if (bytes.length < CLAIM_BYTES_MIN + ML_DSA_SIGNATURE_BYTES) return undefined;
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const length = view[NODE_ID_BYTES + 8] ?? 0;
  const end = CLAIM_BYTES_MIN + length;
  if (length > ENDPOINT_BYTES_MAX || bytes.length !== end + ML_DSA_SIGNATURE_BYTES) return undefined;
  const sequence = Number(view.readBigUInt64BE(NODE_ID_BYTES));
  const endpoint = view.toString('ascii', CLAIM_BYTES_MIN, end);
  const parsed = parseEndpoint(endpoint);
  if (!Number.isSafeInteger(sequence) || parsed === undefined || isWildcard(parsed.host)) return undefined;
  return {
    nodeId: view.subarray(0, NODE_ID_BYTES),
    sequence,
    endpoint,
    signed: view.subarray(0, end),
    signature: view.subarray(end),
  };
}

export class EndpointBook {
  #members: readonly Member[];
  readonly #chainId: Uint8Array;
  readonly #known = new Map<number, KnownEndpoint>();
  readonly #buckets = new Map<number, TokenBucket>();

  constructor(members: readonly Member[], chainId: Uint8Array) {
    this.#members = members;
    this.#chainId = chainId;
  }

  /** Others may speak from now on; what was known of those who may not any more is forgotten. */
  setMembers(members: readonly Member[]): void {
    this.#members = members;
    for (const index of this.#known.keys()) {
      if (!members.some((member) => member.index === index)) this.#known.delete(index);
    }
  }

  /** What is known, at most one statement per member. */
  get all(): readonly KnownEndpoint[] {
    return [...this.#known.values()];
  }

  /**
   * The new knowledge in a statement that member `from` passed on; `old` when it says nothing new, `refused` when it is
   * not the subject's own. Whoever passes it on pays for the check, so that nobody can use up another's allowance.
   */
  async learn(bytes: Uint8Array, from: number, nowMs: number): Promise<KnownEndpoint | 'old' | 'refused'> {
    const claim = decodeClaim(bytes);
    const member = claim && this.#members.find(({ nodeId }) => equalBytes(nodeId, claim.nodeId));
    if (claim === undefined || member === undefined) return 'refused';
    if (!this.#isNews(member.index, claim.sequence)) return 'old';
    if (!this.#bucketOf(from).take(nowMs)) return 'refused';
    const signed = Buffer.concat([this.#chainId, claim.signed]);
    if (!(await verify(member.publicKey, signed, CONTEXT, claim.signature))) return 'refused';
    if (!this.#isNews(member.index, claim.sequence)) return 'old';
    const { sequence, endpoint } = claim;
    const known = { member: member.index, sequence, endpoint, bytes: Uint8Array.from(bytes) };
    this.#known.set(member.index, known);
    return known;
  }

  #isNews(member: number, sequence: number): boolean {
    const known = this.#known.get(member);
    return known === undefined || sequence > known.sequence;
  }

  #bucketOf(member: number): TokenBucket {
    let bucket = this.#buckets.get(member);
    if (bucket === undefined) {
      bucket = new TokenBucket(ENDPOINT_BURST, ENDPOINT_RATE_HZ);
      this.#buckets.set(member, bucket);
    }
    return bucket;
  }
}
