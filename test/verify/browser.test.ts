import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { toHex } from '../../src/core/bytes.ts';
import { decodeCertificate, encodeCertificate } from '../../src/core/certificate.ts';
import { decodeProof, encodeProof } from '../../src/core/proof.ts';
import type { Certificate } from '../../src/core/types.ts';
import { isPqError } from '../../src/errors.ts';
import { Verifier } from '../../src/verify/verifier.ts';
import { loadKernels } from '../../src/wasm/load.ts';
import { certified, makeNetwork, submit } from '../node/network.ts';
import { proposalOf } from '../node/test-validator.ts';
import { signedGenesis, signedProof } from '../support/signed.ts';
import { findChromium } from './chromium.ts';
import { WebPage } from './web-page.ts';

const CHROMIUM = findChromium();
const TITLE =
  CHROMIUM === undefined ? 'in a browser (SKIPPED: no Chromium found; set CHROMIUM to its path)' : 'in Chromium';
/** Whoever starts it as root must say that it runs without a sandbox; it loads our own page only. */
const ARGS = process.getuid?.() === 0 ? ['--no-sandbox'] : [];
/** Makes V8 believe that the processor has no SSE 4.1, without which it has no SIMD in WebAssembly. */
const NO_SIMD = '--js-flags=--no-enable-sse4-1';

type What = 'certificate' | 'proof';

/** What is shown, or the code of the refusal, by the same files in Node. */
async function inNode(genesis: unknown, what: What, bytes: Uint8Array, id?: string): Promise<unknown> {
  try {
    const verifier = new Verifier(loadKernels(), genesis);
    return what === 'proof' ? await verifier.verifyProof(bytes, id) : await verifier.verifyCertificate(bytes);
  } catch (error) {
    if (isPqError(error)) return { code: error.code };
    throw error;
  }
}

async function inPage(page: Page, genesis: unknown, what: What, bytes: Uint8Array, id?: string): Promise<unknown> {
  const args = [genesis, what, toHex(bytes), id ?? null].map((value) => JSON.stringify(value)).join();
  return page.evaluate(`check(${args.replace(/,null$/, '')})`);
}

function flipped(bytes: Uint8Array, at: number): Uint8Array {
  const changed = Uint8Array.from(bytes);
  changed[at]! ^= 1;
  return changed;
}

function withoutLastSigner(certificate: Certificate): Certificate {
  return { ...certificate, entries: certificate.entries.slice(0, 2) };
}

describe.skipIf(CHROMIUM === undefined)(TITLE, () => {
  let web: WebPage;
  const browsers: Browser[] = [];

  /** A page that has loaded the verifier, and the URLs of everything that it asked for. */
  async function open(...args: readonly string[]): Promise<{ page: Page; urls: string[] }> {
    const browser = await chromium.launch({ executablePath: CHROMIUM!, args: [...ARGS, ...args] });
    browsers.push(browser);
    const context = await browser.newContext();
    const urls: string[] = [];
    context.on('request', (request) => urls.push(request.url()));
    const page = await context.newPage();
    page.on('websocket', (socket) => urls.push(socket.url()));
    await page.goto(web.origin);
    await page.waitForFunction('globalThis.ready === true');
    return { page, urls };
  }

  beforeAll(async () => {
    web = await WebPage.serve();
  });
  afterAll(async () => {
    await Promise.all(browsers.map((browser) => browser.close()));
    await web.close();
  });

  it('verifies what real validators certified, refuses all else with the codes of Node, and asks nobody', async () => {
    const network = await makeNetwork(4);
    const [node] = await network.startAll(0, 1, 2, 3);
    const ids = await submit(node!, [proposalOf(1, 1), proposalOf(0xff, 2), proposalOf(3)]);
    const decided = await certified(node!, ids);
    const proofs = ids.map((id) => node!.proof(id));
    const certificate = node!.certificate(0);
    const { genesis } = network;
    const { page, urls } = await open();

    const both = async (what: What, bytes: Uint8Array, document: unknown = genesis, id?: string): Promise<unknown> => {
      const shown = await inPage(page, document, what, bytes, id);
      expect(shown).toEqual(await inNode(document, what, bytes, id));
      return shown;
    };
    expect(await both('certificate', certificate)).toMatchObject({ chainName: 'test', quorum: 3, totalStake: 4 });
    for (const [i, proof] of proofs.entries()) {
      const { decision, confidence } = decided[i]!;
      const id = toHex(ids[i]!);
      expect(await both('proof', proof, genesis, id)).toMatchObject({ decision: { id, decision, confidence } });
    }

    expect(await both('proof', proofs[0]!, genesis, toHex(ids[1]!))).toEqual({ code: 'PROOF_ID' });
    for (const [what, bytes] of [
      ['certificate', certificate],
      ['proof', proofs[1]!],
    ] as const) {
      // Offsets, hashes, votes, the last signature, the siblings: whatever a flip meets.
      for (let at = 0; at < bytes.length; at += 311) {
        const code = expect.stringMatching(/^(?:SSZ|LEAF|PROOF|CERTIFICATE)_/);
        expect(await both(what, flipped(bytes, at)), `byte ${at} of a ${what}`).toEqual({ code });
      }
      expect(await both(what, bytes.subarray(1))).toEqual({ code: 'SSZ_OFFSET' });
      expect(await both(what, bytes, { ...genesis, chainName: 'other' })).toEqual({ code: 'CERTIFICATE_CHAIN' });
      expect(await both(what, bytes, { ...genesis, more: 1 })).toEqual({ code: 'GENESIS_FIELD' });
    }
    const held = decodeCertificate(certificate);
    const forged = held.entries.map((entry, i) =>
      i === 0 ? { ...entry, signature: flipped(entry.signature, 99) } : entry,
    );
    expect(await both('certificate', encodeCertificate({ ...held, entries: forged }))).toEqual({
      code: 'CERTIFICATE_SIGNATURE',
    });
    const tooFew = withoutLastSigner(held);
    expect(await both('certificate', encodeCertificate(tooFew))).toEqual({ code: 'CERTIFICATE_STAKE' });
    const proof = decodeProof(proofs[0]!);
    const weak = { ...proof, certificate: withoutLastSigner(proof.certificate) };
    expect(await both('proof', encodeProof(weak))).toEqual({ code: 'CERTIFICATE_STAKE' });
    const other = { ...proof, decided: { ...proof.decided, decision: 'REJECTED' as const } };
    expect(await both('proof', encodeProof(other))).toEqual({ code: 'PROOF_ROOT' });

    expect(urls.length).toBeGreaterThan(5);
    expect(urls.filter((url) => !url.startsWith(`${web.origin}/`))).toEqual([]);
    // Nothing of the node, and one core.
    const folders = new Set(web.requested.map((path) => /^\/package\/(\w+)\//.exec(path)?.[1]));
    expect(folders).toEqual(new Set([undefined, 'core', 'verify', 'wasm']));
    expect(new Set(web.requested.filter((path) => path.endsWith('.wasm')))).toEqual(new Set(['/package/core.wasm']));
    expect(await page.evaluate('kernelsName()')).toBe('wasm');
  });

  it.runIf(process.arch === 'x64')('takes the scalar core where there is no SIMD', async () => {
    const { page } = await open(NO_SIMD);
    expect(await page.evaluate('kernelsName()')).toBe('wasm-scalar');
    const bytes = encodeProof(await signedProof(1, 3));
    const shown = await inPage(page, signedGenesis, 'proof', bytes);
    expect(shown).toMatchObject({ decision: { decision: 'REJECTED' }, commit: { index: 7 } });
    expect(shown).toEqual(await inNode(signedGenesis, 'proof', bytes));
    expect(await inPage(page, signedGenesis, 'proof', flipped(bytes, bytes.length - 1))).toEqual({
      code: 'PROOF_ROOT',
    });
  });
});
