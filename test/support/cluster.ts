/**
 * A few whole cores that talk to each other in one process, each with a disk in memory: messages arrive in a random order
 * from a seed, a core can be taken down and started again from what its disk has.
 */
import { refKey } from '../../src/core/block.ts';
import { toHex } from '../../src/core/bytes.ts';
import type { Committee } from '../../src/core/committee.ts';
import type { CoreEvent } from '../../src/core/events.ts';
import type { CommitRecord, Output, SignedRecord } from '../../src/core/io.ts';
import { type CoreSnapshot, decodeSnapshot, encodeSnapshot } from '../../src/core/snapshot.ts';
import type { Block, Commit, IdentifiedProposal, KeysOf, SignedBlock } from '../../src/core/types.ts';
import { type Kernels, OPINION } from '../../src/wasm/kernels.ts';
import { CoreDriver, fillerOf, firstRecord } from './core-driver.ts';
import { keyedProposal, keysOfBody } from './decisions.ts';
import { type Random, seeded } from './random.ts';

/** A snapshot as a file would have it. */
interface StoredSnapshot {
  readonly commit: Commit;
  readonly pieces: readonly Uint8Array[];
}

export interface ClusterOptions {
  readonly kernels: Kernels;
  readonly committee: Committee;
  readonly seed: number;
  readonly snapshotEvery: number;
  readonly keysOf?: KeysOf;
}

export class Member {
  readonly index: number;
  readonly blocks = new Map<string, SignedBlock>();
  readonly commits: CommitRecord[] = [];
  readonly snapshots: StoredSnapshot[] = [];
  /** Digests of executed commits by index, over all its lives. */
  readonly digests = new Map<number, string>();
  readonly decisions: string[] = [];
  readonly #options: ClusterOptions;
  record: SignedRecord;
  core: CoreDriver;

  constructor(options: ClusterOptions, index: number) {
    this.#options = options;
    this.index = index;
    this.record = firstRecord(options.committee, index);
    this.core = this.#newCore();
  }

  #newCore(): CoreDriver {
    const { kernels, committee, snapshotEvery, keysOf = keysOfBody } = this.#options;
    return new CoreDriver(kernels, committee, { self: this.index, keysOf, local: { snapshotEvery } });
  }

  /** Keeps what the core wants kept. */
  keep(output: Output): void {
    if (output.type === 'store') this.blocks.set(refKey(output.block.ref), output.block as Block as SignedBlock);
    if (output.type === 'storeCommit') this.commits.push({ commit: output.commit, blocks: this.#find(output.refs) });
    if (output.type === 'snapshot') {
      this.snapshots.push({ commit: output.snapshot.commit, pieces: [...encodeSnapshot(output.snapshot)] });
    }
    if (output.type === 'event') this.#heard(output.event);
  }

  #heard(event: CoreEvent): void {
    if (event.type !== 'executed') return;
    this.digests.set(event.commit.index, toHex(event.digest));
    if (!event.replayed) for (const { decision } of event.decisions) this.decisions.push(decision);
  }

  #find(refs: readonly { round: number; author: number; digest: Uint8Array }[]): SignedBlock[] {
    return refs.map((ref) => this.blocks.get(refKey(ref as Block['ref'])) as SignedBlock);
  }

  /** A new core, from this snapshot (null: from genesis) and the disk. */
  restart(from: StoredSnapshot | null): void {
    const nowMs = this.core.nowMs;
    this.core = this.#newCore();
    this.core.nowMs = nowMs;
    const index = from?.commit.index ?? 0;
    const known = new Set<string>();
    if (from !== null) {
      const snapshot = decodeSnapshot(this.#options.kernels, from.pieces);
      const commits = this.commits.slice(0, index).map(({ commit }) => commit);
      this.core.feed({ type: 'restore', snapshot, blocks: this.#find(snapshot.committed), commits });
      for (const ref of snapshot.committed) known.add(refKey(ref));
    }
    for (const record of this.commits.slice(index)) {
      this.core.feed({ type: 'replay', record });
      for (const { ref } of record.blocks) known.add(refKey(ref));
    }
    const { gcRound } = this.core.core.status();
    const loose = [...this.blocks].filter(([key, { ref }]) => ref.round > gcRound && !known.has(key));
    this.core.feed({ type: 'reload', blocks: loose.map(([, block]) => block) });
    for (const output of this.core.outputs) this.keep(output);
    this.core.outputs.length = 0;
    this.core.start(this.record);
  }

  snapshotAt(index: number): CoreSnapshot | undefined {
    const stored = this.snapshots.find(({ commit }) => commit.index === index);
    return stored && decodeSnapshot(this.#options.kernels, stored.pieces);
  }
}

export class Cluster {
  readonly members: readonly Member[];
  readonly random: Random;
  readonly #options: ClusterOptions;
  /** What is under way. */
  readonly #messages: { from: number; to: number; bytes: Uint8Array }[] = [];
  #serial = 0;

  constructor(options: ClusterOptions) {
    this.#options = options;
    this.random = seeded(options.seed);
    this.members = options.committee.validators.map(({ index }) => new Member(options, index));
    for (const member of this.members) {
      member.core.start();
      for (const other of this.members) if (other !== member) member.core.connect(other.index);
    }
  }

  /** Hands a fresh proposal to some member: with keys that clash at times, and an expiry that is near at times. */
  submit(): IdentifiedProposal {
    const { random } = this;
    const member = this.members[random.below(this.members.length)]!;
    const keys = random.chance(60) ? [255] : Array.from({ length: random.below(3) }, () => random.below(20));
    const expiryMs = Math.floor(member.core.nowMs) + 300 + random.below(6_000);
    const proposal = keyedProposal(this.#options.kernels, this.#serial++, keys, expiryMs);
    member.core.feed({ type: 'submit', submissions: [{ proposal }] });
    return proposal;
  }

  /** Delivers up to `count` messages, one after the other in a random order; lets time pass where none is under way. */
  run(count: number): void {
    for (let i = 0; i < count; i++) {
      this.#collect();
      const message = this.#messages.splice(this.random.below(this.#messages.length), 1)[0];
      if (message === undefined || this.random.chance(20)) for (const { core } of this.members) core.pass(10);
      if (message === undefined) continue;
      const { from, to, bytes } = message;
      this.members[to]!.core.feed({ type: 'message', peer: from as never, bytes });
    }
    this.#collect();
  }

  /** Everything under way arrives, and all fall silent. */
  settle(): void {
    for (let quiet = 0; quiet < 100; quiet++) {
      this.run(50);
      if (this.#messages.length > 0) quiet = 0;
    }
  }

  /** The member loses all but its disk, and what was on its way to it. */
  restart(member: Member, from: StoredSnapshot | null): void {
    this.#collect();
    const kept = this.#messages.filter(({ to }) => to !== member.index);
    this.#messages.length = 0;
    this.#messages.push(...kept);
    member.restart(from);
    for (const other of this.members) {
      if (other === member) continue;
      member.core.connect(other.index);
      other.core.connect(member.index);
    }
  }

  /** Carries out what the cores asked for; what they ask then is for the next time, or one alone would never stop. */
  #collect(): void {
    for (const member of this.members) {
      for (const output of member.core.outputs.splice(0)) this.#carryOut(member, output);
    }
  }

  #carryOut(member: Member, output: Output): void {
    member.keep(output);
    const { core, index } = member;
    if (output.type === 'send') {
      const targets = output.to === 'all' ? this.members.map((each) => each.index) : [output.to];
      for (const to of targets) if (to !== index) this.#messages.push({ from: index, to, bytes: output.bytes });
    } else if (output.type === 'score') {
      const verdicts = Uint8Array.from(output.block.proposals, () =>
        this.random.chance(200) ? OPINION.REJECT : this.random.chance(100) ? OPINION.ABSTAIN : OPINION.APPROVE,
      );
      const opinion = this.random.chance(50) ? null : { confidence: this.random.below(10_001), verdicts };
      core.feed({ type: 'opinion', digest: output.block.ref.digest, opinion });
    } else if (output.type === 'seal') {
      member.record = output.record;
      core.feed({ type: 'sealed', digest: output.block.ref.digest, signature: fillerOf(index) });
    }
  }
}
