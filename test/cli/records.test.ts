import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseCsv } from '../../src/cli/csv.ts';
import { exitCodeOf } from '../../src/cli/exit.ts';
import { MAX_RECORDS, parseRecords, SAMPLES } from '../../src/cli/records.ts';
import { isPqError } from '../../src/errors.ts';

/** Code, line and column of the refusal. */
function refusalOf(text: string): unknown[] {
  try {
    parseRecords(text);
  } catch (error) {
    if (!isPqError(error)) throw error;
    expect(exitCodeOf(error)).toBe(2);
    return [error.code, error.data.line, error.data.column];
  }
  return ['none'];
}

describe('CSV', () => {
  it('has quotes, commas and newlines in cells, CRLF, empty lines and a byte order mark', () => {
    const rows = parseCsv('\uFEFFa,"b ""x"", c"\r\n\r\n"two\nlines", d \n,');
    expect(rows.map((row) => row.map((cell) => cell.text))).toEqual([
      ['a', 'b "x", c'],
      ['two\nlines', 'd'],
      ['', ''],
    ]);
    expect(rows.map((row) => row.map((cell) => [cell.line, cell.column]))).toEqual([
      [
        [1, 1],
        [1, 3],
      ],
      [
        [3, 1],
        [4, 8],
      ],
      [
        [5, 1],
        [5, 2],
      ],
    ]);
  });

  it('reads back any cells that are quoted', () => {
    const cells = fc.array(fc.array(fc.string(), { minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(cells, (rows) => {
        const text = rows.map((row) => row.map((cell) => `"${cell.replaceAll('"', '""')}"`).join(',')).join('\n');
        const isBlank = (row: readonly string[]): boolean => row.length === 1 && row[0] === '';
        expect(parseCsv(text).map((row) => row.map((cell) => cell.text))).toEqual(rows.filter((row) => !isBlank(row)));
      }),
    );
  });

  it('gives rows or a code for any text', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom('"', ',', '\n', '\r', 'a', ' ') }), (text) => {
        try {
          parseCsv(text);
        } catch (error) {
          expect(isPqError(error, 'RECORD_QUOTE')).toBe(true);
        }
      }),
    );
  });
});

describe('records', () => {
  it('come from CSV without a header', () => {
    expect(parseRecords('a.example\nb.example,1\nc.example,benign\n')).toEqual([
      { origin: 'a.example', line: 1 },
      { origin: 'b.example', positive: true, line: 2 },
      { origin: 'c.example', positive: false, line: 3 },
    ]);
  });

  it('come from CSV with a header, in any order of columns', () => {
    expect(parseRecords('From,to,AMOUNT,origin\n0,2,100,a.example\n1,,,b.example\n')).toEqual([
      { origin: 'a.example', from: 0, to: 2, amount: 100, line: 2 },
      { origin: 'b.example', from: 1, line: 3 },
    ]);
  });

  it('come from NDJSON', () => {
    expect(parseRecords('{"origin":"a.example","label":1}\n\n{"origin":"b.example","amount":5}\n')).toEqual([
      { origin: 'a.example', positive: true, line: 1 },
      { origin: 'b.example', amount: 5, line: 3 },
    ]);
  });

  it.each([
    ['', ['RECORD_NONE', undefined, undefined]],
    ['origin,label\n', ['RECORD_NONE', undefined, undefined]],
    ['origin,label\na.example,maybe\n', ['RECORD_LABEL', 2, 11]],
    ['origin,label\na.example\n', ['RECORD_COLUMNS', 2, 1]],
    ['origin,label\na.example,1,2\n', ['RECORD_COLUMNS', 2, 13]],
    ['origin,colour\na.example,1\n', ['RECORD_HEADER', 1, 8]],
    ['origin,origin\na.example,1\n', ['RECORD_HEADER', 1, 8]],
    ['a.example,1,2,3\n', ['RECORD_HEADER', 1, 1]],
    ['origin,amount\na.example,1\nb.example,-1\n', ['RECORD_NUMBER', 3, 11]],
    ['origin,amount\na.example,99999999999999999\n', ['RECORD_NUMBER', 2, 11]],
    ['a.example,0\n,1\n', ['RECORD_ORIGIN', 2, 1]],
    ['a.example\nb c.example\n', ['RECORD_ORIGIN', 2, 1]],
    ['a.example\n"b', ['RECORD_QUOTE', 2, 1]],
    [`${'x'.repeat(600)}\n`, ['RECORD_ORIGIN', 1, 1]],
    ['{"origin":"a"}\n{"origin":', ['RECORD_JSON', 2, 1]],
    ['{"origin":"a"}\n[1]', ['RECORD_JSON', 2, 1]],
    ['{"origin":"a", "colour":1}', ['RECORD_HEADER', 1, 16]],
    ['{"origin":["a"]}', ['RECORD_JSON', 1, 2]],
    ['{"label":1}', ['RECORD_ORIGIN', 1, 1]],
  ])('of %j are refused', (text, refusal) => {
    expect(refusalOf(text)).toEqual(refusal);
  });

  it('are bounded in number', () => {
    expect(refusalOf('a\n'.repeat(MAX_RECORDS + 1))[0]).toBe('RECORD_MANY');
    expect(parseRecords('a\n'.repeat(1000)).length).toBe(1000);
  });

  it('are ten when nothing else is given', () => {
    expect(SAMPLES.length).toBe(10);
    const text = SAMPLES.map(({ origin }) => origin).join('\n');
    expect(parseRecords(text)).toEqual(SAMPLES);
  });
});
