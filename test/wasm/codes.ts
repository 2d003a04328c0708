/** The code of the PqError that `act` throws; anything else thrown fails the test. */
import { isPqError } from '../../src/errors.ts';

export function codeOf(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    if (isPqError(error)) return error.code;
    throw error;
  }
  return 'nothing was thrown';
}
