import type { CoreEvent } from '../core/events.ts';
import type { Store } from '../store/store.ts';
import type { Admission } from './admission.ts';
import type { Certificates } from './certificates.ts';
import type { Decisions } from './decisions.ts';
import type { Epochs } from './epochs.ts';
import type { EvidenceBook } from './evidence-book.ts';
import type { Log } from './log.ts';
import type { Reporter } from './reporter.ts';

export interface BookkeeperParts {
  readonly store: Pick<Store, 'settleProposals'>;
  readonly certificates: Pick<Certificates, 'add' | 'newestBytes' | 'store'>;
  readonly epochs: Pick<Epochs, 'close'>;
  readonly evidence: Pick<EvidenceBook, 'add'>;
  readonly admission: Pick<Admission, 'settle'>;
  readonly decisions: Pick<Decisions, 'executed' | 'certified' | 'lapsed'>;
  readonly reporter: Reporter;
  readonly log: Log;
  /** Something fatal happened in the core: nothing may be signed any more. */
  readonly onHalt: () => void;
}

/**
 * Draws the consequences of what the core reports. The core hands over a commit to be stored before it says that it is
 * executed, so the log never holds that a proposal is settled without the commit that settles it.
 */
export class Bookkeeper {
  readonly #parts: BookkeeperParts;

  constructor(parts: BookkeeperParts) {
    this.#parts = parts;
  }

  record(event: CoreEvent): void {
    const { log, onHalt } = this.#parts;
    this.#parts.reporter.report(event);
    switch (event.type) {
      case 'executed':
        return this.#executed(event);
      case 'certified':
        return this.#certified(event);
      case 'lapsed': {
        this.#settle([event.id]);
        return this.#parts.decisions.lapsed(event.id);
      }
      case 'alarm':
        log({ level: event.fatal ? 'error' : 'warn', code: event.code, message: event.message, data: event.data });
        return event.fatal ? onHalt() : undefined;
      case 'equivocation': {
        const { author, round } = event.first.ref;
        this.#parts.evidence.add(event.first, event.second);
        const message = `Validator ${author} signed two blocks of round ${round}: keep the evidence.`;
        return log({ level: 'warn', code: 'EQUIVOCATION', message, data: { author, round } });
      }
      case 'refused':
        // Nothing that a peer sent is logged above info, and of it only the code.
        return log({ level: 'info', code: 'REFUSED', message: event.code, data: { peer: event.peer } });
      case 'synced':
        return log({ level: 'info', code: 'SYNCED', message: `Caught up to commit ${event.index}.` });
      case 'epoch':
        return this.#epoch(event);
      case 'emitted':
      case 'accepted':
      case 'committed':
      case 'closing':
        return;
    }
  }

  /** The store has it already while history is re-run. */
  #epoch({ committee, certificate }: Extract<CoreEvent, { type: 'epoch' }>): void {
    const { epochs, certificates, log } = this.#parts;
    if (certificate === null) return;
    epochs.close({ certificate, members: committee });
    // The next one will be of another committee: what lies before must not be proven through it.
    certificates.store();
    const message = `Epoch ${committee.epoch} begins behind commit ${committee.origin.index}, with ${committee.size} validators.`;
    log({ level: 'info', code: 'EPOCH', message });
  }

  #executed({ commit, decisions, receipts }: Extract<CoreEvent, { type: 'executed' }>): void {
    if (decisions.length === 0) return;
    this.#settle(decisions.map(({ id }) => id));
    this.#parts.decisions.executed(commit.index, decisions, receipts);
  }

  #certified(event: Extract<CoreEvent, { type: 'certified' }>): void {
    const { certificates, reporter } = this.#parts;
    certificates.add(event);
    reporter.horizon(event, () => certificates.newestBytes().length);
    this.#parts.decisions.certified(event.index);
  }

  #settle(ids: readonly Uint8Array[]): void {
    this.#parts.store.settleProposals(ids);
    this.#parts.admission.settle(ids);
  }
}
