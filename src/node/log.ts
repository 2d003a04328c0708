/** One thing an operator may want to know. `code` is stable, `message` says what to do if anything. */
export interface LogLine {
  readonly level: 'info' | 'warn' | 'error';
  readonly code: string;
  readonly message: string;
  readonly data?: Readonly<Record<string, unknown>>;
}

export type Log = (line: LogLine) => void;

/** Warnings and errors as lines on stderr: what a node does when nobody gives it a log. */
export const stderrLog: Log = ({ level, code, message }) => {
  if (level !== 'info') process.stderr.write(`${level} ${code}: ${message}\n`);
};
