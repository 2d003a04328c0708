/**
 * Faults between real processes: `npm run test:faults [-- --scenario NAME] [--validators N] [--json FILE]`.
 *
 * Each scenario runs on a network of its own under load, with 4 validators and with 7 unless --validators says how many;
 * NAME is a scenario, or the beginning of several. Prints a table of what they showed; exits with 1 when one failed, and then
 * says where its logs are.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { thisMachine } from '../src/cli/summary.ts';
import { SCENARIOS } from '../test/faults/catalogue.ts';
import { reportOf } from '../test/faults/report.ts';
import { type Row, runScenario } from '../test/faults/scenario.ts';

const SIZES = [4, 7];
/** Proposals a second: what two cores carry beside the faults. */
const PER_SECOND: Readonly<Record<number, number>> = { 4: 20, 7: 10 };
const OTHERWISE_PER_SECOND = 5;

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: { scenario: { type: 'string' }, validators: { type: 'string' }, json: { type: 'string' } },
  });
  const wanted = SCENARIOS.filter(({ name }) => name.startsWith(values.scenario ?? ''));
  if (wanted.length === 0) {
    console.error(`There is no scenario ${values.scenario}; there are: ${SCENARIOS.map(({ name }) => name).join(' ')}`);
    return 2;
  }
  const sizes = values.validators === undefined ? SIZES : [Number(values.validators)];
  const rows: Row[] = [];
  const failures: string[] = [];
  for (const validators of sizes) {
    for (const scenario of wanted) {
      const folder = mkdtempSync(join(tmpdir(), `pq-faults-${scenario.name}-`));
      const perSecond = PER_SECOND[validators] ?? OTHERWISE_PER_SECOND;
      console.log(`${scenario.name} ×${validators}: ${scenario.what}`);
      try {
        rows.push(await runScenario(scenario, { validators, perSecond, folder }));
        rmSync(folder, { recursive: true });
      } catch (error) {
        failures.push(`${scenario.name} ×${validators}`);
        console.error(`FAILED  ${error instanceof Error ? (error.stack ?? error.message) : error}\nlogs: ${folder}`);
      }
    }
  }
  console.log(`\n${reportOf(rows).join('\n')}`);
  if (values.json !== undefined)
    writeFileSync(values.json, JSON.stringify({ machine: thisMachine(), rows, failures }, null, 2));
  console.log(
    failures.length === 0
      ? `\n${rows.length} passed, 0 failed`
      : `\n${rows.length} passed, ${failures.length} failed: ${failures.join(', ')}`,
  );
  return failures.length === 0 ? 0 : 1;
}

process.exitCode = await main();
