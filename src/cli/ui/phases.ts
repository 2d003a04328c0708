/** The five phases of a block as lines: Photon, Wave, Focus, Prism, Horizon, each with the time since the block was first seen. */
import { receiptName } from '../../app/application.ts';
import type { BlockName, DecisionReport, NodeEvent, ProposalOpinion } from '../../node/events.ts';
import { bytes, confidence, duration, percent, plural } from './format.ts';
import { harmless, type Style, type Terminal } from './terminal.ts';

/** Which blocks are told of. */
export type Telling =
  /** Every block that carries proposals. */
  | { readonly kind: 'all' }
  /** One block after another from first to last, at least `gapMs` between two beginnings, own ones and those of others in turn. */
  | { readonly kind: 'sample'; readonly gapMs: number };

/** What is needed to print the phases. */
export const PHASE_TOPICS = [
  'photon',
  'opinion',
  'wave',
  'dag',
  'prism',
  'horizon',
  'peer',
  'evidence',
  'alarm',
  'epoch',
] as const satisfies readonly NodeEvent['type'][];

/** Stories held open at once; the oldest is given up for a new one. */
const MAX_STORIES = 64;
/** Lines about single proposals in one phase. */
const MAX_DETAILS = 6;
/** A sampled story that does not end gives way to the next. Milliseconds. */
const STORY_TIMEOUT_MS = 5000;
/** So many gaps a sample waits for a block of the kind whose turn it is: one side may be silent. */
const TURN_PATIENCE = 2;
const PHASE_STYLES = {
  PHOTON: 'magenta',
  WAVE: 'cyan',
  FOCUS: 'yellow',
  PRISM: 'blue',
  HORIZON: 'green',
} as const satisfies Readonly<Record<string, Style>>;
type Phase = keyof typeof PHASE_STYLES;

type DagEvent = Extract<NodeEvent, { type: 'dag' }>;

interface Story {
  readonly block: BlockName;
  readonly beganMs: number;
  /** Short names of its proposals by id, as far as they are known. */
  readonly proposals: Map<string, string>;
  readonly count: number;
  decided: number;
  /** Commit of its last decision; 0 before. */
  commit: number;
}

export class PhasePrinter {
  readonly #terminal: Terminal;
  readonly #telling: Telling;
  /** Place of this node in the committee; −1 for none. */
  #self: number;
  readonly #stories = new Map<string, Story>();
  #lastBeganMs = Number.NEGATIVE_INFINITY;
  #lastWasOwn = false;
  #told = 0;
  /** The newest own block to enter the DAG. */
  #ownDag: DagEvent | null = null;

  /** `self`: index of the validator whose events these are; −1 for a node that only follows. */
  constructor(terminal: Terminal, self: number, telling: Telling) {
    this.#terminal = terminal;
    this.#self = self;
    this.#telling = telling;
  }

  /** Blocks that were told of to their end. */
  get told(): number {
    return this.#told;
  }

  handle(event: NodeEvent): void {
    if (event.type === 'photon') this.#photon(event);
    else if (event.type === 'dag') this.#dag(event);
    else if (event.type === 'opinion') this.#opinion(event);
    else if (event.type === 'wave') this.#wave(event);
    else if (event.type === 'prism') this.#prism(event);
    else if (event.type === 'horizon') this.#horizon(event);
    else this.#notice(event);
  }

  #photon(event: Extract<NodeEvent, { type: 'photon' }>): void {
    const count = event.proposals.length;
    const story = count === 0 ? null : this.#begin(event.block, count, event.atMs);
    if (story === null) return;
    event.proposals.forEach((id, i) => void story.proposals.set(id, event.summaries[i] ?? shortId(id)));
    const links = `${plural(event.parents, 'parent')}, ${plural(event.votes, 'vote')} inside`;
    this.#say(
      story,
      'PHOTON',
      event.atMs,
      `this node proposes ${plural(count, 'proposal')} in ${bytes(event.bytes)} (${links})`,
    );
    this.#details(story, [...story.proposals.values()].map(harmless));
    const sure =
      event.confidence === 0
        ? 'have no opinion on it yet'
        : `are ${confidence(event.confidence)} sure of their opinion on it`;
    this.#say(story, 'PHOTON', event.atMs, `own models ${sure}`);
    // A node accepts its own block before it says that it emitted it.
    if (this.#ownDag !== null && keyOf(this.#ownDag.block) === keyOf(event.block)) this.#entered(story, this.#ownDag);
  }

  #dag(event: DagEvent): void {
    let story = this.#stories.get(keyOf(event.block)) ?? null;
    if (event.block.author === this.#self) this.#ownDag = event;
    if (story === null && event.proposals > 0 && event.block.author !== this.#self) {
      story = this.#begin(event.block, event.proposals, event.atMs);
      if (story !== null)
        this.#say(
          story,
          'PHOTON',
          event.atMs,
          `${node(event.block.author)} proposes ${plural(event.proposals, 'proposal')}`,
        );
    }
    if (story !== null) this.#entered(story, event);
  }

  #entered(story: Story, event: DagEvent): void {
    const held = `${plural(event.parents, 'parent')}, ${plural(event.size, 'block')} held`;
    this.#say(story, 'PRISM', event.atMs, `entered the DAG: ${held}`);
  }

  #opinion(event: Extract<NodeEvent, { type: 'opinion' }>): void {
    const story = this.#stories.get(keyOf(event.block));
    if (story === undefined) return;
    for (const { id, summary } of event.proposals) story.proposals.set(id, summary);
    const count = (verdict: string): number => event.proposals.filter((one) => one.verdict === verdict).length;
    const verdict = this.#verdict(count('APPROVE'), count('REJECT'), count('ABSTAIN'));
    this.#say(story, 'WAVE', event.atMs, `own models of this node  ${verdict}  ${confidence(event.confidence)}`);
    // What is in an own block was said when it was emitted; what is in another's is known here first.
    if (event.block.author !== this.#self)
      this.#details(
        story,
        event.proposals.map((one) => this.#judged(one)),
      );
  }

  #judged({ verdict, p, summary }: ProposalOpinion): string {
    return `${this.#terminal.paint(VERDICT_STYLES[verdict], verdict.padEnd(7))}  ${percent(p)} to be rejected  ${harmless(summary)}`;
  }

  #wave(event: Extract<NodeEvent, { type: 'wave' }>): void {
    const story = this.#stories.get(keyOf(event.target));
    if (story === undefined) return;
    const verdict = this.#verdict(event.approves, event.rejects, event.abstains);
    const own = event.voter === this.#self ? ' (this node)' : '';
    this.#say(
      story,
      'WAVE',
      event.atMs,
      `${node(event.voter)} votes  ${verdict}  ${confidence(event.confidence)}${own}`,
    );
  }

  #prism(event: Extract<NodeEvent, { type: 'prism' }>): void {
    for (const story of this.#stories.values()) {
      const mine = event.decisions.filter((decision) => story.proposals.has(decision.id));
      if (mine.length === 0) continue;
      story.decided += mine.length;
      story.commit = event.index;
      const place = `commit ${event.index}: ${plural(event.blocks, 'block')} in order behind leader ${blockName(event.leader)}`;
      this.#say(story, 'FOCUS', event.atMs, `${mine.length} of ${plural(story.count, 'proposal')} decided`);
      this.#details(
        story,
        mine.map((decision) => this.#decision(story, decision)),
      );
      const conflicts = mine.filter((decision) => decision.decision === 'CONFLICT').length;
      const clash = conflicts === 0 ? 'no conflicts' : this.#terminal.paint('yellow', plural(conflicts, 'conflict'));
      this.#say(story, 'PRISM', event.atMs, `${place}; ${clash}`);
    }
  }

  #horizon(event: Extract<NodeEvent, { type: 'horizon' }>): void {
    for (const [key, story] of this.#stories) {
      if (story.commit === 0 || story.commit > event.index || story.decided < story.count) continue;
      const signers = event.signers.map((signer) => signer + 1).join(' ');
      const certificate = `quantum certificate over commit ${event.index}, signed by nodes ${signers}, ${bytes(event.bytes)}`;
      this.#say(story, 'HORIZON', event.atMs, `final after ${duration(event.atMs - story.beganMs)}: ${certificate}`);
      if (this.#telling.kind === 'sample') this.#terminal.line();
      this.#stories.delete(key);
      this.#told += 1;
    }
  }

  #notice(event: Extract<NodeEvent, { type: 'peer' | 'evidence' | 'alarm' | 'epoch' }>): void {
    const { paint } = this.#terminal;
    const say = (style: Style, text: string): void =>
      this.#terminal.line(paint.call(this.#terminal, style, harmless(text)));
    if (event.type === 'peer') say('grey', `${node(event.validator)} ${event.up ? 'connected' : 'is gone'}`);
    else if (event.type === 'evidence')
      say('red', `EQUIVOCATION: ${node(event.author)} signed two blocks of round ${event.round}`);
    else if (event.type === 'epoch') {
      this.#self = event.self ?? -1;
      const committee = event.validators.map(({ name, stake }) => `${name} (${stake})`).join(', ');
      say('magenta', `EPOCH ${event.epoch} begins behind commit ${event.index}, by stake: ${committee}`);
    } else say('red', `${event.fatal ? 'FATAL' : 'ALARM'} ${event.code}: ${event.message}`);
  }

  /** Null when this block is not told of. */
  #begin(block: BlockName, count: number, nowMs: number): Story | null {
    if (this.#telling.kind === 'sample') {
      const open = [...this.#stories.values()][0];
      if (open !== undefined && nowMs - open.beganMs < STORY_TIMEOUT_MS) return null;
      const sinceMs = nowMs - this.#lastBeganMs;
      const isTurn = (block.author === this.#self) !== this.#lastWasOwn;
      if (sinceMs < this.#telling.gapMs || (!isTurn && sinceMs < TURN_PATIENCE * this.#telling.gapMs)) return null;
      this.#stories.clear();
    }
    const oldest = this.#stories.keys().next();
    if (this.#stories.size >= MAX_STORIES && oldest.done !== true) this.#stories.delete(oldest.value);
    const story = { block, beganMs: nowMs, proposals: new Map<string, string>(), count, decided: 0, commit: 0 };
    this.#stories.set(keyOf(block), story);
    this.#lastBeganMs = nowMs;
    this.#lastWasOwn = block.author === this.#self;
    return story;
  }

  #say(story: Story, phase: Phase, atMs: number, text: string): void {
    const time = `+${Math.max(0, Math.round(atMs - story.beganMs))} ms`.padStart(9);
    const name = blockName(story.block).padEnd(9);
    this.#terminal.line(
      `${this.#terminal.paint('grey', time)}  ${name} ${this.#terminal.paint(PHASE_STYLES[phase], phase.padEnd(7))}  ${text}`,
    );
  }

  #details(story: Story, lines: readonly string[]): void {
    const indent = ' '.repeat(9 + 2 + 9 + 1 + 7 + 2 + 2);
    for (const line of lines.slice(0, MAX_DETAILS)) this.#terminal.line(`${indent}${line}`);
    if (lines.length > MAX_DETAILS)
      this.#terminal.line(`${indent}… and ${lines.length - MAX_DETAILS} more of ${blockName(story.block)}`);
  }

  #decision(story: Story, decision: DecisionReport): string {
    const style = DECISION_STYLES[decision.decision];
    const why = decision.reason === 'QUORUM' ? '' : ` (${decision.reason.toLowerCase()})`;
    const receipt = decision.receipt === 0 ? '' : `, execution failed: ${receiptName(decision.receipt)}`;
    const sure = decision.decision === 'EXPIRED' ? '' : `  ${confidence(decision.confidence)}`;
    const name = harmless(story.proposals.get(decision.id) ?? shortId(decision.id));
    return `${this.#terminal.paint(style, decision.decision.padEnd(8))}${sure}${why}${receipt}  ${name}`;
  }

  #verdict(approves: number, rejects: number, abstains: number): string {
    const parts: [Style, string, number][] = [
      [VERDICT_STYLES.APPROVE, 'APPROVE', approves],
      [VERDICT_STYLES.REJECT, 'REJECT', rejects],
      [VERDICT_STYLES.ABSTAIN, 'ABSTAIN', abstains],
    ];
    const given = parts.filter(([, , count]) => count > 0);
    const single = approves + rejects + abstains === 1;
    return given
      .map(([style, word, count]) => this.#terminal.paint(style, single ? word : `${word} ${count}`))
      .join(' ');
  }
}

export const DECISION_STYLES = {
  APPROVED: 'green',
  REJECTED: 'red',
  CONFLICT: 'yellow',
  EXPIRED: 'grey',
} as const satisfies Readonly<Record<DecisionReport['decision'], Style>>;

const VERDICT_STYLES = { APPROVE: 'green', REJECT: 'red', ABSTAIN: 'grey' } as const;

/** People count nodes from 1, as `pq node --node 1` does. */
function node(validator: number): string {
  return `node ${validator + 1}`;
}

/** Round and node, e.g. `r57·n2`. */
function blockName(block: BlockName): string {
  return `r${block.round}\u00b7n${block.author + 1}`;
}

function keyOf(block: BlockName): string {
  return `${block.round}/${block.author}/${block.digest}`;
}

function shortId(id: string): string {
  return `proposal ${id.slice(0, 8)}`;
}
