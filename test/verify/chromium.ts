/** Where a Chromium is on this machine. */
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];
const PLACES = ['/usr/bin', '/usr/local/bin', '/snap/bin', '/opt/google/chrome'];

/** `CHROMIUM` of the environment, else the first in the PATH or at the usual places; undefined: there is none. */
export function findChromium(): string | undefined {
  const named = process.env.CHROMIUM ?? '';
  if (named !== '') return named;
  const folders = [...(process.env.PATH ?? '').split(delimiter), ...PLACES];
  const candidates = folders.flatMap((folder) => NAMES.map((name) => join(folder, name)));
  return candidates.find((path) => existsSync(path));
}
