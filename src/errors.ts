/**
 * The one error type of the project. Any folder may import this file; it imports nothing.
 *
 * Every error a person or a program can meet carries a stable `code` (tests assert codes, never messages), a message
 * that says what to do about it, and `data` for machines.
 */
export class PqError<Code extends string = string> extends Error {
  readonly code: Code;
  readonly data: Readonly<Record<string, unknown>>;

  constructor(code: Code, message: string, data: Readonly<Record<string, unknown>> = {}, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'PqError';
    this.code = code;
    this.data = data;
  }
}

/** True for a {@link PqError}, or one whose code is `code` if given. */
export function isPqError(error: unknown, code?: string): error is PqError {
  return error instanceof PqError && (code === undefined || error.code === code);
}
