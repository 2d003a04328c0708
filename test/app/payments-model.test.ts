import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type ReceiptName, receiptName } from '../../src/app/application.ts';
import { Payments } from '../../src/app/payments.ts';
import type { IdentifiedProposal } from '../../src/core/types.ts';
import { account, CHAIN_ID, changed, flipped, kernels, payments, registration, transfer } from './accounts.ts';

const BALANCES = [50, 20, 0];
/** Accounts 3 and 4 register on the way. */
const ACCOUNTS = [0, 1, 2, 3, 4].map(account);
const NONCES = [0, 1, 2, 1023, 1024, 1025, 2047, 5000];

interface Step {
  readonly do: 'transfer' | 'forged' | 'register';
  readonly from: number;
  readonly to: number;
  readonly nonce: number;
  readonly amount: number;
  readonly fee: number;
}

const step: fc.Arbitrary<Step> = fc.record({
  do: fc.constantFrom(
    'transfer' as const,
    'transfer' as const,
    'transfer' as const,
    'forged' as const,
    'register' as const,
  ),
  from: fc.nat(4),
  to: fc.nat(4),
  nonce: fc.constantFrom(...NONCES),
  amount: fc.nat(30),
  fee: fc.nat(3),
});
/** Commits of several steps. */
const history = fc.array(fc.array(step, { maxLength: 6 }), { maxLength: 8 });

const built = new Map<string, Promise<IdentifiedProposal>>();
function proposalOf(each: Step): Promise<IdentifiedProposal> {
  const name = JSON.stringify(each);
  if (!built.has(name)) built.set(name, build(each));
  return built.get(name)!;
}
async function build(each: Step): Promise<IdentifiedProposal> {
  const from = ACCOUNTS[each.from]!;
  if (each.do === 'register') return registration(from);
  const good = await transfer(from, ACCOUNTS[each.to]!, each);
  return each.do === 'forged' ? changed(good, { signature: flipped(good.proposal.signature) }) : good;
}

/** The rules once more, as plainly as possible. */
class Model {
  readonly balances = new Map(BALANCES.map((balance, number) => [number, balance]));
  readonly used = new Map<number, Set<number>>();
  fees = 0;

  run(each: Step): ReceiptName {
    const known = this.balances.has(each.from);
    if (each.do === 'register') {
      if (known) return 'ALREADY_REGISTERED';
      this.balances.set(each.from, 0);
      return 'OK';
    }
    if (!known) return 'UNKNOWN_ACCOUNT';
    const used = this.used.get(each.from) ?? new Set<number>();
    if (each.nonce < Math.max(1023, ...used) - 1023) return 'NONCE_TOO_OLD';
    if (used.has(each.nonce)) return 'NONCE_USED';
    if (!this.balances.has(each.to)) return 'UNKNOWN_RECIPIENT';
    if (this.balances.get(each.from)! < each.amount + each.fee) return 'INSUFFICIENT_BALANCE';
    if (each.do === 'forged') return 'BAD_SIGNATURE';
    this.balances.set(each.from, this.balances.get(each.from)! - each.amount - each.fee);
    this.balances.set(each.to, this.balances.get(each.to)! + each.amount);
    this.fees += each.fee;
    this.used.set(each.from, used.add(each.nonce));
    return 'OK';
  }
}

test('every history gives the receipts and balances of the model, conserves money, and uses no nonce twice', async () => {
  const run = fc.asyncProperty(history, async (commits) => {
    const { app } = payments(BALANCES);
    const model = new Model();
    const spent = new Set<string>();
    for (const [at, steps] of commits.entries()) {
      const approved = await Promise.all(steps.map(proposalOf));
      // Some signatures are known to be good before, most are not.
      if (at % 2 === 0) for (const each of approved) await app.checkTx(each);
      const { receipts } = app.finalizeBlock({ index: at + 1, timestampMs: at, approved });
      expect(receipts.map(receiptName)).toEqual(steps.map((each) => model.run(each)));
      for (const [i, each] of steps.entries()) {
        if (receipts[i] !== 0 || each.do === 'register') continue;
        const nonce = `${each.from}/${each.nonce}`;
        expect(spent.has(nonce)).toBe(false);
        spent.add(nonce);
      }
    }
    const all = app.ledger().accounts();
    expect(all.reduce((sum, each) => sum + each.balance, 0)).toBe(70);
    expect(all[0]!.balance).toBe(model.fees);
    for (const [number, { id }] of ACCOUNTS.entries()) {
      expect(app.ledger().account(id)?.balance).toBe(model.balances.get(number));
    }
  });
  await fc.assert(run, { numRuns: 60 });
});

test('the root and the snapshot depend on the history alone: not on commits, checks, restores or the way there', async () => {
  const run = fc.asyncProperty(history, fc.nat(8), async (commits, restart) => {
    const [straight, checked] = [payments(BALANCES).app, payments(BALANCES).app];
    let resumed = payments(BALANCES).app;
    for (const [at, steps] of commits.entries()) {
      const approved = await Promise.all(steps.map(proposalOf));
      const block = { index: at + 1, timestampMs: at, approved };
      for (const each of approved) await checked.checkTx(each);
      if (at === restart) {
        const snapshot = [...resumed.snapshot().pieces];
        resumed = new Payments({ kernels, chainId: CHAIN_ID });
        resumed.restore(snapshot);
      }
      const answers = [straight, checked, resumed].map((app) => app.finalizeBlock(block));
      for (const app of [straight, checked, resumed]) app.commit();
      expect(answers[1]).toEqual(answers[0]);
      expect(answers[2]).toEqual(answers[0]);
    }
    const pieces = [...straight.snapshot().pieces];
    expect([...checked.snapshot().pieces]).toEqual(pieces);
    expect([...resumed.snapshot().pieces]).toEqual(pieces);
    // The incremental root is the one of a tree built at once.
    const rebuilt = new Payments({ kernels, chainId: CHAIN_ID });
    rebuilt.restore(pieces, straight.info());
    expect(rebuilt.info()).toEqual(straight.info());
  });
  await fc.assert(run, { numRuns: 40 });
});
