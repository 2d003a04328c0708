/** Named numeric features per kind of data: log1p for sizes, fixed scaling, no clock, nothing fitted. */
import { PqError } from '../../errors.ts';
import type { DataKind, ProposalData } from '../proposals.ts';
import type { Extractor } from './extractor.ts';
import { partsOf } from './origin.ts';

type Feature<Kind extends DataKind> = (item: Extract<ProposalData, { kind: Kind }>) => number;
type FeatureTable = { readonly [Kind in DataKind]: Readonly<Record<string, Feature<Kind>>> };

/** Features of one model. */
const MAX_FEATURES = 4096;
/** Prefix of a feature that the ledger keeps, e.g. `behaviour.sent_count`. */
const BEHAVIOUR = 'behaviour.';

const count = (text: string, pattern: RegExp): number => (text.match(pattern) ?? []).length;

const FEATURES: FeatureTable = {
  block: {
    proposals_log1p: (item) => Math.log1p(item.proposals),
    payload_bytes_log1p: (item) => Math.log1p(item.payloadBytes),
    bytes_per_proposal_log1p: (item) => Math.log1p(item.payloadBytes / Math.max(1, item.proposals)),
  },
  transaction: {
    amount_log1p: (item) => Math.log1p(Number(item.amount)),
    fee_log1p: (item) => Math.log1p(Number(item.fee)),
    fee_share: (item) => (item.amount > 0n ? Math.min(1, Number(item.fee) / Number(item.amount)) : 0),
    is_self_transfer: (item) => Number(item.from === item.to),
    has_origin: (item) => Number(item.origin !== ''),
    origin_length: (item) => partsOf(item.origin).host.length / 64,
    origin_label_length: (item) => partsOf(item.origin).label.length / 32,
    origin_subdomains: (item) => partsOf(item.origin).subdomains.length / 4,
    origin_digits: (item) => count(partsOf(item.origin).host, /\d/g) / 8,
    origin_hyphens: (item) => count(partsOf(item.origin).host, /-/g) / 4,
    origin_is_idn: (item) => Number(partsOf(item.origin).host.includes('xn--')),
  },
  upgrade: {
    value_length_log1p: (item) => Math.log1p(item.value.length),
    description_length_log1p: (item) => Math.log1p(item.description.length),
  },
  security: {
    severity: (item) => item.severity / 10,
    description_length_log1p: (item) => Math.log1p(item.description.length),
  },
  dispute: { claim_length_log1p: (item) => Math.log1p(item.claim.length) },
  other: { body_length_log1p: (item) => Math.log1p(item.body.length) },
};

/** Names of the numeric features of a kind; a transaction has `behaviour.*` besides. */
export function numericFeatures(kind: DataKind): string[] {
  return Object.keys(FEATURES[kind]);
}

function featureNamed(kind: DataKind, name: string): (item: ProposalData) => number {
  if (kind === 'transaction' && name.startsWith(BEHAVIOUR) && name.length > BEHAVIOUR.length) {
    const key = name.slice(BEHAVIOUR.length);
    return (item) =>
      item.kind === 'transaction' && Object.hasOwn(item.behaviour ?? {}, key)
        ? (item.behaviour?.[key] ?? Number.NaN)
        : Number.NaN;
  }
  const table: Readonly<Record<string, unknown>> = FEATURES[kind];
  const feature = Object.hasOwn(table, name) ? table[name] : undefined;
  if (feature === undefined) {
    const known = numericFeatures(kind).join(', ');
    const more = kind === 'transaction' ? `, ${BEHAVIOUR}NAME` : '';
    throw new PqError('MODEL_FEATURE', `A ${kind} has no numeric feature "${name}": use ${known}${more}.`, {
      kind,
      name,
    });
  }
  // The table's entry for `kind` takes exactly items of that kind, and extract() passes no others.
  return feature as (item: ProposalData) => number;
}

/** One float tensor `features` with the named features in order. Throws `MODEL_FEATURE`. */
export function numericExtractor(kind: DataKind, names: readonly string[]): Extractor {
  if (names.length === 0 || names.length > MAX_FEATURES) {
    throw new PqError(
      'MODEL_FEATURE',
      `List between 1 and ${MAX_FEATURES} features, in the order the model was trained on.`,
      { count: names.length },
    );
  }
  const features = names.map((name) => featureNamed(kind, name));
  return {
    tensors: [{ name: 'features', type: 'float32', width: names.length }],
    extract: (item, row, out) => {
      const target = out[0];
      if (item.kind !== kind || target === undefined) return false;
      for (const [column, feature] of features.entries()) {
        const value = feature(item);
        if (!Number.isFinite(value)) return false;
        target[row * features.length + column] = value;
      }
      return true;
    },
  };
}
