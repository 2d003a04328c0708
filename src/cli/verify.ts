/** `pq verify FILE --genesis FILE`: checks a certificate with nothing but the two files. No node, no network. */
import type { Command } from 'commander';
import { toHex } from '../core/bytes.ts';
import { type Certified, decodeCertificate, verifyCertificate } from '../core/certificate.ts';
import { type Committee, committeeOf } from '../core/committee.ts';
import { parseGenesis } from '../core/genesis.ts';
import type { Certificate } from '../core/types.ts';
import { verify as verifySignature } from '../crypto/verify.ts';
import { isPqError, PqError } from '../errors.ts';
import { loadKernels } from '../wasm/load.ts';
import { EXIT, type ExitCode } from './exit.ts';
import { readBounded } from './files.ts';
import { readGenesis } from './network.ts';
import { harmless, Terminal } from './ui/terminal.ts';

const MAX_CERTIFICATE_BYTES = 4 * 1024 * 1024;

/** What a valid certificate shows, as `--json` prints it. Hashes are hex. */
export interface VerifiedReport {
  readonly verified: true;
  readonly chainId: string;
  readonly chainName: string;
  readonly commit: {
    readonly index: number;
    readonly digest: string;
    readonly timestampMs: number;
    readonly stateRoot: string;
    readonly decisionsRoot: string;
  };
  /** How many commits lead from that one to the one voted for, both counted. */
  readonly commits: number;
  readonly signers: readonly { readonly index: number; readonly name: string; readonly stake: number }[];
  readonly stake: number;
  readonly quorum: number;
  readonly totalStake: number;
  readonly bytes: number;
}

export interface RefusedReport {
  readonly verified: false;
  readonly code: string;
  readonly reason: string;
}

export function addVerifyCommand(program: Command): void {
  program
    .command('verify')
    .description('check a certificate offline, with nothing but the genesis document')
    .argument('<file>', 'certificate: binary, hex, or JSON with a field "certificate" in hex; - is standard input')
    .requiredOption('--genesis <file>', 'genesis document of the network that you trust')
    .option('--json', 'print one JSON object')
    .action(async (file: string, options: { genesis: string; json?: boolean }) => {
      process.exitCode = await runVerify(file, options.genesis, options.json === true);
    });
}

/** Exit code 0: it proves its commit; 1: it does not, and why; 2: the genesis document or a file cannot be used. */
async function runVerify(file: string, genesisFile: string, json: boolean): Promise<ExitCode> {
  const genesis = await readGenesis(genesisFile);
  const report = await verifyWithGenesis(await readBounded(file, MAX_CERTIFICATE_BYTES), genesis);
  if (json) process.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
  else printReport(new Terminal(process.stdout, process.env), report);
  return report.verified ? EXIT.OK : EXIT.NEGATIVE;
}

/** Throws `GENESIS_…` for a genesis document that cannot be used; a certificate that proves nothing is a report. */
export async function verifyWithGenesis(
  file: Uint8Array,
  genesisJson: unknown,
): Promise<VerifiedReport | RefusedReport> {
  const genesis = parseGenesis(genesisJson);
  const kernels = loadKernels();
  const committee = committeeOf(kernels, genesis);
  try {
    const bytes = certificateBytes(file);
    const certificate = decodeCertificate(bytes);
    const certified = await verifyCertificate(kernels, committee, certificate, verifySignature);
    return toReport(genesis.chainName, committee, certificate, certified, bytes.length);
  } catch (error) {
    if (!isPqError(error)) throw error;
    return { verified: false, code: error.code, reason: error.message };
  }
}

/** A certificate as it lies in a file. Throws `CERTIFICATE_FILE`. */
function certificateBytes(file: Uint8Array): Uint8Array {
  const first = file.find((byte) => byte > 0x20);
  if (first === 0x7b) return fromHexText(jsonField(new TextDecoder().decode(file)));
  // A binary one begins with the offset 8 as a u32: never a hex digit followed by another.
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
  const field: unknown = (value as { readonly certificate?: unknown }).certificate;
  if (typeof field !== 'string')
    throw new PqError('CERTIFICATE_FILE', 'The JSON has no field "certificate" with the certificate in hex.');
  return field;
}

function fromHexText(text: string): Uint8Array {
  const digits = text.replace(/\s+/g, '');
  if (digits.length % 2 !== 0 || !/^[0-9a-fA-F]*$/.test(digits))
    throw new PqError('CERTIFICATE_FILE', 'The certificate is not whole bytes in hex.');
  return new Uint8Array(Buffer.from(digits, 'hex'));
}

function toReport(
  chainName: string,
  committee: Committee,
  certificate: Certificate,
  certified: Certified,
  bytes: number,
): VerifiedReport {
  const commit = certificate.commits[0]!;
  return {
    verified: true,
    chainId: toHex(committee.chainId),
    chainName,
    commit: {
      index: certified.index,
      digest: toHex(certified.digest),
      timestampMs: commit.timestampMs,
      stateRoot: toHex(commit.stateRoot),
      decisionsRoot: toHex(commit.decisionsRoot),
    },
    commits: certificate.commits.length,
    signers: certified.signers.map((index) => {
      const { name, stake } = committee.validators[index]!;
      return { index, name, stake };
    }),
    stake: certified.stake,
    quorum: committee.quorum,
    totalStake: committee.total,
    bytes,
  };
}

export function printReport(terminal: Terminal, report: VerifiedReport | RefusedReport): void {
  if (!report.verified) {
    terminal.line(`${terminal.paint('red', 'REFUSED')}  ${report.code}: ${harmless(report.reason)}`);
    return;
  }
  const names = report.signers.map((signer) => signer.name).join(', ');
  terminal.line(`${terminal.paint('green', 'VERIFIED')}  commit ${report.commit.index} is final`);
  terminal.line(`  chain       ${harmless(report.chainName)}  ${report.chainId}`);
  terminal.line(`  commit      ${report.commit.digest}  at ${new Date(report.commit.timestampMs).toISOString()}`);
  terminal.line(`  state root  ${report.commit.stateRoot}`);
  terminal.line(
    `  signers     ${harmless(names)}: stake ${report.stake} of ${report.totalStake}, a quorum is ${report.quorum}`,
  );
  terminal.line('  signatures  ML-DSA-65 (FIPS 204), each over a header that names this commit');
}
