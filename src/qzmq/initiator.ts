/** The side that dials. Begins with one HELLO per responder it would accept, and ends with AUTH or in silence. */
import type { KeyObject } from 'node:crypto';
import { equalBytes, sha3_256 } from '../crypto/bytes.ts';
import type { X25519KeyPair } from '../crypto/curves.ts';
import { publicIdentity } from '../crypto/identity.ts';
import type { MlKemKeyPair } from '../crypto/mlkem.ts';
import { MODE, NONCE_BYTES, SID_BYTES } from './constants.ts';
import {
  decodeCookie,
  decodeProof,
  decodeResp,
  encodeAuth,
  encodeClaim,
  encodeHelloBody,
  encodeInitBody,
  encodeProof,
  FRAME,
  frameType,
  type Proof,
  type Resp,
} from './frames.ts';
import { CLIENT_GATE, CLIENT_HINT, hintFor, minuteOf } from './gate.ts';
import { type Established, isSuite, type LocalParty, type Member, type Refusal, ZERO_ID } from './handshake.ts';
import { signProof, verifyProof } from './proof.ts';
import {
  finishedMac,
  type HandshakeKeys,
  handshakeKeys,
  openOnce,
  prologue,
  sealOnce,
  sha384,
  shortMac,
  trafficKeys,
} from './schedule.ts';

/** A member that may answer, with the gate key for talking to it. */
export interface Candidate {
  readonly member: Member;
  readonly gate: KeyObject;
}

export type InitiatorTarget =
  /** One of these validators, whichever lives there. Their hints keep it secret which ones are meant. */
  | { readonly mode: 'validator'; readonly candidates: readonly Candidate[] }
  /** Any of these members, as a client. */
  | { readonly mode: 'client'; readonly responders: readonly Member[] };

export type InitiatorStep =
  | { readonly kind: 'refused'; readonly reason: Refusal }
  | { readonly kind: 'reply'; readonly frame: Buffer }
  /** AUTH must be sent. The session may not carry data before READY has come. */
  | { readonly kind: 'authenticated'; readonly frame: Buffer; readonly established: Established };

/** RESPs that are looked at: each costs a decapsulation, and only someone on the path can send a false one. */
const RESP_ATTEMPTS_MAX = 4;

interface SentHello {
  readonly frame: Buffer;
  readonly nonce: Uint8Array;
  /** Undefined in client mode: any responder. */
  readonly candidate: Candidate | undefined;
}

interface SentInit {
  readonly frame: Buffer;
  readonly hello: SentHello;
  readonly kem: MlKemKeyPair;
  readonly dh: X25519KeyPair;
  readonly sid: Uint8Array;
}

export class Initiator {
  readonly #local: LocalParty;
  readonly #target: InitiatorTarget;
  readonly #hellos: SentHello[];
  #init: SentInit | undefined;
  #respAttempts = 0;
  #busy = false;
  #finished = false;

  constructor(local: LocalParty, target: InitiatorTarget, nowMs: number) {
    this.#local = local;
    this.#target = target;
    this.#hellos =
      target.mode === 'client'
        ? [this.#hello(undefined, nowMs)]
        : target.candidates.map((candidate) => this.#hello(candidate, nowMs));
  }

  /** The first frames to send. */
  get hellos(): readonly Buffer[] {
    return this.#hellos.map((hello) => hello.frame);
  }

  /** Takes a frame of the responder. A refused one changes nothing but counters. */
  async receive(frame: Uint8Array): Promise<InitiatorStep> {
    if (this.#busy || this.#finished) return refused('unexpected');
    this.#busy = true;
    try {
      const type = frameType(frame);
      if (type === FRAME.COOKIE && this.#init === undefined) return this.#onCookie(frame);
      if (type === FRAME.RESP && this.#init !== undefined) return await this.#onResp(frame, this.#init);
      return refused('unexpected');
    } finally {
      this.#busy = false;
    }
  }

  #hello(candidate: Candidate | undefined, nowMs: number): SentHello {
    const nonce = this.#local.ephemerals.bytes(NONCE_BYTES);
    const gate = candidate?.gate ?? CLIENT_GATE;
    const body = encodeHelloBody({
      mode: candidate === undefined ? MODE.CLIENT : MODE.VALIDATOR,
      netHash: sha3_256(this.#local.chainId),
      hint: candidate === undefined ? CLIENT_HINT : hintFor(gate, minuteOf(nowMs), candidate.member.nodeId),
      nonce,
      suites: this.#local.suites,
    });
    return { frame: Buffer.concat([body, shortMac(gate, 'mac0', body)]), nonce, candidate };
  }

  #onCookie(frame: Uint8Array): InitiatorStep {
    const cookie = decodeCookie(frame);
    if (cookie === undefined) return refused('malformed');
    const hello = this.#hellos.find((sent) => equalBytes(sent.nonce.subarray(0, 16), cookie.echo));
    if (hello === undefined) return refused('bad-cookie');
    const kem = this.#local.ephemerals.kemKeyPair();
    const dh = this.#local.ephemerals.dhKeyPair();
    const sid = this.#local.ephemerals.bytes(SID_BYTES);
    const body = encodeInitBody({
      helloFrame: hello.frame,
      cookieFrame: frame,
      kemKey: kem.publicKey,
      dhKey: dh.publicKey,
      sid,
    });
    const init = Buffer.concat([body, shortMac(hello.candidate?.gate ?? CLIENT_GATE, 'mac1', body)]);
    this.#init = { frame: init, hello, kem, dh, sid };
    return { kind: 'reply', frame: init };
  }

  async #onResp(frame: Uint8Array, init: SentInit): Promise<InitiatorStep> {
    const resp = decodeResp(frame);
    if (resp === undefined) return refused('malformed');
    if (++this.#respAttempts > RESP_ATTEMPTS_MAX) return refused('too-many');
    const { suite } = resp;
    if (!isSuite(suite) || !this.#local.suites.includes(suite)) return refused('no-common-suite');
    const [kemSecret, dhSecret] = await Promise.all([init.kem.decapsulate(resp.ciphertext), init.dh.agree(resp.dhKey)]);
    if (kemSecret === undefined || dhSecret === undefined) return refused('bad-key');

    const idR = init.hello.candidate?.member.nodeId ?? ZERO_ID;
    const mode = init.hello.candidate === undefined ? MODE.CLIENT : MODE.VALIDATOR;
    const th2 = sha384(prologue(this.#local.chainId, mode, idR), init.frame, resp.clear);
    const keys = handshakeKeys(kemSecret, dhSecret, th2);
    const opened = openOnce(keys.responder, suite, resp.box, th2);
    const proof = opened === undefined ? undefined : decodeProof(opened, 'validator');
    if (proof === undefined) return refused('bad-box');
    const checked = await this.#checkProof(proof, init, keys, th2);
    if (typeof checked === 'string') return refused(checked);
    this.#finished = true;
    return this.#authenticate(checked, proof, init, { ...resp, suite }, keys, th2);
  }

  /** The responder, if the proof shows that it is one of those meant. */
  async #checkProof(proof: Proof, init: SentInit, keys: HandshakeKeys, th2: Uint8Array): Promise<Member | Refusal> {
    const member = this.#acceptable(init).find((candidate) => equalBytes(candidate.nodeId, proof.id));
    if (member === undefined) return 'wrong-identity';
    const claim = encodeClaim(proof.id, proof.committee);
    if (!equalBytes(proof.finished, finishedMac(keys.responder, sha384(th2, claim, proof.signatures)))) {
      return 'bad-finished';
    }
    return (await verifyProof(member, 'responder', [th2, claim], proof.signatures)) ? member : 'bad-signature';
  }

  #acceptable(init: SentInit): readonly Member[] {
    if (init.hello.candidate !== undefined) return [init.hello.candidate.member];
    return this.#target.mode === 'client' ? this.#target.responders : [];
  }

  async #authenticate(
    responder: Member,
    proof: Proof,
    init: SentInit,
    resp: Resp & Pick<Established, 'suite'>,
    keys: HandshakeKeys,
    th2: Uint8Array,
  ): Promise<InitiatorStep> {
    const { identity, committee } = this.#local;
    const th3 = sha384(th2, encodeClaim(proof.id, proof.committee), proof.signatures, proof.finished);
    const id = identity?.nodeId ?? ZERO_ID;
    const claim = encodeClaim(id, committee);
    const clientKeys = this.#clientKeys();
    const signatures =
      identity === undefined
        ? Buffer.alloc(0)
        : await signProof(identity, 'initiator', [th3, claim, clientKeys, responder.nodeId]);
    const finished = finishedMac(keys.initiator, sha384(th3, claim, clientKeys, signatures));
    const plaintext = encodeProof({ id, committee, signatures, clientKeys, finished });
    const th4 = sha384(th3, plaintext);
    return {
      kind: 'authenticated',
      frame: encodeAuth(resp.sid, sealOnce(keys.initiator, resp.suite, plaintext, th3)),
      established: {
        role: 'initiator',
        peer: { kind: 'member', index: responder.index },
        committee,
        peerCommittee: proof.committee,
        suite: resp.suite,
        keys: trafficKeys(keys.handshakeSecret, th4),
        ownSid: init.sid,
        peerSid: Uint8Array.from(resp.sid),
        transcript: th4,
      },
    };
  }

  #clientKeys(): Uint8Array {
    const { identity } = this.#local;
    if (this.#target.mode !== 'client' || identity === undefined) return Buffer.alloc(0);
    const { publicKey, ed25519Key, gateKey } = publicIdentity(identity);
    return Buffer.concat([publicKey, ed25519Key, gateKey]);
  }
}

function refused(reason: Refusal): InitiatorStep {
  return { kind: 'refused', reason };
}
