/** What both roles of the handshake share. The machines are pure: bytes in, bytes out, the clock and randomness passed in. */
import { equalBytes } from '../crypto/bytes.ts';
import type { Identity, PublicIdentity } from '../crypto/identity.ts';
import { PqError } from '../errors.ts';
import { SUITE, type Suite } from './constants.ts';
import type { Ephemerals } from './ephemerals.ts';
import type { Committee } from './frames.ts';
import type { TrafficKeys } from './schedule.ts';

/** A validator of the committee with its place in it. */
export interface Member extends PublicIdentity {
  readonly index: number;
}

/** `members` without this node, which need not be one of them. */
export function othersOf(members: readonly Member[], { nodeId }: Pick<Identity, 'nodeId'>): Member[] {
  return members.filter((member) => !equalBytes(member.nodeId, nodeId));
}

/** What a side brings to every handshake. */
export interface LocalParty {
  /** Absent for an anonymous client. */
  readonly identity: Identity | undefined;
  /** 32 bytes. */
  readonly chainId: Uint8Array;
  readonly committee: Committee;
  /** Most wanted first. */
  readonly suites: readonly Suite[];
  readonly ephemerals: Ephemerals;
}

/** Who is at the other end, proven. A client without a key of its own has no nodeId. */
export type Peer =
  | { readonly kind: 'member'; readonly index: number }
  | { readonly kind: 'client'; readonly nodeId: Uint8Array | undefined };

/** A finished handshake: everything a session needs. */
export interface Established {
  readonly role: 'initiator' | 'responder';
  readonly peer: Peer;
  /** What we said we believe in. */
  readonly committee: Committee;
  /** What the peer believes in. */
  readonly peerCommittee: Committee;
  readonly suite: Suite;
  readonly keys: TrafficKeys;
  readonly ownSid: Uint8Array;
  readonly peerSid: Uint8Array;
  /** Transcript hash: unique to this session; the body of READY. */
  readonly transcript: Uint8Array;
}

/** Why a frame was not acted upon. The peer gets no answer; these are counted. */
export type Refusal =
  | 'malformed'
  | 'unexpected'
  | 'wrong-network'
  | 'no-clients'
  | 'unknown-hint'
  | 'bad-mac'
  | 'no-common-suite'
  | 'bad-cookie'
  | 'too-many'
  | 'bad-key'
  | 'bad-box'
  | 'wrong-identity'
  | 'bad-finished'
  | 'bad-signature';

/** What the operator is told when the signer, which may be another process or a device, does not sign. */
export function signerFailed(cause: unknown): PqError {
  const message = 'the signer did not sign a handshake; check that it runs and holds the key';
  return new PqError('QZMQ_SIGNER_FAILED', message, {}, cause);
}

export function isSuite(value: number): value is Suite {
  return value === SUITE.AES_256_GCM || value === SUITE.CHACHA20_POLY1305;
}

export const ZERO_ID = new Uint8Array(32);
