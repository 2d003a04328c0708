/** CSV as RFC 4180 has it, with the position of every cell, so that an error can name it. */
import { UsageError } from './exit.ts';

/** Columns are counted in characters from 1, lines from 1. */
export interface Cell {
  readonly text: string;
  readonly line: number;
  readonly column: number;
}

/**
 * Rows of cells; empty lines are left out, so is a byte order mark. Throws `RECORD_QUOTE` for a quote that is not closed,
 * or text beside a quoted cell.
 */
export function parseCsv(text: string): Cell[][] {
  const scanner = new CsvScanner(text.startsWith('\uFEFF') ? text.slice(1) : text);
  const rows: Cell[][] = [];
  while (!scanner.done) {
    const row = scanner.row();
    if (row.length > 1 || row[0]!.text !== '') rows.push(row);
  }
  return rows;
}

class CsvScanner {
  readonly #text: string;
  #at = 0;
  #line = 1;
  #lineStart = 0;

  constructor(text: string) {
    this.#text = text;
  }

  get done(): boolean {
    return this.#at >= this.#text.length;
  }

  row(): Cell[] {
    const cells: Cell[] = [];
    do cells.push(this.#cell());
    while (this.#take(','));
    if (!this.done) this.#newline();
    return cells;
  }

  #cell(): Cell {
    const place = { line: this.#line, column: this.#at - this.#lineStart + 1 };
    if (this.#text[this.#at] !== '"') return { text: this.#bare().trim(), ...place };
    const text = this.#quoted(place);
    if (!this.done && !/[,\r\n]/.test(this.#text[this.#at]!)) refuse('There is text after a closing quote', place);
    return { text, ...place };
  }

  #bare(): string {
    const begin = this.#at;
    while (!this.done && !/[,\r\n]/.test(this.#text[this.#at]!)) this.#at += 1;
    return this.#text.slice(begin, this.#at);
  }

  #quoted(place: { line: number; column: number }): string {
    let text = '';
    this.#at += 1;
    for (;;) {
      if (this.done) refuse('A quote is never closed', place);
      const char = this.#text[this.#at]!;
      this.#at += 1;
      if (char === '"' && !this.#take('"')) return text;
      if (char === '\n') this.#nextLine();
      text += char;
    }
  }

  #take(char: string): boolean {
    if (this.#text[this.#at] !== char) return false;
    this.#at += 1;
    return true;
  }

  #newline(): void {
    this.#take('\r');
    this.#take('\n');
    this.#nextLine();
  }

  #nextLine(): void {
    this.#line += 1;
    this.#lineStart = this.#at;
  }
}

function refuse(what: string, place: { line: number; column: number }): never {
  throw new UsageError(
    'RECORD_QUOTE',
    `${what} (line ${place.line}, column ${place.column}): quote cells as RFC 4180 says.`,
    place,
  );
}
