import type { Application, CheckResult } from '../app/application.ts';
import { createApplication as createNamed } from '../app/create.ts';
import { toHex } from '../core/bytes.ts';
import { chainIdOf, type Genesis } from '../core/genesis.ts';
import type { Execution } from '../core/io.ts';
import type { IdentifiedProposal } from '../core/types.ts';
import { PqError } from '../errors.ts';
import type { Kernels } from '../wasm/kernels.ts';
import type { NodeApplication } from './application.ts';
import type { ExecutionAnswer } from './driver.ts';

/** Hex digits of an id or account that people are shown. */
const SHORT_HEX = 8;

/** The application that a genesis document names, in its genesis state, as a node uses it. */
export function createApplication(genesis: Genesis, kernels: Kernels): NodeApplication {
  const application = createNamed(genesis.application.name, { kernels, chainId: chainIdOf(kernels, genesis) });
  application.initChain(genesis.application.state);
  return {
    keysOf: application.keys,
    checksAtOnce: application.checksAtOnce,
    check: (proposal) => {
      const result = application.checkTx(proposal);
      return result instanceof Promise ? result.then(problemOf) : problemOf(result);
    },
    describe: ({ proposal }) => application.describe(proposal),
    summary: (proposal) => summaryOf(application, proposal),
    snapshot: () => application.snapshot(),
    restore: (pieces, expected) => application.restore(pieces, expected),
    execute: (execution) => executeOn(application, execution),
  };
}

function problemOf(result: CheckResult): PqError | null {
  return result.ok ? null : new PqError(`PROPOSAL_${result.code}`, result.message);
}

function summaryOf(application: Application, { id, proposal }: IdentifiedProposal): string {
  const description = application.describe(proposal);
  if (description.kind === 'other') return `proposal ${toHex(id).slice(0, SHORT_HEX)}`;
  const { amount, to, origin } = description;
  const from = origin === '' ? '' : ` from ${origin}`;
  return `transfer ${amount} → ${to.slice(0, SHORT_HEX)}${from}`;
}

/** Executes what was approved, in decision order; everything else has receipt 0. */
function executeOn(application: Application, { index, timestampMs, decisions, proposals }: Execution): ExecutionAnswer {
  const approved = proposals.filter((_, i) => decisions[i]?.decision === 'APPROVED');
  const { receipts, stateRoot } = application.finalizeBlock({ index, timestampMs, approved });
  application.commit();
  let next = 0;
  return {
    stateRoot,
    receipts: decisions.map(({ decision }) => (decision === 'APPROVED' ? (receipts[next++] ?? 0) : 0)),
  };
}
