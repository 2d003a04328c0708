/** Those who submit: they remember what was acknowledged and what they were told, and hold the network to it. */
import { buildTransfer } from '../app/payments-client.ts';
import { accountId } from '../app/payments-format.ts';
import { digestKey } from '../core/block.ts';
import { encodeProposal, identifyProposal } from '../core/proposal.ts';
import type { ProposalId } from '../core/types.ts';
import { UPGRADE_KIND, UPGRADE_VERSION, type Upgrade } from '../core/upgrade.ts';
import { encodeUpgrade } from '../core/upgrade-codec.ts';
import { type DecidedProposal, NO_COMMIT } from '../node/client-protocol.ts';
import type { Follower } from '../node/followers.ts';
import type { Invariants } from './invariants.ts';
import { BAD_ORIGIN, GOOD_ORIGIN } from './models.ts';
import type { Retention } from './retention.ts';
import type { SimValidator } from './validator.ts';
import type { SimWorld } from './world.ts';

/** One proposal at one validator. */
interface Submission {
  readonly id: ProposalId;
  readonly bytes: Uint8Array;
  readonly validator: SimValidator;
  readonly expiryMs: number;
  readonly submittedMs: number;
  acknowledged: boolean;
  /** What its client was told, and whether as certified. */
  told: { readonly index: number; readonly decision: string } | null;
  final: boolean;
}

export class Clients {
  readonly #world: SimWorld;
  readonly #invariants: Invariants;
  readonly #retention: Retention;
  readonly #submissions: Submission[] = [];
  #nonce = 0;
  #refused = 0;

  constructor(world: SimWorld, invariants: Invariants, retention: Retention) {
    this.#world = world;
    this.#invariants = invariants;
    this.#retention = retention;
  }

  get acknowledged(): number {
    return this.#submissions.filter(({ acknowledged }) => acknowledged).length;
  }
  get refused(): number {
    return this.#refused;
  }
  /** Acknowledged by a validator that can still be held to it, and not final. */
  get waiting(): number {
    return this.#waiting.length;
  }
  /** The same for people: where each of them hangs. */
  describeWaiting(): unknown[] {
    return this.#waiting.map(({ id, validator, told, expiryMs }) => ({
      validator: validator.index,
      answer: validator.node?.answer(id).state,
      agreed: this.#invariants.decisionOn(id),
      told,
      expiredForMs: this.#world.clock.nowMs - expiryMs,
    }));
  }

  get #waiting(): Submission[] {
    return this.#submissions.filter(({ acknowledged, final }) => acknowledged && !final);
  }

  /** Submits a new transfer at `first`; now and then the same bytes, or another one with the same nonce, at `second`. */
  async submitTransfer(first: SimValidator, second: SimValidator): Promise<void> {
    const { settings } = this.#world;
    const random = this.#world.streams.clients;
    this.#nonce += 1;
    const account = random.below(this.#world.accounts.length);
    const bytes = await this.#transfer(account, this.#nonce, 1);
    this.#send(first, bytes);
    if (random.chance(settings.clients.repeats)) this.#send(second, bytes);
    if (random.chance(settings.clients.doubleSpends)) {
      this.#send(second, await this.#transfer(account, this.#nonce, 2));
    }
  }

  submitUpgrade(validator: SimValidator, upgrade: Upgrade): void {
    const nothing = new Uint8Array(0);
    const bytes = encodeProposal({
      version: UPGRADE_VERSION,
      kind: UPGRADE_KIND,
      expiryMs: this.#expiryMs(),
      sender: nothing,
      body: encodeUpgrade(upgrade),
      signature: nothing,
    });
    this.#send(validator, bytes);
  }

  /** A validator is back: its clients ask again, and nothing that they were told may have changed. */
  returnTo(validator: SimValidator): void {
    for (const submission of this.#submissions) {
      if (submission.validator !== validator || !submission.acknowledged) continue;
      this.#recheck(submission);
      if (!submission.final) validator.node?.follow(submission.id, this.#followerOf(submission));
    }
  }

  /** At the end: what was told to have run out must never have been decided. */
  checkLapsed(): void {
    for (const { told, id, validator } of this.#submissions) {
      if (told?.index === NO_COMMIT && this.#invariants.decisionOn(id)) {
        this.#invariants.fail('SIM_LAPSED_AND_DECIDED', { validator: validator.index });
      }
    }
  }

  /** What this validator acknowledged was on the disk that it lost. */
  release(validator: SimValidator): void {
    for (const submission of this.#submissions) if (submission.validator === validator) submission.acknowledged = false;
  }

  async #transfer(account: number, nonce: number, amount: number): Promise<Uint8Array> {
    const { kernels, committee, accounts, settings, streams } = this.#world;
    const random = streams.clients;
    const expiryMs = this.#expiryMs();
    const receiver = accounts[(account + 1) % accounts.length]!;
    return buildTransfer({ kernels, chainId: committee.chainId, expiryMs }, accounts[account]!, {
      nonce,
      to: accountId(kernels, receiver.publicKey),
      amount,
      fee: 0,
      origin: random.chance(settings.clients.bad) ? BAD_ORIGIN : GOOD_ORIGIN,
    });
  }

  #expiryMs(): number {
    const { clock, settings, streams } = this.#world;
    return Math.floor(clock.nowMs + streams.clients.between(...settings.clients.expiryMs));
  }

  #send(validator: SimValidator, bytes: Uint8Array): void {
    const { node, life } = validator;
    if (!node) return;
    const { id, proposal } = identifyProposal(this.#world.kernels, bytes);
    const submission: Submission = {
      id,
      bytes,
      validator,
      expiryMs: proposal.expiryMs,
      submittedMs: this.#world.clock.nowMs,
      acknowledged: false,
      told: null,
      final: false,
    };
    this.#submissions.push(submission);
    // Answered later in virtual time, or never if the process dies first: nobody waits for it here.
    life.do(() => {
      node.submit([bytes]).then(
        ([result]) => {
          if (life.ended) return;
          if (!result?.taken) this.#refused += 1;
          else {
            submission.acknowledged = true;
            node.follow(id, this.#followerOf(submission));
          }
        },
        () => undefined,
      );
    });
  }

  #followerOf(submission: Submission): Follower {
    const { life } = submission.validator;
    return {
      decided: (index, decisions) => {
        for (const decided of decisions) {
          if (!life.ended && digestKey(decided.id) === digestKey(submission.id)) this.#told(submission, index, decided);
        }
      },
      certified: (index) => {
        const { told } = submission;
        if (life.ended || submission.final || !told || told.index > index) return;
        this.#finish(submission);
      },
    };
  }

  #told(submission: Submission, index: number, { decision, reason }: DecidedProposal): void {
    const { validator, told } = submission;
    const said = `${decision}/${reason}`;
    if (told && (told.decision !== said || told.index !== index)) {
      this.#invariants.fail('SIM_TOLD_OTHERWISE', { validator: validator.index, told, index, said });
    }
    submission.told = { index, decision: said };
    if (index === NO_COMMIT) this.#finish(submission);
    else this.#compare(submission);
  }

  #finish(submission: Submission): void {
    submission.final = true;
    const { promptMs } = this.#world.settings;
    const tookMs = this.#world.clock.nowMs - submission.submittedMs;
    if (promptMs !== null && tookMs > promptMs) {
      this.#invariants.fail('SIM_SLOW', { validator: submission.validator.index, tookMs, promptMs });
    }
  }

  #compare({ id, told, validator }: Submission): void {
    const agreed = this.#invariants.decisionOn(id);
    const said = agreed && `${agreed.decision.decision}/${agreed.decision.reason}`;
    if (told && (agreed?.index !== told.index || said !== told.decision)) {
      this.#invariants.fail('SIM_TOLD_WRONG', { validator: validator.index, told, agreed: said });
    }
  }

  /** What the validator answers now must be what its client was told before it went down. */
  #recheck(submission: Submission): void {
    const { validator, id, told, expiryMs } = submission;
    const answer = validator.node?.answer(id);
    if (!answer || told?.index === NO_COMMIT) return;
    if (answer.state === 'decided' || answer.state === 'certified') {
      const said = `${answer.decided.decision}/${answer.decided.reason}`;
      if (told && (told.index !== answer.index || told.decision !== said)) {
        this.#invariants.fail('SIM_TOLD_OTHERWISE', { validator: validator.index, told, index: answer.index, said });
      }
      return;
    }
    if (told && this.#retention.mayForget(validator.index, told.index, validator.heldCommits)) {
      submission.acknowledged = false;
      return;
    }
    if (told) return this.#invariants.fail('SIM_FORGOTTEN', { validator: validator.index, told });
    if (answer.state === 'pending') return;
    // It may have run out, and been settled, a moment before the end.
    if (this.#world.clock.nowMs > expiryMs - this.#world.settings.skewMs) submission.final = true;
    else this.#invariants.fail('SIM_LOST', { validator: validator.index });
  }
}
