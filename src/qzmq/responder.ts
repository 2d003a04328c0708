/** The side that listens. One for all connections; keeps nothing of a stranger before its cookie has come back. */
import type { KeyObject } from 'node:crypto';
import { equalBytes, sha3_256 } from '../crypto/bytes.ts';
import { CURVE_KEY_BYTES } from '../crypto/curves.ts';
import { type Identity, nodeIdOf, type PublicIdentity } from '../crypto/identity.ts';
import { ML_DSA_PUBLIC_KEY_BYTES } from '../crypto/mldsa.ts';
import {
  HANDSHAKE_TIMEOUT_MS,
  INIT_BURST_CLIENTS,
  INIT_BURST_PER_VALIDATOR,
  INIT_RATE_CLIENTS_HZ,
  INIT_RATE_PER_VALIDATOR_HZ,
  MODE,
  PENDING_CLIENTS_MAX,
  SID_BYTES,
  type Suite,
} from './constants.ts';
import { CookieJar } from './cookie.ts';
import {
  type Committee,
  decodeAuth,
  decodeHello,
  decodeInit,
  decodeProof,
  encodeClaim,
  encodeProof,
  encodeRespClear,
  type Hello,
  type Init,
  type Proof,
} from './frames.ts';
import { CLIENT_GATE, HintTable } from './gate.ts';
import { type Established, type LocalParty, type Member, type Peer, type Refusal, ZERO_ID } from './handshake.ts';
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
import { TokenBucket } from './token-bucket.ts';

export interface ResponderOptions {
  readonly local: LocalParty & { readonly identity: Identity };
  /** Whom to answer. */
  readonly members: readonly Member[];
  /** G of each of them as the initiator, by number. */
  readonly gates: ReadonlyMap<number, KeyObject>;
  readonly allowClients: boolean;
}

export type ResponderStep =
  | { readonly kind: 'refused'; readonly reason: Refusal }
  | { readonly kind: 'reply'; readonly frame: Buffer }
  /** The peer is who it says. READY is the first record of the session. */
  | { readonly kind: 'accepted'; readonly established: Established };

/** Who an INIT is from, as far as the gate can tell. */
interface Greeting {
  readonly hello: Hello;
  readonly suite: Suite;
  readonly gate: KeyObject;
  /** Undefined for a client. */
  readonly member: number | undefined;
}

/** A handshake that waits for AUTH. */
interface Pending {
  readonly connection: number;
  readonly member: number | undefined;
  readonly expiresMs: number;
  readonly suite: Suite;
  readonly ownSid: Uint8Array;
  readonly peerSid: Uint8Array;
  readonly keys: HandshakeKeys;
  readonly th3: Uint8Array;
  /** What RESP said we believe in. */
  readonly committee: Committee;
  attemptsLeft: number;
}

/** AUTHs looked at for one pending handshake; only someone on the path can send a false one. */
const AUTH_ATTEMPTS = 4;

export class Responder {
  readonly #options: ResponderOptions;
  readonly #netHash: Uint8Array;
  #members: readonly Member[];
  #gates: ReadonlyMap<number, KeyObject>;
  #hints: HintTable;
  readonly #cookies: CookieJar;
  readonly #memberBuckets = new Map<number, TokenBucket>();
  readonly #clientBucket = new TokenBucket(INIT_BURST_CLIENTS, INIT_RATE_CLIENTS_HZ);
  /** By own sid, latin1. In order of age. */
  readonly #pending = new Map<string, Pending>();
  /** The one pending handshake of a member: member → own sid. */
  readonly #slots = new Map<number, string>();
  /** Bumped by every INIT of a member, so that the newest wins however long its cryptography takes. */
  readonly #latestInit = new Map<number, number>();
  #clientsInFlight = 0;
  #inits = 0;

  constructor(options: ResponderOptions) {
    this.#options = options;
    this.#netHash = sha3_256(options.local.chainId);
    this.#members = options.members;
    this.#gates = options.gates;
    this.#hints = new HintTable(options.gates, options.local.identity.nodeId);
    this.#cookies = new CookieJar((length) => options.local.ephemerals.bytes(length));
  }

  /** Answers these from now on. A handshake under way with somebody else comes to nothing. */
  setMembers(members: readonly Member[], gates: ReadonlyMap<number, KeyObject>): void {
    this.#members = members;
    this.#gates = gates;
    this.#hints = new HintTable(gates, this.#options.local.identity.nodeId);
  }

  /** Handshakes that wait for AUTH. */
  get pending(): number {
    return this.#pending.size;
  }

  /** Answers with a COOKIE and stores nothing. */
  onHello(frame: Uint8Array, connection: number, nowMs: number): ResponderStep {
    const greeting = this.#greet(frame, nowMs);
    if (typeof greeting === 'string') return refused(greeting);
    return { kind: 'reply', frame: this.#cookies.bake(greeting.hello, connection, nowMs) };
  }

  /** Answers a HELLO that came back with its cookie by RESP. */
  async onInit(frame: Uint8Array, connection: number, nowMs: number): Promise<ResponderStep> {
    const init = decodeInit(frame);
    if (init === undefined) return refused('malformed');
    const greeting = this.#greet(init.helloFrame, nowMs);
    if (typeof greeting === 'string') return refused(greeting);
    if (!this.#cookies.accepts(init.cookieFrame, greeting.hello, connection, nowMs)) return refused('bad-cookie');
    if (!equalBytes(init.mac1, shortMac(greeting.gate, 'mac1', init.body))) return refused('bad-mac');
    if (!this.#admit(greeting.member, nowMs) || !this.#cookies.use(init.cookieFrame, nowMs)) return refused('too-many');
    return this.#respond(init, frame, greeting, connection, nowMs);
  }

  /** Checks who it is. The session exists from here on. */
  async onAuth(frame: Uint8Array, connection: number, nowMs: number): Promise<ResponderStep> {
    const auth = decodeAuth(frame);
    if (auth === undefined) return refused('malformed');
    const name = nameOf(auth.sid);
    const pending = this.#pending.get(name);
    if (pending === undefined || pending.connection !== connection || pending.expiresMs < nowMs) {
      return refused('unexpected');
    }
    if (pending.attemptsLeft-- <= 0) return refused('too-many');
    const plaintext = openOnce(pending.keys.initiator, pending.suite, auth.box, pending.th3);
    const proof =
      plaintext === undefined
        ? undefined
        : decodeProof(plaintext, pending.member === undefined ? 'client' : 'validator');
    if (plaintext === undefined || proof === undefined) return refused('bad-box');
    const peer = await this.#checkProof(proof, pending);
    if (typeof peer === 'string') return refused(peer);
    if (this.#pending.get(name) !== pending) return refused('unexpected');
    this.#forget(name, pending);
    const th4 = sha384(pending.th3, plaintext);
    const established: Established = {
      role: 'responder',
      peer,
      committee: pending.committee,
      peerCommittee: { epoch: proof.committee.epoch, hash: Uint8Array.from(proof.committee.hash) },
      suite: pending.suite,
      keys: trafficKeys(pending.keys.handshakeSecret, th4),
      ownSid: pending.ownSid,
      peerSid: pending.peerSid,
      transcript: th4,
    };
    return { kind: 'accepted', established };
  }

  /** Forgets handshakes that took too long. */
  expire(nowMs: number): void {
    for (const [name, pending] of this.#pending) {
      if (pending.expiresMs > nowMs) break;
      this.#forget(name, pending);
    }
  }

  /** Everything that can be said of a HELLO without remembering it. */
  #greet(frame: Uint8Array, nowMs: number): Greeting | Refusal {
    const hello = decodeHello(frame);
    if (hello === undefined) return 'malformed';
    if (!equalBytes(hello.netHash, this.#netHash)) return 'wrong-network';
    const suite = this.#options.local.suites.find((own) => hello.suites.includes(own));
    if (suite === undefined) return 'no-common-suite';
    if (hello.mode === MODE.CLIENT) {
      if (!this.#options.allowClients) return 'no-clients';
      if (!equalBytes(hello.mac0, shortMac(CLIENT_GATE, 'mac0', hello.body))) return 'bad-mac';
      return { hello, suite, gate: CLIENT_GATE, member: undefined };
    }
    const member = this.#hints.find(hello.hint, nowMs);
    const gate = member === undefined ? undefined : this.#gates.get(member);
    if (gate === undefined) return 'unknown-hint';
    if (!equalBytes(hello.mac0, shortMac(gate, 'mac0', hello.body))) return 'bad-mac';
    return { hello, suite, gate, member };
  }

  /** The limits on what costs a signature. */
  #admit(member: number | undefined, nowMs: number): boolean {
    if (member === undefined) {
      const waiting = this.#pending.size - this.#slots.size + this.#clientsInFlight;
      return waiting < PENDING_CLIENTS_MAX && this.#clientBucket.take(nowMs);
    }
    let bucket = this.#memberBuckets.get(member);
    if (bucket === undefined) {
      bucket = new TokenBucket(INIT_BURST_PER_VALIDATOR, INIT_RATE_PER_VALIDATOR_HZ);
      this.#memberBuckets.set(member, bucket);
    }
    return bucket.take(nowMs);
  }

  async #respond(
    init: Init,
    frame: Uint8Array,
    greeting: Greeting,
    connection: number,
    nowMs: number,
  ): Promise<ResponderStep> {
    const { member, suite } = greeting;
    const serial = ++this.#inits;
    if (member === undefined) this.#clientsInFlight++;
    else this.#latestInit.set(member, serial);
    try {
      const made = await this.#makeResp(init, frame, member, suite);
      if (made === undefined) return refused('bad-key');
      if (member !== undefined && this.#latestInit.get(member) !== serial) return refused('unexpected');
      const expiresMs = nowMs + HANDSHAKE_TIMEOUT_MS;
      this.#remember({ ...made.state, connection, member, suite, expiresMs, attemptsLeft: AUTH_ATTEMPTS });
      return { kind: 'reply', frame: made.frame };
    } finally {
      if (member === undefined) this.#clientsInFlight--;
    }
  }

  async #makeResp(init: Init, frame: Uint8Array, member: number | undefined, suite: Suite) {
    const { identity, chainId, committee, ephemerals } = this.#options.local;
    const dh = ephemerals.dhKeyPair();
    const ownSid = ephemerals.bytes(SID_BYTES);
    const [kem, dhSecret] = await Promise.all([ephemerals.encapsulate(init.kemKey), dh.agree(init.dhKey)]);
    if (kem === undefined || dhSecret === undefined) return undefined;
    const clear = encodeRespClear({ ciphertext: kem.ciphertext, dhKey: dh.publicKey, sid: ownSid, suite });
    const [mode, idR] = member === undefined ? [MODE.CLIENT, ZERO_ID] : [MODE.VALIDATOR, identity.nodeId];
    const th2 = sha384(prologue(chainId, mode, idR), frame, clear);
    const keys = handshakeKeys(kem.secret, dhSecret, th2);
    const claim = encodeClaim(identity.nodeId, committee);
    const signatures = await signProof(identity, 'responder', [th2, claim]);
    const finished = finishedMac(keys.responder, sha384(th2, claim, signatures));
    const plaintext = encodeProof({
      id: identity.nodeId,
      committee,
      signatures,
      clientKeys: new Uint8Array(0),
      finished,
    });
    return {
      frame: Buffer.concat([clear, sealOnce(keys.responder, suite, plaintext, th2)]),
      state: { ownSid, peerSid: Uint8Array.from(init.sid), keys, th3: sha384(th2, plaintext), committee },
    };
  }

  #remember(pending: Pending): void {
    const name = nameOf(pending.ownSid);
    if (pending.member !== undefined) {
      const replaced = this.#slots.get(pending.member);
      if (replaced !== undefined) this.#pending.delete(replaced);
      this.#slots.set(pending.member, name);
    }
    this.#pending.set(name, pending);
  }

  #forget(name: string, pending: Pending): void {
    this.#pending.delete(name);
    if (pending.member !== undefined && this.#slots.get(pending.member) === name) this.#slots.delete(pending.member);
  }

  async #checkProof(proof: Proof, pending: Pending): Promise<Peer | Refusal> {
    const claim = encodeClaim(proof.id, proof.committee);
    const expected = finishedMac(
      pending.keys.initiator,
      sha384(pending.th3, claim, proof.clientKeys, proof.signatures),
    );
    if (!equalBytes(proof.finished, expected)) return 'bad-finished';
    const parts = [pending.th3, claim, proof.clientKeys, this.#options.local.identity.nodeId];
    if (pending.member === undefined) return this.#checkClient(proof, parts);
    const member = this.#members.find(({ index }) => index === pending.member);
    if (member === undefined || !equalBytes(member.nodeId, proof.id)) return 'wrong-identity';
    if (!(await verifyProof(member, 'initiator', parts, proof.signatures))) return 'bad-signature';
    return { kind: 'member', index: member.index };
  }

  async #checkClient(proof: Proof, parts: readonly Uint8Array[]): Promise<Peer | Refusal> {
    if (proof.signatures.length === 0) {
      return equalBytes(proof.id, ZERO_ID) ? { kind: 'client', nodeId: undefined } : 'wrong-identity';
    }
    const client = clientIdentity(proof.clientKeys);
    if (!equalBytes(client.nodeId, proof.id)) return 'wrong-identity';
    if (!(await verifyProof(client, 'initiator', parts, proof.signatures))) return 'bad-signature';
    return { kind: 'client', nodeId: client.nodeId };
  }
}

function clientIdentity(keys: Uint8Array): PublicIdentity {
  const copy = Uint8Array.from(keys);
  const publicKey = copy.subarray(0, ML_DSA_PUBLIC_KEY_BYTES);
  const ed25519Key = copy.subarray(ML_DSA_PUBLIC_KEY_BYTES, ML_DSA_PUBLIC_KEY_BYTES + CURVE_KEY_BYTES);
  const gateKey = copy.subarray(ML_DSA_PUBLIC_KEY_BYTES + CURVE_KEY_BYTES);
  return { nodeId: nodeIdOf(publicKey, ed25519Key, gateKey), publicKey, ed25519Key, gateKey };
}

function refused(reason: Refusal): ResponderStep {
  return { kind: 'refused', reason };
}

function nameOf(sid: Uint8Array): string {
  return Buffer.from(sid).toString('latin1');
}
