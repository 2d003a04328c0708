import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { ml_dsa65 } from '@noble/post-quantum/ml-dsa.js';
import { expect, test } from 'vitest';
import { CoreInstance } from '../../src/wasm/instance.ts';
import { wasm } from '../../src/wasm/webassembly.ts';
import { describeVectors, hex } from '../crypto/shared-vectors.ts';
import { variants } from './variants.ts';

const verifiers = variants.map((kernels) => ({ name: kernels.name, verifier: kernels.createVerifier({ maxKeys: 4 }) }));

interface SigVer {
  readonly testGroups: readonly {
    readonly parameterSet: string;
    readonly signatureInterface: string;
    readonly preHash: string;
    readonly externalMu: boolean;
    readonly tests: readonly {
      readonly tcId: number;
      readonly testPassed: boolean;
      readonly pk: string;
      readonly message: string;
      readonly context: string;
      readonly signature: string;
    }[];
  }[];
}

describeVectors<SigVer>('acvp/ML-DSA-sigVer-FIPS204.json.gz', (file) => {
  const testsOf = (signatureInterface: string, preHash: string) =>
    file.testGroups
      .filter((group) => group.parameterSet === 'ML-DSA-65' && !group.externalMu)
      .filter((group) => group.signatureInterface === signatureInterface && group.preHash === preHash)
      .flatMap((group) => group.tests);

  test.each(verifiers)('$name agrees with every external, pure one', ({ verifier }) => {
    const tests = testsOf('external', 'pure');
    expect(tests.length).toBe(15);
    for (const { pk, message, context, signature, testPassed, tcId } of tests) {
      expect(verifier.verify(hex(pk), hex(message), hex(context), hex(signature)), `tc ${tcId}`).toBe(testPassed);
    }
  });

  test.each(verifiers)('$name does not take a signature of a hash for one of a message', ({ verifier }) => {
    const tests = testsOf('external', 'preHash');
    expect(tests.length).toBe(15);
    for (const { pk, message, context, signature, tcId } of tests) {
      expect(verifier.verify(hex(pk), hex(message), hex(context), hex(signature)), `tc ${tcId}`).toBe(false);
    }
  });

  test.each(['core', 'core.scalar', 'core.debug'])(
    '%s.wasm agrees with every internal one, where M′ is given',
    (name) => {
      const path = fileURLToPath(new URL(`../../build/${name}.wasm`, import.meta.url));
      const core = new CoreInstance(new wasm.Module(Uint8Array.from(readFileSync(path))));
      const { exports } = core;
      const at = exports.mldsaMessage(32_768);
      const slot = exports.mldsaSlot();
      core.refresh();
      const tests = testsOf('internal', 'none');
      expect(tests.length).toBe(15);
      for (const { pk, message, signature, testPassed, tcId } of tests) {
        core.u8.set(hex(pk), exports.mldsaKeyAddress());
        core.u8.set(hex(signature), exports.mldsaSignatureAddress());
        core.u8.set(hex(message), at + 64);
        exports.mldsaExpand(slot);
        exports.mldsaStart(slot, at);
        expect(exports.mldsaVerify(slot, at, 64 + message.length / 2), `tc ${tcId}`).toBe(Number(testPassed));
      }
    },
  );
});

interface KeyGen {
  readonly testGroups: readonly {
    readonly parameterSet: string;
    readonly tests: readonly { readonly tcId: number; readonly pk: string; readonly sk: string }[];
  }[];
}

describeVectors<KeyGen>('acvp/ML-DSA-keyGen-FIPS204.json.gz', (file) => {
  const tests = file.testGroups.filter((group) => group.parameterSet === 'ML-DSA-65').flatMap((group) => group.tests);
  const message = Uint8Array.of(1, 2, 3);
  const signed = tests.map(({ pk, sk, tcId }) => ({ pk, tcId, signature: ml_dsa65.sign(message, hex(sk)) }));

  test.each(verifiers)(
    '$name verifies what the secret key of every pair signs, under its public key',
    ({ verifier }) => {
      expect(signed.length).toBe(25);
      for (const [i, { pk, signature, tcId }] of signed.entries()) {
        const other = signed[(i + 1) % signed.length]!;
        expect(verifier.verify(hex(pk), message, new Uint8Array(0), signature), `tc ${tcId}`).toBe(true);
        expect(verifier.verify(hex(pk), message, new Uint8Array(0), other.signature), `tc ${tcId}`).toBe(false);
      }
    },
  );
});

interface Wycheproof {
  readonly testGroups: readonly {
    readonly publicKey: string | null;
    readonly tests: readonly {
      readonly tcId: number;
      readonly msg?: string;
      readonly ctx?: string;
      readonly sig: string;
      readonly result: 'valid' | 'invalid';
    }[];
  }[];
}

describeVectors<Wycheproof>('wycheproof/mldsa_65_sign_seed_test.json', (file) => {
  const tests = file.testGroups.flatMap(({ publicKey, tests }) =>
    publicKey === null ? [] : tests.filter(({ msg }) => msg !== undefined).map((each) => ({ ...each, publicKey })),
  );

  test.each(verifiers)('$name agrees with every one that has a key and a message', ({ verifier }) => {
    expect(tests.length).toBeGreaterThan(60);
    for (const { publicKey, msg, ctx, sig, result, tcId } of tests) {
      const valid = verifier.verify(hex(publicKey), hex(msg!), hex(ctx ?? ''), hex(sig));
      expect(valid, `tc ${tcId}`).toBe(result === 'valid');
    }
  });
});
