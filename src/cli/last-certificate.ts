/** The newest certificate of a network, checked by the verifier as a process of its own. */
import { execFile } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Genesis } from '../core/genesis.ts';
import type { Client } from '../node/client.ts';
import { NEWEST_CERTIFICATE } from '../node/client-protocol.ts';
import { mainFile } from './launch.ts';
import type { Terminal } from './ui/terminal.ts';
import { printReport, type RefusedReport, type VerifiedReport } from './verify.ts';

/**
 * Writes the certificate and the genesis document into `folder`, and runs `pq verify` on the two files. Null when there is
 * no certificate or it is refused; why is printed.
 */
export async function verifyLast(
  terminal: Terminal,
  client: Client,
  genesis: Genesis,
  folder: string,
): Promise<VerifiedReport | null> {
  const certificate = await client.certificate(NEWEST_CERTIFICATE);
  if (certificate === null) {
    terminal.line(`\n${terminal.paint('red', 'There is no certificate.')}`);
    return null;
  }
  mkdirSync(folder, { recursive: true });
  const certificateFile = join(folder, 'certificate.bin');
  const genesisFile = join(folder, 'genesis.json');
  writeFileSync(certificateFile, certificate);
  writeFileSync(genesisFile, `${JSON.stringify(genesis, null, 2)}\n`);
  terminal.line(`\n${terminal.paint('bold', 'The last certificate, checked by the verifier alone')}`);
  terminal.line(`  $ pq verify ${certificateFile} --genesis ${genesisFile}`);
  return readVerdict(terminal, await runVerifier(certificateFile, genesisFile));
}

interface Output {
  readonly stdout?: string;
  readonly stderr?: string;
}

/** A refusal ends with code 1, which rejects, and has its output all the same. */
function runVerifier(certificate: string, genesis: string): Promise<Output> {
  const args = [mainFile(), 'verify', certificate, '--genesis', genesis, '--json'];
  return promisify(execFile)(process.execPath, args).catch((error: unknown) => error as Output);
}

function readVerdict(terminal: Terminal, output: Output): VerifiedReport | null {
  if (output.stdout === undefined || output.stdout === '') {
    terminal.line(`  ${terminal.paint('red', 'The verifier failed:')} ${(output.stderr ?? '').trim()}`);
    return null;
  }
  const report = JSON.parse(output.stdout) as VerifiedReport | RefusedReport;
  printReport(terminal, report);
  return report.verified ? report : null;
}
