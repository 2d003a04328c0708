/** `pq verify FILE --genesis FILE`: checks a certificate or a proof with nothing but the two files. No node, no network. */
import type { Command } from 'commander';
import { receiptName } from '../app/application.ts';
import { EPOCH_CHAIN_FIXED_BYTES } from '../core/epoch-chain.ts';
import { PROOF_FIXED_BYTES } from '../core/proof.ts';
import { isPqError, PqError } from '../errors.ts';
import { type VerifiedCommit, type VerifiedDecision, type VerifiedEquivocation, Verifier } from '../verify/verifier.ts';
import { loadKernels } from '../wasm/load.ts';
import { MAX_CHAIN_BYTES } from './epochs.ts';
import { EXIT, type ExitCode } from './exit.ts';
import { readBounded } from './files.ts';
import { readGenesis } from './network.ts';
import { confidence as sure } from './ui/format.ts';
import { harmless, Terminal } from './ui/terminal.ts';

const MAX_CERTIFICATE_BYTES = 4 * 1024 * 1024;

/** What a valid certificate or proof shows, as `--json` prints it. Hashes are hex. */
export type VerifiedReport = (VerifiedCommit | VerifiedDecision) & {
  readonly verified: true;
  /** Of the file's content. */
  readonly bytes: number;
};

export interface RefusedReport {
  readonly verified: false;
  readonly code: string;
  readonly reason: string;
}

interface VerifyOptions {
  readonly genesis: string;
  readonly epochs?: string;
  readonly id?: string;
  readonly evidence?: boolean;
  readonly json?: boolean;
}

/** What evidence shows, as `--json` prints it. */
export type EquivocationReport = VerifiedEquivocation & { readonly verified: true };

export function addVerifyCommand(program: Command): void {
  program
    .command('verify')
    .description('check a certificate or a proof offline, with nothing but the genesis document')
    .argument(
      '<file>',
      'certificate, or proof of a decision: binary, hex, or JSON with a field "certificate" or "proof" in hex; - is standard input',
    )
    .requiredOption('--genesis <file>', 'genesis document of the network that you trust')
    .option('--epochs <file>', 'what leads from genesis to a later epoch: pq committee chain writes it')
    .option('--id <hex>', 'the proposal that it must be the proof of')
    .option('--evidence', 'the file is evidence of an equivocation: pq committee evidence writes it')
    .option('--json', 'print one JSON object')
    .action(async (file: string, options: VerifyOptions) => {
      process.exitCode = await runVerify(file, options);
    });
}

/** Exit code 0: it proves its commit; 1: it does not, and why; 2: the genesis document or a file cannot be used. */
async function runVerify(file: string, { genesis, epochs, id, evidence, json }: VerifyOptions): Promise<ExitCode> {
  const document = await readGenesis(genesis);
  const chain = epochs === undefined ? undefined : await readBounded(epochs, MAX_CHAIN_BYTES);
  const bytes = await readBounded(file, MAX_CERTIFICATE_BYTES);
  const report =
    evidence === true
      ? await verifyEvidenceWithGenesis(bytes, document, chain)
      : await verifyWithGenesis(bytes, document, { id, chain });
  if (json === true) process.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
  else printReport(new Terminal(process.stdout, process.env), report);
  return report.verified ? EXIT.OK : EXIT.NEGATIVE;
}

/**
 * With `id` (hex) only a proof about this proposal will do; `chain` leads to later epochs. Throws `GENESIS_…` for a genesis
 * document that cannot be used; a certificate, proof or chain that proves nothing is a report.
 */
export async function verifyWithGenesis(
  file: Uint8Array,
  genesisJson: unknown,
  { id, chain }: { readonly id?: string | undefined; readonly chain?: Uint8Array | undefined } = {},
): Promise<VerifiedReport | RefusedReport> {
  const verifier = new Verifier(loadKernels(), genesisJson);
  try {
    if (chain !== undefined) await verifier.follow(requireChain(chain));
    const bytes = contentOf(file);
    const asksForProof = id !== undefined || firstOffset(bytes) === PROOF_FIXED_BYTES;
    const shown = asksForProof ? await verifier.verifyProof(bytes, id) : await verifier.verifyCertificate(bytes);
    return { verified: true, ...shown, bytes: bytes.length };
  } catch (error) {
    if (!isPqError(error)) throw error;
    return { verified: false, code: error.code, reason: error.message };
  }
}

/** As {@link verifyWithGenesis}, of evidence that a validator signed two blocks of one round. */
export async function verifyEvidenceWithGenesis(
  file: Uint8Array,
  genesisJson: unknown,
  chain?: Uint8Array,
): Promise<EquivocationReport | RefusedReport> {
  const verifier = new Verifier(loadKernels(), genesisJson);
  try {
    if (chain !== undefined) await verifier.follow(requireChain(chain));
    return { verified: true, ...(await verifier.verifyEvidence(contentOf(file))) };
  } catch (error) {
    if (!isPqError(error)) throw error;
    return { verified: false, code: error.code, reason: error.message };
  }
}

/** The first offset of an encoding is the size of its fixed part: certificate, proof and chain have different ones. */
function firstOffset(bytes: Uint8Array): number {
  return bytes.length < 4 ? 0 : new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
}

/** Throws `CHAIN_FILE`. */
function requireChain(bytes: Uint8Array): Uint8Array {
  if (firstOffset(bytes) === EPOCH_CHAIN_FIXED_BYTES) return bytes;
  throw new PqError('CHAIN_FILE', 'This is no chain of epochs: get one with `pq committee chain`.');
}

/** A certificate or proof as it lies in a file. Throws `CERTIFICATE_FILE`. */
function contentOf(file: Uint8Array): Uint8Array {
  const first = file.find((byte) => byte > 0x20);
  if (first === 0x7b) return fromHexText(jsonField(new TextDecoder().decode(file)));
  // A binary one begins with a small offset as a u32: never a hex digit followed by another.
  const text = new TextDecoder('latin1').decode(file).trim();
  return /^[0-9a-fA-F\s]+$/.test(text) ? fromHexText(text) : file;
}

function jsonField(text: string): string {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new PqError('CERTIFICATE_FILE', 'The file begins like JSON and is not.', {}, cause);
  }
  const { certificate, proof } = value as { readonly certificate?: unknown; readonly proof?: unknown };
  const field = proof ?? certificate;
  if (typeof field !== 'string')
    throw new PqError('CERTIFICATE_FILE', 'The JSON has no field "certificate" or "proof" in hex.');
  return field;
}

function fromHexText(text: string): Uint8Array {
  const digits = text.replace(/\s+/g, '');
  if (digits.length % 2 !== 0 || !/^[0-9a-fA-F]*$/.test(digits))
    throw new PqError('CERTIFICATE_FILE', 'The file is not whole bytes in hex.');
  return new Uint8Array(Buffer.from(digits, 'hex'));
}

export function printReport(terminal: Terminal, report: VerifiedReport | EquivocationReport | RefusedReport): void {
  if (!report.verified) {
    terminal.line(`${terminal.paint('red', 'REFUSED')}  ${report.code}: ${harmless(report.reason)}`);
    return;
  }
  if ('signer' in report) {
    const { signer, round, epoch } = report;
    const said = `${harmless(signer.name)} signed two blocks of round ${round} in epoch ${epoch}`;
    return terminal.line(`${terminal.paint('green', 'VERIFIED')}  ${said}`);
  }
  const names = report.signers.map((signer) => signer.name).join(', ');
  terminal.line(`${terminal.paint('green', 'VERIFIED')}  commit ${report.commit.index} is final`);
  if ('decision' in report) printDecision(terminal, report.decision);
  terminal.line(`  chain       ${harmless(report.chainName)}  ${report.chainId}`);
  if (report.epoch > 0) terminal.line(`  epoch       ${report.epoch}, followed from genesis`);
  terminal.line(`  commit      ${report.commit.digest}  at ${new Date(report.commit.timestampMs).toISOString()}`);
  terminal.line(`  state root  ${report.commit.stateRoot}`);
  terminal.line(
    `  signers     ${harmless(names)}: stake ${report.stake} of ${report.totalStake}, a quorum is ${report.quorum}`,
  );
  terminal.line('  signatures  ML-DSA-65 (FIPS 204), each over a header that names this commit');
}

function printDecision(terminal: Terminal, decided: VerifiedDecision['decision']): void {
  const { id, decision, reason, confidence, receipt } = decided;
  terminal.line(`  proposal    ${id}`);
  const execution = decision === 'APPROVED' ? `, execution ${receiptName(receipt)}` : '';
  terminal.line(`  decision    ${decision} (${reason}), confidence ${sure(confidence)}${execution}`);
}
