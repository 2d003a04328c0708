/** The records that `pq client` reads: payments to be judged, from CSV, NDJSON, or a built-in handful. */
import { MAX_ORIGIN_BYTES } from '../app/payments-format.ts';
import { type Cell, parseCsv } from './csv.ts';
import { UsageError } from './exit.ts';

/** A payment to submit. What is left out is filled in by the client. */
export interface PaymentRecord {
  /** The web origin that asked for the payment: what the origin models judge. */
  readonly origin: string;
  /** True: should be rejected. Only for the summary; it is never sent. */
  readonly positive?: boolean;
  /** Number of a development account. */
  readonly from?: number;
  /** Number of a development account. */
  readonly to?: number;
  readonly amount?: number;
  /** Where it stands in its file. */
  readonly line: number;
}

export const MAX_RECORDS = 100_000;
export const MAX_RECORDS_BYTES = 64 * 1024 * 1024;

const COLUMNS = ['origin', 'label', 'from', 'to', 'amount'] as const;
type Column = (typeof COLUMNS)[number];

const POSITIVE = new Set(['1', 'true', 'phishing', 'reject', 'bad', 'positive']);
const NEGATIVE = new Set(['0', 'false', 'benign', 'approve', 'good', 'negative']);

/** Five ordinary origins, five in the manner of phishing. Made up under reserved names (RFC 2606): nobody owns them, and no model was tested on them. */
export const SAMPLES: readonly PaymentRecord[] = [
  'https://shop.example',
  'https://library.example.org',
  'https://docs.example.net',
  'https://bank.example.com',
  'https://weather.example',
  'https://metamask-wallet-restore.example',
  'https://claim-airdrop-uniswap-v3.example',
  'https://secure-login-verify-coinbase.example',
  'https://opensea-nft-free-mint.example',
  'https://walletconnect-dapp-sync.example',
].map((origin, i) => ({ origin, line: i + 1 }));

/**
 * All records of a text, which is NDJSON if its first character is `{`, else CSV: `origin` or `origin,label` without a
 * header, or any of origin, label, from, to, amount under a header. Everything is checked before the first is returned.
 * Throws `RECORD_…` with the line and the column.
 */
export function parseRecords(text: string): PaymentRecord[] {
  const records = /^\uFEFF?\s*\{/.test(text) ? parseNdjson(text) : parseTable(text);
  if (records.length === 0)
    throw new UsageError(
      'RECORD_NONE',
      'There is not one record: give a CSV or NDJSON file with an origin on each line.',
    );
  return records;
}

function parseTable(text: string): PaymentRecord[] {
  const rows = parseCsv(text);
  requireCount(rows.length - 1);
  const first = rows[0];
  if (first === undefined) return [];
  const hasHeader = first.some((cell) => cell.text.toLowerCase() === 'origin');
  const columns = hasHeader ? first.map(columnOf) : COLUMNS.slice(0, 2);
  if (!hasHeader && first.length > columns.length) {
    refuse('RECORD_HEADER', 'With more columns than origin and label the first line must name them', first[0]!);
  }
  requireDistinct(columns, first);
  return rows.slice(hasHeader ? 1 : 0).map((row) => recordOf(columns, row, hasHeader));
}

function columnOf(cell: Cell): Column {
  const column = COLUMNS.find((name) => name === cell.text.toLowerCase());
  return (
    column ??
    refuse('RECORD_HEADER', `There is no column ${JSON.stringify(cell.text)}; known are ${COLUMNS.join(', ')}`, cell)
  );
}

function requireDistinct(columns: readonly Column[], header: readonly Cell[]): void {
  columns.forEach((column, i) => {
    if (columns.indexOf(column) !== i) refuse('RECORD_HEADER', `The column ${column} is there twice`, header[i]!);
  });
}

function recordOf(columns: readonly Column[], row: readonly Cell[], exact: boolean): PaymentRecord {
  const last = row.at(-1)!;
  if (row.length > columns.length)
    refuse('RECORD_COLUMNS', `A row has ${row.length} cells where ${columns.length} are due`, row[columns.length]!);
  if (exact && row.length < columns.length)
    refuse('RECORD_COLUMNS', `A row has ${row.length} cells where ${columns.length} are due`, last);
  const cells = new Map(row.map((cell, i) => [columns[i]!, cell]));
  const missing = { text: '', line: last.line, column: last.column };
  return toRecord((column) => cells.get(column), missing);
}

function parseNdjson(text: string): PaymentRecord[] {
  const records: PaymentRecord[] = [];
  text.split('\n').forEach((raw, i) => {
    const line = raw.replace(/^\uFEFF/, '');
    if (line.trim() === '') return;
    requireCount(records.length);
    records.push(jsonRecord(line, i + 1));
  });
  return records;
}

function jsonRecord(text: string, line: number): PaymentRecord {
  const place = { text, line, column: 1 };
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    refuse('RECORD_JSON', 'A line is not JSON', place);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    refuse('RECORD_JSON', 'A line is not a JSON object', place);
  const fields = new Map(Object.entries(value));
  for (const key of fields.keys()) {
    if (!COLUMNS.some((name) => name === key))
      refuse(
        'RECORD_HEADER',
        `There is no field ${JSON.stringify(key)}; known are ${COLUMNS.join(', ')}`,
        at(place, key),
      );
  }
  return toRecord((column) => {
    const field: unknown = fields.get(column);
    if (field === undefined || field === null) return undefined;
    if (typeof field === 'object')
      refuse('RECORD_JSON', `The field ${column} must be a text, a number or a truth value`, at(place, column));
    return { text: String(field), line, column: at(place, column).column };
  }, place);
}

/** The place of a field in its line, as good as it can be told. */
function at(place: Cell, key: string): Cell {
  return { ...place, column: place.text.indexOf(`"${key}"`) + 1 };
}

function toRecord(cellOf: (column: Column) => Cell | undefined, missing: Cell): PaymentRecord {
  const origin = cellOf('origin');
  if (origin === undefined || origin.text === '') refuse('RECORD_ORIGIN', 'A record has no origin', origin ?? missing);
  if (Buffer.byteLength(origin.text) > MAX_ORIGIN_BYTES) {
    refuse('RECORD_ORIGIN', `An origin is longer than ${MAX_ORIGIN_BYTES} bytes`, origin);
  }
  if (/[\s\p{Cc}]/u.test(origin.text) || !origin.text.isWellFormed())
    refuse('RECORD_ORIGIN', 'An origin holds blanks or control characters', origin);
  const label = cellOf('label');
  const from = cellOf('from');
  const to = cellOf('to');
  const amount = cellOf('amount');
  return {
    origin: origin.text,
    line: origin.line,
    ...(isGiven(label) ? { positive: labelOf(label) } : {}),
    ...(isGiven(from) ? { from: integerOf(from, 'an account number', 0) } : {}),
    ...(isGiven(to) ? { to: integerOf(to, 'an account number', 0) } : {}),
    ...(isGiven(amount) ? { amount: integerOf(amount, 'an amount', 1) } : {}),
  };
}

function isGiven(cell: Cell | undefined): cell is Cell {
  return cell !== undefined && cell.text !== '';
}

function labelOf(cell: Cell): boolean {
  const text = cell.text.toLowerCase();
  if (POSITIVE.has(text)) return true;
  if (NEGATIVE.has(text)) return false;
  return refuse(
    'RECORD_LABEL',
    `${JSON.stringify(cell.text)} is no label; write 1 for what should be rejected, 0 for the rest`,
    cell,
  );
}

function integerOf(cell: Cell, what: string, min: number): number {
  const value = /^\d{1,16}$/.test(cell.text) ? Number(cell.text) : Number.NaN;
  if (!Number.isSafeInteger(value) || value < min)
    refuse('RECORD_NUMBER', `${JSON.stringify(cell.text)} is not ${what} (a whole number from ${min})`, cell);
  return value;
}

function requireCount(count: number): void {
  if (count >= MAX_RECORDS)
    throw new UsageError('RECORD_MANY', `A file may hold ${MAX_RECORDS} records: split it.`, { limit: MAX_RECORDS });
}

function refuse(code: string, what: string, cell: Cell): never {
  const { line, column } = cell;
  throw new UsageError(code, `${what} (line ${line}, column ${column}). Nothing was submitted.`, { line, column });
}
