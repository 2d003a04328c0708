/** `pq version`: which package, which core, which kernels (`src/wasm/fastest.ts`), which runtime. */
import type { Command } from 'commander';
import { mlDsa } from '../crypto/mldsa.ts';
import { packageVersion } from '../node/version.ts';
import { loadKernels, wasmHash } from '../wasm/load.ts';

export function addVersionCommand(program: Command): void {
  program
    .command('version')
    .description(
      'package version, SHA-256 of the WebAssembly core, which kernels this machine runs, runtime and back end of the signatures',
    )
    .option('--json', 'print one JSON object')
    .action((options: { json?: boolean }) => {
      const version = {
        version: packageVersion(),
        wasmSha256: wasmHash(),
        kernels: loadKernels().name,
        node: process.version,
        mlDsa: mlDsa.name,
      };
      const lines = [
        `photon-quasar ${version.version}`,
        `wasm core ${version.wasmSha256}, kernels here: ${version.kernels}`,
        `node ${version.node}, ML-DSA-65 by ${version.mlDsa === 'native' ? 'OpenSSL (node:crypto)' : '@noble/post-quantum'}`,
      ];
      process.stdout.write(`${options.json === true ? JSON.stringify(version, null, 2) : lines.join('\n')}\n`);
    });
}
