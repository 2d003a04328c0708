/**
 * The figures of docs/models.md that the cards do not have: `node scripts/origin-report.ts`. How a committee of the four
 * models decides per source, how a model fares on a source it never saw, and what length alone would give.
 */
import { hostOf } from '../src/agent/features/origin.ts';
import { verdictOf } from '../src/agent/opinion.ts';
import { loadOrigins, type OriginRecord } from './origin-data.ts';
import { auc, committeeRates, outcomeOf } from './origin-metrics.ts';
import { ORIGIN_MODELS } from './origin-models.ts';
import { labelsOf, THRESHOLD, train } from './origin-train.ts';

const print = (text: string): void => {
  process.stdout.write(`${text}\n`);
};
const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;

function perSource(heldOut: readonly OriginRecord[], p: readonly (readonly number[])[]): void {
  const outcomes = heldOut.map((_, i) => outcomeOf(p.map((voter) => verdictOf(voter[i] ?? Number.NaN, THRESHOLD))));
  const keyOf = ({ source, label }: OriginRecord): string => `${source}, ${label === 1 ? 'phishing' : 'benign'}`;
  for (const key of new Set(heldOut.map(keyOf))) {
    const some = outcomes.filter((_, i) => keyOf(heldOut[i] as OriginRecord) === key);
    const share = (outcome: string): string => percent(some.filter((each) => each === outcome).length / some.length);
    print(
      `${key}: ${some.length} records, APPROVED ${share('APPROVED')}, REJECTED ${share('REJECTED')}, EXPIRED ${share('EXPIRED')}`,
    );
  }
}

/** Trains the first model without one benign source, then ranks that source's held-out records against held-out phishing. */
function unseenSources(records: readonly OriginRecord[]): void {
  const [spec] = ORIGIN_MODELS;
  if (spec === undefined) return;
  const benign = new Set(records.filter(({ label }) => label === 0).map(({ source }) => source));
  for (const unseen of benign) {
    const isUnseen = ({ source, label, split }: OriginRecord): boolean =>
      source === unseen && label === 0 && split !== 'test';
    const { p } = train(
      spec,
      records.filter((record) => !isUnseen(record)),
    );
    const heldOut = records.filter(({ split }) => split === 'test');
    const rows = heldOut
      .map((record, i) => ({ record, p: p[i] ?? Number.NaN }))
      .filter(({ record }) => record.label === 1 || record.source === unseen);
    const approved = rows.filter(({ record, p: own }) => record.label === 0 && own <= 1 - THRESHOLD).length;
    const total = rows.filter(({ record }) => record.label === 0).length;
    const ranked = auc(
      rows.map(({ p: own }) => own),
      labelsOf(rows.map(({ record }) => record)),
    );
    print(
      `${spec.name} without ${unseen}: AUC ${ranked.toFixed(3)} on it, approves ${percent(approved / total)} of it`,
    );
  }
}

function pairwise(p: readonly (readonly number[])[]): void {
  for (const [a, first] of p.entries()) {
    for (const [b, second] of p.entries()) {
      if (b <= a) continue;
      const differ = first.filter(
        (value, i) => verdictOf(value, THRESHOLD) !== verdictOf(second[i] ?? Number.NaN, THRESHOLD),
      ).length;
      print(
        `${ORIGIN_MODELS[a]?.name} and ${ORIGIN_MODELS[b]?.name} vote differently on ${percent(differ / first.length)}`,
      );
    }
  }
}

function main(): void {
  const records = loadOrigins();
  const heldOut = records.filter(({ split }) => split === 'test');
  const labels = labelsOf(heldOut);
  print(
    `length of the host alone: AUC ${auc(
      heldOut.map(({ origin }) => hostOf(origin).length),
      labels,
    ).toFixed(3)}`,
  );
  const trained = ORIGIN_MODELS.map((spec) => train(spec, records).p);
  print(`committee: ${JSON.stringify(committeeRates(trained, labels, THRESHOLD))}`);
  pairwise(trained);
  perSource(heldOut, trained);
  unseenSources(records);
}

main();
