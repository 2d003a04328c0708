/** Validators for the tests: identities from small seeds, handshakes run in memory, repeatable randomness. */
import { createHash } from 'node:crypto';
import { x25519KeyPair } from '../../src/crypto/curves.ts';
import { type Identity, identityFromSeed, publicIdentity } from '../../src/crypto/identity.ts';
import { mlKem, nobleEncapsulate } from '../../src/crypto/mlkem.ts';
import { SUITE, type Suite } from '../../src/qzmq/constants.ts';
import { type Ephemerals, systemEphemerals } from '../../src/qzmq/ephemerals.ts';
import { gateKey } from '../../src/qzmq/gate.ts';
import type { Established, LocalParty, Member } from '../../src/qzmq/handshake.ts';
import { Initiator, type InitiatorTarget } from '../../src/qzmq/initiator.ts';
import { Responder } from '../../src/qzmq/responder.ts';

export const CHAIN = new Uint8Array(32).fill(0xc4);
export const NOW_MS = 1_700_000_000_000;
export const COMMITTEE = { epoch: 3, hash: new Uint8Array(32).fill(0x3c) };

export function seedOf(index: number): Uint8Array {
  return new Uint8Array(32).fill(index + 1);
}

export const IDENTITIES: readonly Identity[] = [0, 1, 2, 3].map((index) => identityFromSeed(seedOf(index)));
export const MEMBERS: readonly Member[] = IDENTITIES.map((identity, index) => ({ ...publicIdentity(identity), index }));

export function identity(index: number): Identity {
  const found = IDENTITIES[index];
  if (found === undefined) throw new Error(`no identity ${index}`);
  return found;
}

export function member(index: number): Member {
  const found = MEMBERS[index];
  if (found === undefined) throw new Error(`no member ${index}`);
  return found;
}

/** Randomness that repeats: SHA-384 in counter mode. */
export function seededEphemerals(label: string): Ephemerals {
  let counter = 0;
  const bytes = (length: number): Uint8Array => {
    let out = Buffer.alloc(0);
    while (out.length < length) {
      const block = createHash('sha384').update(`${label} ${counter++}`).digest();
      out = Buffer.concat([out, block]);
    }
    return new Uint8Array(out.subarray(0, length));
  };
  return {
    bytes,
    kemKeyPair: () => mlKem.keyPair(bytes(64)),
    encapsulate: async (publicKey) => nobleEncapsulate(publicKey, bytes(32)),
    dhKeyPair: () => x25519KeyPair(bytes(32)),
  };
}

/** An identity that gives the same signature for the same message, by remembering it. */
export function repeatable(of: Identity): Identity {
  const made = new Map<string, Uint8Array>();
  const { signing } = of;
  return {
    ...of,
    signing: {
      publicKey: signing.publicKey,
      sign: async (message, context) => {
        const name = Buffer.from(message).toString('latin1') + context;
        const signature = made.get(name) ?? (await signing.sign(message, context));
        made.set(name, signature);
        return signature;
      },
    },
  };
}

export interface PartyOptions {
  readonly chainId?: Uint8Array;
  readonly committee?: LocalParty['committee'];
  readonly suites?: readonly Suite[];
  readonly ephemerals?: Ephemerals;
}

export function party<Who extends Identity | undefined>(who: Who, options: PartyOptions = {}) {
  return {
    identity: who,
    chainId: options.chainId ?? CHAIN,
    committee: options.committee ?? COMMITTEE,
    suites: options.suites ?? [SUITE.AES_256_GCM, SUITE.CHACHA20_POLY1305],
    ephemerals: options.ephemerals ?? systemEphemerals,
  };
}

/** The responder of member `own`. */
export async function responderOf(
  own: number,
  options: PartyOptions & { readonly allowClients?: boolean; readonly who?: Identity } = {},
): Promise<Responder> {
  const me = options.who ?? identity(own);
  const others = MEMBERS.filter(({ index }) => index !== own);
  const gates = new Map(
    await Promise.all(others.map(async (other) => [other.index, await gateKey(me, other, 'responder')] as const)),
  );
  const allowClients = options.allowClients ?? true;
  return new Responder({ local: party(me, options), members: MEMBERS, gates, allowClients });
}

export async function targetOf(own: number, candidates: readonly number[]): Promise<InitiatorTarget> {
  return {
    mode: 'validator',
    candidates: await Promise.all(
      candidates.map(async (index) => ({
        member: member(index),
        gate: await gateKey(identity(own), member(index), 'initiator'),
      })),
    ),
  };
}

export async function initiatorOf(own: number, candidates: readonly number[], options: PartyOptions = {}) {
  return new Initiator(party(identity(own), options), await targetOf(own, candidates), NOW_MS);
}

export const CLIENT_TARGET: InitiatorTarget = { mode: 'client', responders: MEMBERS };

export interface Finished {
  readonly initiator: Established;
  readonly responder: Established;
  readonly frames: {
    readonly hello: Buffer;
    readonly cookie: Buffer;
    readonly init: Buffer;
    readonly resp: Buffer;
    readonly auth: Buffer;
  };
}

/** The frame or session of a step, or an error that names the refusal. */
export function expectStep<Kind extends string, Step extends { readonly kind: string }>(
  step: Step,
  kind: Kind,
): Extract<Step, { readonly kind: Kind }> {
  if (step.kind !== kind) throw new Error(`expected ${kind}, got ${JSON.stringify(step)}`);
  return step as Extract<Step, { readonly kind: Kind }>;
}

/** Both machines, end to end, on connection 7. */
export async function shake(initiator: Initiator, responder: Responder, hello = 0): Promise<Finished> {
  const first = initiator.hellos[hello];
  if (first === undefined) throw new Error('no HELLO');
  const cookie = expectStep(responder.onHello(first, 7, NOW_MS), 'reply').frame;
  const init = expectStep(await initiator.receive(cookie), 'reply').frame;
  const resp = expectStep(await responder.onInit(init, 7, NOW_MS), 'reply').frame;
  const authenticated = expectStep(await initiator.receive(resp), 'authenticated');
  const accepted = expectStep(await responder.onAuth(authenticated.frame, 7, NOW_MS), 'accepted');
  return {
    initiator: authenticated.established,
    responder: accepted.established,
    frames: { hello: first, cookie, init, resp, auth: authenticated.frame },
  };
}
