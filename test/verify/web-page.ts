/** The built package behind a small HTTP server of the loopback, and a page that loads its verifier as an ES module. */
import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const TYPES: Readonly<Record<string, string>> = { '.js': 'text/javascript', '.wasm': 'application/wasm' };
/** Modules and requests to this server alone; no text becomes code. */
const POLICY = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self'";

const PAGE = '<!doctype html><title>verifier</title><script type="module" src="/page.js"></script>';
/** What the test calls: `check` answers with what is shown, or with the code of the refusal. */
const PAGE_SCRIPT = `
import { isPqError, openVerifier } from '/package/verify.js';
import { openKernels } from '/package/wasm.js';
const bytesOf = (hex) => Uint8Array.from(hex.match(/../g) ?? [], (pair) => parseInt(pair, 16));
globalThis.check = async (genesis, what, hex, id) => {
  try {
    const verifier = await openVerifier(genesis);
    const bytes = bytesOf(hex);
    return what === 'proof' ? await verifier.verifyProof(bytes, id) : await verifier.verifyCertificate(bytes);
  } catch (error) {
    return isPqError(error) ? { code: error.code } : { failed: String(error) };
  }
};
globalThis.kernelsName = async () => (await openKernels()).name;
globalThis.ready = true;
`;

export class WebPage {
  readonly #server: Server;
  readonly #folder: string;
  /** Paths asked for, in order. */
  readonly requested: string[] = [];

  private constructor(folder: string) {
    this.#folder = folder;
    this.#server = createServer((request, response) => {
      const path = new URL(request.url ?? '/', 'http://localhost').pathname;
      this.requested.push(path);
      const answer = this.#answer(path);
      if (answer === undefined) response.writeHead(404).end();
      else response.writeHead(200, { 'content-type': answer.type, 'content-security-policy': POLICY }).end(answer.body);
    });
  }

  /** Compiles the package into a folder of its own and serves it. */
  static async serve(): Promise<WebPage> {
    const folder = mkdtempSync(join(tmpdir(), 'pq-web-'));
    const tsc = join(ROOT, 'node_modules/typescript/bin/tsc');
    execFileSync(process.execPath, [tsc, '-p', join(ROOT, 'tsconfig.build.json'), '--outDir', folder], { cwd: ROOT });
    for (const name of ['core.wasm', 'core.scalar.wasm']) copyFileSync(join(ROOT, 'build', name), join(folder, name));
    const page = new WebPage(folder);
    page.#server.listen(0, '127.0.0.1');
    await new Promise((resolve) => page.#server.once('listening', resolve));
    return page;
  }

  get origin(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
    rmSync(this.#folder, { recursive: true });
  }

  #answer(path: string): { readonly type: string; readonly body: string | Uint8Array } | undefined {
    if (path === '/') return { type: 'text/html', body: PAGE };
    if (path === '/page.js') return { type: 'text/javascript', body: PAGE_SCRIPT };
    if (!path.startsWith('/package/')) return undefined;
    const file = join(this.#folder, normalize(path.slice('/package'.length)));
    const type = TYPES[extname(file)];
    if (type === undefined || !existsSync(file) || !statSync(file).isFile()) return undefined;
    return { type, body: readFileSync(file) };
  }
}
