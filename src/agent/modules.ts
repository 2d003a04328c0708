/** Modules: checks of the operator's own that add their verdict to the model's, each with a weight. */
import { PqError } from '../errors.ts';
import { MAX_MODULE_WEIGHT, MAX_MODULES } from './limits.ts';
import { type BlockData, DATA_KINDS, type DataKind, type ProposalData } from './proposals.ts';

export interface ModuleContext {
  /** The block that the proposal stands in, if the caller said. */
  readonly block: BlockData | null;
  /** Time for all of the block's proposals, milliseconds; a module that takes longer is left out. */
  readonly deadlineMs: number;
}

export interface ModuleVerdict {
  readonly verdict: 'approve' | 'reject' | 'abstain';
  /** 0 … 10, against the model's 1. */
  readonly weight: number;
}

/** Judges one proposal. Runs in this process: it must not compute for long; waiting is fine. */
export type Module = (item: ProposalData, context: ModuleContext) => ModuleVerdict | Promise<ModuleVerdict>;

/** Weighted sums of what the modules said of one proposal. */
export interface ModuleSum {
  readonly weight: number;
  readonly rejectWeight: number;
}

const VERDICTS: readonly unknown[] = ['approve', 'reject', 'abstain'];

/** The model's p (NaN if it could not judge) and the modules' verdicts as a weighted mean; a verdict counts as p = 0 or 1. NaN without either. */
export function poolVerdicts(p: number, { weight, rejectWeight }: ModuleSum): number {
  if (!Number.isFinite(p)) return weight === 0 ? Number.NaN : rejectWeight / weight;
  return (p + rejectWeight) / (1 + weight);
}

interface Entry {
  readonly module: Module;
  /** What it is asked about. */
  readonly kinds: readonly DataKind[];
}

export class ModuleSet {
  readonly #modules = new Map<string, Entry>();
  #leftOut = 0;

  /** Verdicts not counted: thrown, malformed or late. */
  get leftOut(): number {
    return this.#leftOut;
  }

  /** Throws `MODULE_NAME` if the name is taken or there are too many. */
  add(name: string, module: Module, kinds: readonly DataKind[] = DATA_KINDS): void {
    if (this.#modules.has(name) || this.#modules.size >= MAX_MODULES) {
      throw new PqError(
        'MODULE_NAME',
        `Give each of at most ${MAX_MODULES} modules a name of its own; "${name}" cannot be added.`,
        { name },
      );
    }
    this.#modules.set(name, { module, kinds });
  }

  /** Asks every module about every item of its kinds, all at once; resolves within the context's deadline. Never rejects. */
  async ask(items: readonly ProposalData[], context: ModuleContext): Promise<ModuleSum[]> {
    const entries = [...this.#modules.values()];
    const modulesFor = ({ kind }: ProposalData) => entries.filter(({ kinds }) => kinds.includes(kind));
    const asked = items.map(modulesFor);
    if (asked.every((list) => list.length === 0)) return items.map(() => ({ weight: 0, rejectWeight: 0 }));
    let timer: NodeJS.Timeout | undefined;
    const timeout = new Promise<null>((resolve) => {
      timer = setTimeout(() => resolve(null), context.deadlineMs);
    });
    const askOne = async (module: Module, item: ProposalData): Promise<unknown> => {
      try {
        return await Promise.race([module(item, context), timeout]);
      } catch {
        // Counted below like any verdict that is none; a module's failure is not the model's.
        return null;
      }
    };
    const given = await Promise.all(
      items.map((item, i) => Promise.all(asked[i]!.map(({ module }) => askOne(module, item)))),
    );
    clearTimeout(timer);
    return given.map((verdicts) => this.#sum(verdicts));
  }

  #sum(verdicts: readonly unknown[]): ModuleSum {
    let weight = 0;
    let rejectWeight = 0;
    for (const given of verdicts) {
      const { verdict, weight: own } = (given ?? {}) as Partial<ModuleVerdict>;
      if (!VERDICTS.includes(verdict) || typeof own !== 'number' || !(own >= 0 && own <= MAX_MODULE_WEIGHT))
        this.#leftOut += 1;
      else if (verdict !== 'abstain') {
        weight += own;
        if (verdict === 'reject') rejectWeight += own;
      }
    }
    return { weight, rejectWeight };
  }
}
