/** The same money spent twice, at two validators at once, while validators die and links break. */
import { SAMPLES } from '../../src/cli/records.ts';
import { type Tracked, transferBytes } from './load.ts';
import { lastOf, measureRecovery, restOf } from './recovery.ts';
import type { Scenario, Stage } from './scenario.ts';
import { lasting } from './until.ts';

const PAIRS = 40;
const PAIR_MS = 150;
/** Accounts that the load does not draw from. */
const PAYERS = 8;

/** Two transfers of one account with one nonce, to two payees, at two validators at the same time. */
export async function spendTwice({ cluster, load }: Stage, count: number): Promise<readonly [Tracked, Tracked]> {
  const from = count % PAYERS;
  const nonce = 1 + Math.floor(count / PAYERS);
  const { origin } = SAMPLES[0]!;
  const [one, two] = await Promise.all(
    [PAYERS, PAYERS + 1].map((to) => transferBytes(cluster, { from, to, nonce, origin })),
  );
  const first = count % cluster.size;
  const second = (first + 1 + (Math.floor(count / cluster.size) % (cluster.size - 1))) % cluster.size;
  return Promise.all([load.submit(first, one!), load.submit(second, two!)]);
}

/** Exactly one of each pair is approved; neither only where time ran out or the models said no. */
export function checkPairs(pairs: readonly (readonly [Tracked, Tracked])[]): string {
  const counts = { once: 0, never: 0 };
  for (const pair of pairs) {
    const decisions = pair.map(({ certified, refused }) => certified?.decision.decision ?? refused ?? 'open');
    const approved = decisions.filter((decision) => decision === 'APPROVED').length;
    if (approved > 1) throw new Error('the same money was spent twice');
    if (approved === 0 && decisions.includes('CONFLICT'))
      throw new Error(`a conflict with nothing: ${decisions.join(' ')}`);
    counts[approved === 1 ? 'once' : 'never'] += 1;
  }
  if (counts.once < pairs.length / 2)
    throw new Error(`of ${pairs.length} pairs only ${counts.once} were approved once`);
  return `${pairs.length} double spends: one of two approved in ${counts.once}, none in ${counts.never}, both in 0`;
}

export const DOUBLE_SPENDS: readonly Scenario[] = [
  {
    name: 'double-spend',
    what: 'double spends at two validators at once, while one is killed and another cut off',
    run: async (stage) => {
      const { cluster, load, note } = stage;
      const [killed] = lastOf(stage, 1) as [number];
      const cut = [0];
      const pairs: (readonly [Tracked, Tracked])[] = [];
      for (let count = 0; count < PAIRS; count++) {
        if (count === 10) await cluster.kill(killed);
        if (count === 15) cluster.launch(killed);
        if (count === 25) cluster.links.cut(cut, restOf(stage, cut));
        if (count === 30) cluster.links.mend();
        pairs.push(await spendTwice(stage, count));
        await lasting(PAIR_MS);
      }
      await measureRecovery(stage, [killed, ...cut]);
      await load.end();
      note(checkPairs(pairs));
    },
  },
];
