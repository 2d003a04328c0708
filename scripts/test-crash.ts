/**
 * The crash rig: `npm run test:crash -- [--runs N] [--seed S] [--only POINT] [--validators N] [--json FILE]`.
 *
 * Kills a real node at named points between memory and disk, and at any instant, N times, and checks after each death what must
 * hold. Ends at the first thing that does not, with 1, and says how to do the same again and where what is left of the node lies.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { thisMachine } from '../src/cli/summary.ts';
import { plansOf } from '../test/crash/plans.ts';
import { nameOf } from '../test/crash/points.ts';
import { Rig } from '../test/crash/rig.ts';
import { Tally } from '../test/crash/table.ts';

const RUNS = 200;
/** The other one remembers what the one that is killed has said; neither can go on alone. */
const VALIDATORS = 2;
const REPORT_EVERY = 20;

async function main(): Promise<number> {
  const text = { type: 'string' } as const;
  const { values } = parseArgs({ options: { runs: text, seed: text, only: text, validators: text, json: text } });
  const [runs, seed] = [Number(values.runs ?? RUNS), Number(values.seed ?? Date.now() % 1_000_000)];
  const validators = Number(values.validators ?? VALIDATORS);
  const plans = plansOf(runs, seed, values.only);
  if (plans.length === 0 || !Number.isSafeInteger(seed) || !(validators >= 1)) {
    console.error('Give --runs, --seed and --validators numbers, and --only the beginning of a point.');
    return 2;
  }
  const folder = mkdtempSync(join(tmpdir(), 'pq-crash-'));
  const only = values.only === undefined ? '' : ` --only '${values.only}'`;
  const again = `npm run test:crash -- --runs ${runs} --seed ${seed} --validators ${validators}${only}`;
  console.log(`${again}\n`);
  const tally = new Tally();
  const rig = await Rig.start({ validators, folder });
  let failure: string | null = null;
  try {
    for (const [i, plan] of plans.entries()) {
      try {
        tally.add(plan, await rig.live(plan));
      } catch (error) {
        tally.add(plan, null);
        failure = `death ${i + 1}, ${nameOf(plan)}, time ${plan.time}: ${error instanceof Error ? (error.stack ?? error.message) : error}`;
        break;
      }
      if ((i + 1) % REPORT_EVERY === 0) console.log(`${i + 1} of ${runs} deaths`);
    }
    if (failure === null) await rig.end();
  } catch (error) {
    failure = `after the last death: ${error instanceof Error ? (error.stack ?? error.message) : error}`;
  } finally {
    await rig.close();
  }
  console.log(`\n${tally.lines.join('\n')}`);
  const { acknowledged, decided, signed } = rig.seen;
  console.log(`\n${acknowledged} proposals acknowledged, ${decided} decisions known, ${signed} rounds signed`);
  if (values.json !== undefined) {
    const report = { machine: thisMachine(), seed, validators, rows: tally.rows, seen: rig.seen, failure };
    writeFileSync(values.json, JSON.stringify(report, null, 2));
  }
  if (failure === null) {
    rmSync(folder, { recursive: true });
    console.log(`${plans.length} deaths, nothing lost, nothing signed twice`);
    return 0;
  }
  console.error(`\nFAILED  ${failure}\nwhat is left: ${folder}\nagain: ${again}`);
  return 1;
}

process.exitCode = await main();
