/**
 * Where lines for people go. This folder turns what happens into text: lines, tables, figures. It knows streams and
 * strings, and nothing of nodes or sessions.
 */

const SGR = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33, blue: 34, magenta: 35, cyan: 36, grey: 90 } as const;
export type Style = keyof typeof SGR;

/** Between two status lines where the terminal cannot repaint. Milliseconds. */
const PLAIN_STATUS_MS = 5000;

export interface TerminalStream {
  write(text: string): unknown;
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
}

/** Writes lines; repaints one status line below them on a real terminal, and says it now and then elsewhere. */
export class Terminal {
  readonly colored: boolean;
  readonly #stream: TerminalStream;
  readonly #isTty: boolean;
  #status = '';
  #saidMs = Number.NEGATIVE_INFINITY;

  /** Colours only on a terminal, and never with `NO_COLOR` (https://no-color.org) set to anything but nothing. */
  constructor(stream: TerminalStream, environment: Readonly<Record<string, string | undefined>>) {
    this.#stream = stream;
    this.#isTty = stream.isTTY === true;
    const noColor = (environment.NO_COLOR ?? '') !== '' || environment.TERM === 'dumb';
    this.colored = this.#isTty && !noColor;
  }

  /** Characters in a line. */
  get width(): number {
    return this.#isTty ? (this.#stream.columns ?? 100) : 120;
  }

  paint(style: Style, text: string): string {
    return this.colored ? `\u001b[${SGR[style]}m${text}\u001b[0m` : text;
  }

  line(text = ''): void {
    if (this.#status === '') this.#stream.write(`${text}\n`);
    else this.#stream.write(`\r\u001b[K${text}\n${this.#status}`);
  }

  /** Shows where a long work stands. `nowMs` is any monotonic clock. */
  status(text: string, nowMs: number): void {
    if (this.#isTty) {
      this.#status = shorten(text, this.width - 1);
      this.#stream.write(`\r\u001b[K${this.#status}`);
    } else if (nowMs - this.#saidMs >= PLAIN_STATUS_MS) {
      this.#saidMs = nowMs;
      this.#stream.write(`${text}\n`);
    }
  }

  /** Takes the status line away. */
  clearStatus(): void {
    if (this.#status !== '') this.#stream.write('\r\u001b[K');
    this.#status = '';
  }
}

/** Control characters made visible: what came from a peer or a file must not steer the terminal. */
export function harmless(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '\u00b7');
}

/** At most `width` characters; what is cut ends in an ellipsis. For text without colours. */
export function shorten(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, Math.max(0, width - 1))}\u2026`;
}
