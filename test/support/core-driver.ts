/** Drives one core by hand: what it asks for is recorded, and what needs no judgement is answered at once. */

import type { Committee } from '../../src/core/committee.ts';
import { type Core, createCore } from '../../src/core/core.ts';
import type { CoreEvent } from '../../src/core/events.ts';
import type { Input, Output, SignedRecord, Submission } from '../../src/core/io.ts';
import { SIGNATURE_BYTES } from '../../src/core/limits.ts';
import { decodeMessage, encodeMessage, type Message } from '../../src/core/messages.ts';
import type { LocalParameters } from '../../src/core/options.ts';
import type { Block, KeysOf, PeerNumber, SignedBlock } from '../../src/core/types.ts';
import type { Kernels } from '../../src/wasm/kernels.ts';

type OutputOf<Type extends Output['type']> = Extract<Output, { type: Type }>;
type EventOf<Type extends CoreEvent['type']> = Extract<CoreEvent, { type: Type }>;

/** What stands for a signature of `author` in these tests. */
export function fillerOf(author: number): Uint8Array {
  return new Uint8Array(SIGNATURE_BYTES).fill(author + 1);
}

/** The record that `pq init` writes: nothing was signed. */
export function firstRecord(committee: Committee, self: number): SignedRecord {
  const genesis = committee.genesisRefs[self]!;
  return {
    epoch: committee.epoch,
    round: genesis.round,
    digest: genesis.digest,
    votedIndex: 0 as never,
    votedDigest: committee.chainId as never,
  };
}

export interface DriverOptions {
  readonly self?: number | null;
  readonly keysOf?: KeysOf;
  readonly local?: Partial<LocalParameters>;
  /** Answers `verify` itself: true for the filler of the author. Default true. */
  readonly verifies?: boolean;
  /** Answers `execute` itself. Default true. */
  readonly executes?: boolean;
}

export class CoreDriver {
  readonly core: Core;
  readonly self: number;
  readonly outputs: Output[] = [];
  readonly committee: Committee;
  nowMs: number;
  #wakeAtMs = Number.POSITIVE_INFINITY;
  readonly #options: DriverOptions;

  constructor(kernels: Kernels, committee: Committee, options: DriverOptions = {}) {
    const self = options.self === undefined ? 0 : options.self;
    this.#options = options;
    this.self = self ?? -1;
    this.committee = committee;
    this.nowMs = committee.genesisTimeMs;
    this.core = createCore({
      kernels,
      committee,
      key: self === null ? null : committee.validators[self]!.publicKey,
      keysOf: options.keysOf ?? (() => ({ wellFormed: true, keys: [] })),
      modelId: new Uint8Array(32),
      ...(options.local ? { local: options.local } : {}),
    });
  }

  /** One input and what follows from it at once. */
  feed(input: Input): Output[] {
    const from = this.outputs.length;
    // What is answered at once comes after all that was asked, as in a real driver.
    const inputs = [input];
    for (let next = inputs.shift(); next; next = inputs.shift()) {
      for (const output of this.core.step(this.nowMs, next)) {
        this.outputs.push(output);
        const answer = this.#answer(output);
        if (answer) inputs.push(answer);
      }
    }
    return this.outputs.slice(from);
  }

  #answer(output: Output): Input | undefined {
    const { verifies = true, executes = true } = this.#options;
    if (output.type === 'arm') this.#wakeAtMs = output.atMs;
    if (output.type === 'verify' && verifies) {
      const valid = output.signature.every((byte) => byte === output.author + 1);
      return { type: 'verified', token: output.token, valid };
    }
    if (output.type === 'execute' && executes) {
      const { index, decisions } = output.execution;
      const root = new Uint8Array(32);
      return { type: 'executed', index, stateRoot: root, modelRoot: root, receipts: decisions.map(() => 0) };
    }
    return undefined;
  }

  start(
    record: SignedRecord | null = firstRecord(this.committee, this.self),
    unsigned: Block | null = null,
    pending: readonly Submission[] = [],
  ): Output[] {
    return this.feed({ type: 'start', record, unsigned, pending });
  }

  tell(peer: number, message: Message): Output[] {
    return this.feed({ type: 'message', peer: peer as PeerNumber, bytes: encodeMessage(message) });
  }

  deliver(block: SignedBlock, peer: number = block.ref.author): Output[] {
    return this.tell(peer, { kind: 'block', bytes: block.bytes });
  }

  connect(...peers: readonly number[]): void {
    for (const peer of peers) this.feed({ type: 'peerUp', peer: peer as PeerNumber });
  }

  /** Lets time pass; the timer fires whenever it is due. */
  pass(ms: number): void {
    const untilMs = this.nowMs + ms;
    while (this.#wakeAtMs <= untilMs) {
      this.nowMs = Math.max(this.nowMs, this.#wakeAtMs);
      this.#wakeAtMs = Number.POSITIVE_INFINITY;
      this.feed({ type: 'timer' });
    }
    this.nowMs = untilMs;
  }

  /** When the core wants to be woken; Infinity while it sleeps. */
  get wakeAtMs(): number {
    return this.#wakeAtMs;
  }

  /** The block that waits for its signature. */
  get sealing(): Block | undefined {
    return this.all('seal').at(-1)?.block;
  }

  /** Answers the last `seal`. */
  seal(): Block {
    const block = this.sealing;
    if (!block) throw new Error('nothing waits for a signature');
    this.feed({ type: 'sealed', digest: block.ref.digest, signature: fillerOf(this.self) });
    return block;
  }

  all<Type extends Output['type']>(type: Type): OutputOf<Type>[] {
    return this.outputs.filter((output): output is OutputOf<Type> => output.type === type);
  }

  events<Type extends CoreEvent['type']>(type: Type): EventOf<Type>[] {
    return this.all('event')
      .map(({ event }) => event)
      .filter((event): event is EventOf<Type> => event.type === type);
  }

  /** Codes of alarms. */
  get alarms(): string[] {
    return this.events('alarm').map(({ code }) => code);
  }

  sent<Kind extends Message['kind']>(
    kind: Kind,
    outputs: readonly Output[] = this.outputs,
  ): { to: number | 'all'; message: Extract<Message, { kind: Kind }> }[] {
    const found: { to: number | 'all'; message: Extract<Message, { kind: Kind }> }[] = [];
    for (const output of outputs) {
      if (output.type !== 'send') continue;
      const message = decodeMessage(output.bytes);
      if (message.kind === kind) found.push({ to: output.to, message: message as Extract<Message, { kind: Kind }> });
    }
    return found;
  }
}
