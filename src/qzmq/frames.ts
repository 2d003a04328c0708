/** The five handshake frames as bytes. All fields have fixed places and sizes; numbers are big-endian. */

import { CURVE_KEY_BYTES, ED25519_SIGNATURE_BYTES } from '../crypto/curves.ts';
import { NODE_ID_BYTES } from '../crypto/identity.ts';
import { ML_DSA_PUBLIC_KEY_BYTES, ML_DSA_SIGNATURE_BYTES } from '../crypto/mldsa.ts';
import { ML_KEM_CIPHERTEXT_BYTES, ML_KEM_PUBLIC_KEY_BYTES } from '../crypto/mlkem.ts';
import {
  CHAIN_ID_BYTES,
  HASH_BYTES,
  MAC_BYTES,
  MODE,
  type Mode,
  NONCE_BYTES,
  SID_BYTES,
  SUITES_MAX,
  TAG_BYTES,
} from './constants.ts';

export const FRAME = { HELLO: 1, COOKIE: 2, INIT: 3, RESP: 4, AUTH: 5 } as const;
const MAGIC = Buffer.from('QZM1');
const PREFIX_BYTES = MAGIC.length + 1;

/** A longer HELLO than COOKIE, so that R cannot be used to amplify traffic. */
export const HELLO_BYTES = 160;
export const COOKIE_BYTES = PREFIX_BYTES + 4 + 16 + 32;
export const INIT_BYTES =
  PREFIX_BYTES + HELLO_BYTES + COOKIE_BYTES + ML_KEM_PUBLIC_KEY_BYTES + CURVE_KEY_BYTES + SID_BYTES + MAC_BYTES;
/** RESP up to and without the box. */
export const RESP_CLEAR_BYTES = PREFIX_BYTES + ML_KEM_CIPHERTEXT_BYTES + CURVE_KEY_BYTES + SID_BYTES + 1;
export const SIGNATURES_BYTES = ML_DSA_SIGNATURE_BYTES + ED25519_SIGNATURE_BYTES;
/** epoch ‖ M. */
const COMMITTEE_BYTES = 4 + 32;
/** id ‖ epoch ‖ M. */
export const CLAIM_BYTES = NODE_ID_BYTES + COMMITTEE_BYTES;
export const RESP_BYTES = RESP_CLEAR_BYTES + CLAIM_BYTES + SIGNATURES_BYTES + HASH_BYTES + TAG_BYTES;
const AUTH_CLEAR_BYTES = PREFIX_BYTES + SID_BYTES;
export const CLIENT_KEYS_BYTES = ML_DSA_PUBLIC_KEY_BYTES + 2 * CURVE_KEY_BYTES;

/** The type of a handshake frame, or undefined for anything else. */
export function frameType(frame: Uint8Array): number | undefined {
  for (let i = 0; i < MAGIC.length; i++) if (frame[i] !== MAGIC[i]) return undefined;
  return frame[MAGIC.length];
}

function prefix(type: number): Buffer {
  return Buffer.concat([MAGIC, Buffer.from([type])]);
}

/** Reads fields one after the other from a frame whose length is known to be right. */
class Fields {
  readonly #bytes: Uint8Array;
  #at: number;

  constructor(bytes: Uint8Array, at = 0) {
    this.#bytes = bytes;
    this.#at = at;
  }

  take(length: number): Uint8Array {
    const field = this.#bytes.subarray(this.#at, this.#at + length);
    this.#at += length;
    return field;
  }

  u32(): number {
    const b = this.take(4);
    return new DataView(b.buffer, b.byteOffset, 4).getUint32(0);
  }

  u8(): number {
    return this.take(1)[0] ?? 0;
  }
}

export function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

export interface Hello {
  readonly mode: Mode;
  /** SHA3-256(chainId). */
  readonly netHash: Uint8Array;
  /** 16 bytes naming the pair to R alone; zero in client mode. */
  readonly hint: Uint8Array;
  readonly nonce: Uint8Array;
  readonly suites: readonly number[];
  readonly mac0: Uint8Array;
  /** What mac0 is over. */
  readonly body: Uint8Array;
}

/** HELLO without its last field. Unused suite places are 0, the rest is zero padding. */
export function encodeHelloBody(hello: Pick<Hello, 'mode' | 'netHash' | 'hint' | 'nonce' | 'suites'>): Buffer {
  const body = Buffer.alloc(HELLO_BYTES - MAC_BYTES);
  const suites = Buffer.alloc(SUITES_MAX);
  hello.suites.slice(0, SUITES_MAX).forEach((suite, i) => {
    suites[i] = suite;
  });
  Buffer.concat([prefix(FRAME.HELLO), Buffer.from([hello.mode]), hello.netHash, hello.hint, hello.nonce, suites]).copy(
    body,
  );
  return body;
}

/** Undefined unless the bytes are exactly a HELLO, padding included. */
export function decodeHello(frame: Uint8Array): Hello | undefined {
  if (frame.length !== HELLO_BYTES || frameType(frame) !== FRAME.HELLO) return undefined;
  const fields = new Fields(frame, PREFIX_BYTES);
  const mode = fields.u8();
  if (mode !== MODE.VALIDATOR && mode !== MODE.CLIENT) return undefined;
  const netHash = fields.take(CHAIN_ID_BYTES);
  const hint = fields.take(MAC_BYTES);
  const nonce = fields.take(NONCE_BYTES);
  const suites = [...fields.take(SUITES_MAX)].filter((suite) => suite !== 0);
  const mac0 = frame.subarray(HELLO_BYTES - MAC_BYTES);
  const body = frame.subarray(0, HELLO_BYTES - MAC_BYTES);
  if (!encodeHelloBody({ mode, netHash, hint, nonce, suites }).equals(body)) return undefined;
  return { mode, netHash, hint, nonce, suites, mac0, body };
}

export interface Cookie {
  readonly timeSeconds: number;
  /** First half of the HELLO's nonce: tells I which of its HELLOs is answered. */
  readonly echo: Uint8Array;
  readonly mac: Uint8Array;
}

export function encodeCookie(cookie: Cookie): Buffer {
  return Buffer.concat([prefix(FRAME.COOKIE), u32(cookie.timeSeconds), cookie.echo, cookie.mac]);
}

export function decodeCookie(frame: Uint8Array): Cookie | undefined {
  if (frame.length !== COOKIE_BYTES || frameType(frame) !== FRAME.COOKIE) return undefined;
  const fields = new Fields(frame, PREFIX_BYTES);
  return { timeSeconds: fields.u32(), echo: fields.take(16), mac: fields.take(32) };
}

export interface Init {
  readonly helloFrame: Uint8Array;
  readonly cookieFrame: Uint8Array;
  readonly kemKey: Uint8Array;
  readonly dhKey: Uint8Array;
  readonly sid: Uint8Array;
  readonly mac1: Uint8Array;
  /** What mac1 is over. */
  readonly body: Uint8Array;
}

/** INIT without its last field. */
export function encodeInitBody(init: Pick<Init, 'helloFrame' | 'cookieFrame' | 'kemKey' | 'dhKey' | 'sid'>): Buffer {
  return Buffer.concat([prefix(FRAME.INIT), init.helloFrame, init.cookieFrame, init.kemKey, init.dhKey, init.sid]);
}

export function decodeInit(frame: Uint8Array): Init | undefined {
  if (frame.length !== INIT_BYTES || frameType(frame) !== FRAME.INIT) return undefined;
  const fields = new Fields(frame, PREFIX_BYTES);
  return {
    helloFrame: fields.take(HELLO_BYTES),
    cookieFrame: fields.take(COOKIE_BYTES),
    kemKey: fields.take(ML_KEM_PUBLIC_KEY_BYTES),
    dhKey: fields.take(CURVE_KEY_BYTES),
    sid: fields.take(SID_BYTES),
    mac1: fields.take(MAC_BYTES),
    body: frame.subarray(0, INIT_BYTES - MAC_BYTES),
  };
}

export interface Resp {
  readonly ciphertext: Uint8Array;
  readonly dhKey: Uint8Array;
  readonly sid: Uint8Array;
  readonly suite: number;
  /** All that is not encrypted. */
  readonly clear: Uint8Array;
  readonly box: Uint8Array;
}

export function encodeRespClear(resp: Pick<Resp, 'ciphertext' | 'dhKey' | 'sid' | 'suite'>): Buffer {
  return Buffer.concat([prefix(FRAME.RESP), resp.ciphertext, resp.dhKey, resp.sid, Buffer.from([resp.suite])]);
}

export function decodeResp(frame: Uint8Array): Resp | undefined {
  if (frame.length !== RESP_BYTES || frameType(frame) !== FRAME.RESP) return undefined;
  const fields = new Fields(frame, PREFIX_BYTES);
  return {
    ciphertext: fields.take(ML_KEM_CIPHERTEXT_BYTES),
    dhKey: fields.take(CURVE_KEY_BYTES),
    sid: fields.take(SID_BYTES),
    suite: fields.u8(),
    clear: frame.subarray(0, RESP_CLEAR_BYTES),
    box: frame.subarray(RESP_CLEAR_BYTES),
  };
}

/** Which committee a side believes in. */
export interface Committee {
  readonly epoch: number;
  /** M, 32 bytes. */
  readonly hash: Uint8Array;
}

export function sameCommittee(a: Committee, b: Committee): boolean {
  return a.epoch === b.epoch && Buffer.compare(a.hash, b.hash) === 0;
}

/** What RESP and AUTH carry inside: who I am, what I believe in, the proof of it, and the key confirmation. */
export interface Proof {
  readonly id: Uint8Array;
  readonly committee: Committee;
  /** ML-DSA-65 ‖ Ed25519; empty for an anonymous client. */
  readonly signatures: Uint8Array;
  /** The three public keys of a client that has an identity; empty otherwise. */
  readonly clientKeys: Uint8Array;
  readonly finished: Uint8Array;
}

/** epoch ‖ M. */
export function encodeCommittee(committee: Committee): Buffer {
  return Buffer.concat([u32(committee.epoch), committee.hash]);
}

/** Undefined unless there are exactly the bytes of one. */
export function decodeCommittee(bytes: Uint8Array): Committee | undefined {
  if (bytes.length !== COMMITTEE_BYTES) return undefined;
  const fields = new Fields(bytes);
  return { epoch: fields.u32(), hash: Uint8Array.from(fields.take(32)) };
}

/** id ‖ epoch ‖ M: the part of a proof that is signed. */
export function encodeClaim(id: Uint8Array, committee: Committee): Buffer {
  return Buffer.concat([id, encodeCommittee(committee)]);
}

export function encodeProof(proof: Proof): Buffer {
  return Buffer.concat([encodeClaim(proof.id, proof.committee), proof.clientKeys, proof.signatures, proof.finished]);
}

/** Undefined unless the length is one of the kind's. An anonymous client's id is all zero. */
export function decodeProof(bytes: Uint8Array, kind: 'validator' | 'client'): Proof | undefined {
  const overhead = CLAIM_BYTES + HASH_BYTES;
  let keysBytes = 0;
  let signaturesBytes = SIGNATURES_BYTES;
  if (kind === 'client') {
    const anonymous = bytes.length === overhead;
    keysBytes = anonymous ? 0 : CLIENT_KEYS_BYTES;
    signaturesBytes = anonymous ? 0 : SIGNATURES_BYTES;
  }
  if (bytes.length !== overhead + keysBytes + signaturesBytes) return undefined;
  const fields = new Fields(bytes);
  return {
    id: fields.take(NODE_ID_BYTES),
    committee: { epoch: fields.u32(), hash: fields.take(32) },
    clientKeys: fields.take(keysBytes),
    signatures: fields.take(signaturesBytes),
    finished: fields.take(HASH_BYTES),
  };
}

export function encodeAuth(sid: Uint8Array, box: Uint8Array): Buffer {
  return Buffer.concat([prefix(FRAME.AUTH), sid, box]);
}

export function decodeAuth(frame: Uint8Array): { sid: Uint8Array; box: Uint8Array } | undefined {
  if (frame.length < AUTH_CLEAR_BYTES + TAG_BYTES || frameType(frame) !== FRAME.AUTH) return undefined;
  return { sid: frame.subarray(PREFIX_BYTES, AUTH_CLEAR_BYTES), box: frame.subarray(AUTH_CLEAR_BYTES) };
}
