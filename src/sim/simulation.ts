/**
 * The simulator: whole networks of real cores on a virtual clock, from a seed. After every step it checks agreement,
 * single signing and single decisions; at the end, that everything submitted was decided.
 */
import { digestKey } from '../core/block.ts';
import { concatBytes, equalBytes, utf8 } from '../core/bytes.ts';
import { committeeOf } from '../core/committee.ts';
import type { CoreEvent } from '../core/events.ts';
import { DEFAULT_PARAMETERS, parseGenesis } from '../core/genesis.ts';
import type { Submission } from '../core/io.ts';
import { PUBLIC_KEY_BYTES, SIGNATURE_BYTES } from '../core/limits.ts';
import { encodeProposal, identifyProposal } from '../core/proposal.ts';
import type { AuthorIndex, PeerNumber, Proposal, ProposalKeys } from '../core/types.ts';
import type { Kernels } from '../wasm/kernels.ts';
import { Adversary } from './byzantine.ts';
import { VirtualClock } from './clock.ts';
import { SimNode, type SimWorld } from './node.ts';
import { Properties } from './properties.ts';
import { SeededRandom } from './random.ts';
import type { Scenario } from './scenario.ts';

const START_MS = 1_700_000_000_000;
/** Byzantine validators that flood send one piece of junk to everybody this often. */
const FLOOD_EVERY_MS = 5;

/** What a run did. */
export interface SimReport {
  readonly seed: number;
  readonly commits: number;
  readonly blocks: number;
  readonly certified: number;
  readonly decisions: Readonly<Record<string, number>>;
  readonly messages: number;
  readonly lost: number;
  readonly crashes: number;
  /** Ranges of commits that nodes far behind took over. */
  readonly synced: number;
  /** What honest validators saw of the others. */
  readonly equivocations: number;
  readonly refused: number;
  readonly virtualMs: number;
}

export class Simulation implements SimWorld {
  readonly clock = new VirtualClock(START_MS);
  readonly random: SeededRandom;
  readonly scenario: Scenario;
  readonly kernels: Kernels;
  readonly committee;
  readonly nodes: SimNode[];
  readonly #adversaries = new Map<number, Adversary>();
  readonly #seed: number;
  readonly #cut = new Set<number>();
  readonly #properties: Properties;
  readonly #submitted = new Set<string>();
  readonly #lapsed = new Set<string>();
  #blocks = 0;
  #messages = 0;
  #lost = 0;
  #crashes = 0;
  #synced = 0;
  #equivocations = 0;
  #refused = 0;

  constructor(kernels: Kernels, seed: number, scenario: Scenario) {
    this.kernels = kernels;
    this.scenario = scenario;
    this.#seed = seed;
    this.random = new SeededRandom(seed);
    const key = (fill: number, bytes: number) => fill.toString(16).padStart(2, '0').repeat(bytes);
    const genesis = parseGenesis({
      version: 1,
      chainName: 'simulated',
      timeMs: START_MS,
      validators: Array.from({ length: scenario.validators }, (_, i) => ({
        name: `v${i}`,
        stake: scenario.stakes?.[i] ?? 1,
        publicKey: key(i, PUBLIC_KEY_BYTES),
        ed25519Key: key(i, 32),
        gateKey: key(i, 32),
      })),
      parameters: { ...DEFAULT_PARAMETERS, leadersPerRound: scenario.leadersPerRound },
      application: { name: 'kv', state: {} },
    });
    this.committee = committeeOf(kernels, genesis);
    this.#properties = new Properties(seed, this.committee, this.keysOf);
    this.nodes = this.committee.validators.map(({ index }) => new SimNode(this, index));
    for (const [i, behaviours] of scenario.byzantine.entries()) {
      const index = (scenario.validators - 1 - i) as AuthorIndex;
      this.#adversaries.set(index, new Adversary(this, index, behaviours));
    }
  }

  /** The conflict key is the body's first 32 bytes. */
  readonly keysOf = (proposal: Proposal): ProposalKeys =>
    proposal.body.length < 32 ? { wellFormed: false } : { wellFormed: true, keys: [proposal.body.subarray(0, 32)] };

  /** Runs the whole scenario. Throws `SIM_…` when a property does not hold; the message names the seed. */
  run(): SimReport {
    for (const node of this.nodes) node.start();
    this.#connectAll();
    this.#schedule();
    const { hostileMs, settleMs } = this.scenario;
    while (this.clock.step(START_MS + hostileMs));
    this.#cut.clear();
    for (const node of this.nodes) if (!node.up) this.#restart(node);
    this.#connectAll();
    // Silence is the sign that all is done: nobody has a reason to speak, and no timer is armed. It is asked of the honest.
    while (this.clock.pending > 0 && this.clock.step(START_MS + hostileMs + settleMs / 2));
    for (const index of this.#adversaries.keys()) this.nodes[index]?.crash();
    while (this.clock.pending > 0 && this.clock.step(START_MS + hostileMs + settleMs));
    this.#checkEnd();
    return this.#report();
  }

  get honest(): SimNode[] {
    return this.nodes.filter(({ index }) => !this.#adversaries.has(index));
  }

  send(from: number, to: number, bytes: Uint8Array): void {
    const adversary = this.#adversaries.get(from);
    for (const sent of adversary ? adversary.twist(to, bytes) : [bytes]) this.#transmit(from, to, sent);
  }

  #transmit(from: number, to: number, bytes: Uint8Array): void {
    this.#messages += 1;
    const { outage } = this.scenario;
    const sinceMs = this.clock.nowMs - START_MS - (outage?.fromMs ?? 0);
    if (outage && sinceMs >= 0 && sinceMs < outage.ms) {
      this.#lost += 1;
      return;
    }
    const hostile = this.clock.nowMs < START_MS + this.scenario.hostileMs;
    if (this.#cut.has(from) !== this.#cut.has(to) || (hostile && this.random.chance(this.scenario.loss))) {
      this.#lost += 1;
      return;
    }
    const copies = hostile && this.random.chance(this.scenario.duplication) ? 2 : 1;
    const [low, high] = hostile ? this.scenario.delayMs : [1, 5];
    const lateMs = from === 0 ? this.scenario.lateMs : 0;
    for (let i = 0; i < copies; i++) {
      this.clock.after(lateMs + this.random.between(low, high), () => this.#arrive(from, to, bytes, 1));
    }
  }

  #arrive(from: number, to: number, bytes: Uint8Array, tries: number): void {
    const node = this.nodes[to];
    if (!node) return;
    if (this.#adversaries.get(to)?.isEarly(bytes, node.core.status().round)) {
      if (tries < 20) this.clock.after(20 * tries, () => this.#arrive(from, to, bytes, tries + 1));
      return;
    }
    node.input({ type: 'message', peer: from as PeerNumber, bytes });
  }

  /** Stands in for ML-DSA: a hash that only this simulation makes. */
  sign(author: number, digest: Uint8Array): Uint8Array {
    const tag = this.kernels.sha3_256(utf8(`${this.#seed}/${author}`), digest);
    const signature = new Uint8Array(SIGNATURE_BYTES);
    signature.set(tag);
    return signature;
  }
  verify(author: number, digest: Uint8Array, signature: Uint8Array): boolean {
    return equalBytes(this.sign(author, digest), signature);
  }

  signing(node: number, round: number, digest: string): void {
    if (!this.#adversaries.has(node)) this.#properties.signing(node, round, digest);
  }

  observed(node: number, event: CoreEvent): void {
    if (this.#adversaries.has(node)) return;
    if (event.type === 'equivocation') this.#equivocations += 1;
    if (event.type === 'refused') this.#refused += 1;
    if (event.type === 'alarm') this.#properties.fail('SIM_ALARM', { node, code: event.code });
    if (event.type === 'accepted') this.#blocks += 1;
    if (event.type === 'synced') this.#synced += 1;
    if (event.type === 'lapsed') this.#lapsed.add(digestKey(event.id));
    if (event.type === 'committed') this.#properties.committed(node, event);
    if (event.type === 'executed') this.#properties.executed(node, event);
  }

  #connectAll(): void {
    for (const a of this.nodes) {
      for (const b of this.nodes) {
        if (a !== b && a.up && b.up) a.input({ type: 'peerUp', peer: b.number });
      }
    }
  }

  #restart(node: SimNode): void {
    node.start();
    for (const other of this.nodes) {
      if (other === node || !other.up) continue;
      other.input({ type: 'peerUp', peer: node.number });
      node.input({ type: 'peerUp', peer: other.number });
    }
  }

  #schedule(): void {
    const { scenario, random, clock } = this;
    const withinHostile = () => START_MS + random.below(scenario.hostileMs);
    for (let i = 0; i < scenario.proposals; i++) {
      const key = this.kernels.sha3_256(utf8(`key/${this.#seed}/${i}`));
      clock.at(withinHostile(), () => this.#submit(key, i));
      if (random.chance(scenario.doubleSpends))
        clock.at(withinHostile(), () => this.#submit(key, i + scenario.proposals));
    }
    for (let i = 0; i < scenario.crashes; i++) {
      const atMs = withinHostile();
      const node = this.nodes[random.below(this.nodes.length)] as SimNode;
      clock.at(atMs, () => {
        if (!node.up) return;
        this.#crashes += 1;
        node.crash();
        clock.after(random.between(...scenario.crashMs), () => {
          if (!node.up) this.#restart(node);
        });
      });
    }
    for (const [index, adversary] of this.#adversaries) {
      for (let atMs = 0; atMs < scenario.hostileMs; atMs += FLOOD_EVERY_MS) {
        clock.at(START_MS + atMs, () => {
          const junk = adversary.flood();
          if (junk) for (const node of this.honest) this.#transmit(index, node.index, junk);
        });
      }
    }
    for (let i = 0; i < scenario.partitions; i++) {
      clock.at(withinHostile(), () => {
        this.#cut.clear();
        for (const { index } of this.nodes) if (random.chance(0.4)) this.#cut.add(index);
        clock.after(random.between(100, 1_500), () => this.#cut.clear());
      });
    }
  }

  #submit(key: Uint8Array, n: number): void {
    const proposal: Proposal = {
      version: 1,
      kind: 1,
      expiryMs: Math.floor(this.clock.nowMs) + 30_000,
      sender: new Uint8Array(0),
      body: concatBytes(key, utf8(String(n))),
      signature: new Uint8Array(0),
    };
    const submission: Submission = { proposal: identifyProposal(this.kernels, encodeProposal(proposal)) };
    const up = this.honest.filter((node) => node.up);
    const node = up[this.random.below(up.length)];
    if (!node) return;
    this.#submitted.add(digestKey(submission.proposal.id));
    node.submit(submission);
  }

  /** Liveness: everything was decided, everybody executed everything, everything is certified, and it is quiet. */
  #checkEnd(): void {
    const undecided = [...this.#submitted].filter((key) => !this.#properties.isDecided(key) && !this.#lapsed.has(key));
    if (undecided.length > 0)
      this.#properties.fail('SIM_UNDECIDED', {
        count: undecided.length,
        status: this.nodes.map((n) => n.core.status()),
      });
    const last = this.#properties.decisiveIndex;
    for (const node of this.honest) {
      const { executedIndex, certifiedIndex } = node.core.status();
      if (executedIndex < last || certifiedIndex < last)
        this.#properties.fail('SIM_BEHIND', { node: node.index, executedIndex, certifiedIndex, last });
    }
    if (this.clock.pending > 0) this.#properties.fail('SIM_NOT_QUIET', { pending: this.clock.pending });
  }

  #report(): SimReport {
    return {
      seed: this.#seed,
      commits: this.#properties.commits,
      blocks: this.#blocks,
      certified: Math.min(...this.honest.map((node) => node.core.status().certifiedIndex)),
      decisions: this.#properties.decisions,
      messages: this.#messages,
      lost: this.#lost,
      crashes: this.#crashes,
      synced: this.#synced,
      equivocations: this.#equivocations,
      refused: this.#refused,
      virtualMs: this.clock.nowMs - START_MS,
    };
  }
}
