import { createHash } from 'node:crypto';
import { toHex } from '../../src/core/bytes.ts';
import type { Execution } from '../../src/core/io.ts';
import type { IdentifiedProposal } from '../../src/core/types.ts';
import type { NodeApplication } from '../../src/node/application.ts';
import type { ExecutionAnswer } from '../../src/node/driver.ts';

/** Chains the bodies that it executes into its state root. Nothing conflicts, and nothing fails. */
export class EchoApplication implements NodeApplication {
  #root: Uint8Array = new Uint8Array(32);
  readonly executed: string[] = [];
  readonly keysOf = () => ({ wellFormed: true, keys: [] }) as const;

  readonly checksAtOnce = true;

  check() {
    return null;
  }
  describe({ proposal }: IdentifiedProposal) {
    return { kind: 'other', body: proposal.body } as const;
  }
  summary({ id }: IdentifiedProposal) {
    return `echo ${toHex(id).slice(0, 8)}`;
  }
  snapshot() {
    return { pieces: [this.#root, ...this.executed.map((hex) => Buffer.from(hex, 'hex'))], close: () => undefined };
  }
  restore(pieces: Iterable<Uint8Array>) {
    const [root, ...bodies] = pieces;
    this.#root = Uint8Array.from(root!);
    this.executed.push(...bodies.map(toHex));
  }
  execute({ decisions, proposals }: Execution): ExecutionAnswer {
    for (const [i, { decision }] of decisions.entries()) {
      if (decision !== 'APPROVED') continue;
      const { body } = proposals[i]!.proposal;
      this.#root = new Uint8Array(createHash('sha3-256').update(this.#root).update(body).digest());
      this.executed.push(toHex(body));
    }
    return { stateRoot: this.#root, receipts: decisions.map(() => 0) };
  }
}
