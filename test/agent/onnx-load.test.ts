import { existsSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { create, toBinary } from '@bufbuild/protobuf';
import fc from 'fast-check';
import {
  GraphProtoSchema,
  ModelProtoSchema,
  OperatorSetIdProtoSchema,
  StringStringEntryProtoSchema,
  TensorProto_DataLocation,
} from 'onnx-buf';
import { describe, expect, test } from 'vitest';
import { loadOnnx } from '../../src/agent/onnx/load.ts';
import { parseModel } from '../../src/agent/onnx/parse.ts';
import { node, tensor, valueInfo, writeModel } from '../../src/agent/onnx/write.ts';
import { isPqError } from '../../src/errors.ts';
import { boostedStump, CARD, kerasSoftmax, sklearnLogistic, torchMlp, write } from './fixtures.ts';

const code = (expected: string): unknown => expect.objectContaining({ code: expected });
const refusal = (file: string): Promise<unknown> =>
  loadOnnx(file).then(
    () => 'loaded',
    (error: unknown) => error,
  );

/** A model file with parts of its protobuf changed. */
function changed(bytes: Uint8Array, change: (model: ReturnType<typeof parseModel>) => void): Uint8Array {
  const model = parseModel(bytes);
  change(model);
  return toBinary(ModelProtoSchema, model);
}

/** A body for control flow: one constant. */
const BODY = create(GraphProtoSchema, {
  name: 'body',
  node: [node('Constant', [], ['c'], { value_float: 1 })],
  output: [valueInfo('c', 'float32', [])],
});

function withOperator(opType: string, domain = ''): Uint8Array {
  return changed(torchMlp('Sigmoid'), ({ graph }) => {
    graph.node.push(node(opType, ['input'], ['more'], {}, domain));
  });
}

describe('a file that is loaded', () => {
  test('is described: hash, operators, inputs, outputs, labels, card', async () => {
    const file = await loadOnnx(write(sklearnLogistic({ zipMap: false }), CARD));
    expect(file.sha256).toMatch(/^[0-9a-f]{64}$/);
    expect(file.operators).toEqual(['Cast', 'ai.onnx.ml.LinearClassifier', 'ai.onnx.ml.Normalizer']);
    expect(file.facts.inputs).toEqual([{ name: 'X', type: 'float32', dims: [null, 2] }]);
    expect(file.facts.classLabels).toEqual(['0', '1']);
    expect(file.facts.madeBy.probabilities).toBe('ai.onnx.ml.Normalizer');
    expect(file.card?.input).toEqual(CARD.input);
  });

  test('has no ZipMap left, and the tensor under its name', async () => {
    const file = await loadOnnx(write(sklearnLogistic({ zipMap: true })));
    expect(file.facts.outputs[1]).toEqual({ name: 'output_probability', type: 'float32', dims: [null, 2] });
    expect(parseModel(file.bytes).graph.node.map(({ opType }) => opType)).toEqual([
      'LinearClassifier',
      'Normalizer',
      'Cast',
      'Identity',
    ]);
    expect(file.operators).toContain('ai.onnx.ml.ZipMap');
  });

  test('may carry its card in its metadata', async () => {
    const bytes = changed(boostedStump(), (model) => {
      const metadata = {
        kind: 'transaction',
        input: JSON.stringify(CARD.input),
        calibration: '{"method":"temperature","t":2}',
      };
      model.metadataProps = Object.entries(metadata).map(([key, value]) =>
        create(StringStringEntryProtoSchema, { key, value }),
      );
    });
    const file = await loadOnnx(write(bytes));
    expect(file.cardSource).toBe('metadata');
    expect(file.card).toMatchObject({
      kind: 'transaction',
      input: CARD.input,
      calibration: { method: 'temperature', t: 2 },
    });
  });

  test('finds model.json beside it', async () => {
    const path = write(kerasSoftmax());
    writeFileSync(join(path, '..', 'model.json'), JSON.stringify(CARD));
    expect((await loadOnnx(path)).card?.kind).toBe('transaction');
  });
});

describe('a file that is refused', () => {
  test('is missing', async () => {
    expect(await refusal('/nonexistent/model.onnx')).toEqual(code('MODEL_FILE_MISSING'));
  });

  test('is a folder', async () => {
    expect(await refusal('/')).toEqual(code('MODEL_FILE_MISSING'));
  });

  test('is too big', async () => {
    const file = write(new Uint8Array(0));
    truncateSync(file, 65 * 1024 * 1024);
    expect(await refusal(file)).toEqual(code('MODEL_TOO_BIG'));
  });

  test.each([
    ['empty', ''],
    ['text', 'hello, this is no model'],
    ['JSON', '{"a":1}'],
    ['HTML', '<!doctype html>'],
  ])('is %s', async (_, content) => {
    expect(await refusal(write(new TextEncoder().encode(content)))).toEqual(code('MODEL_NOT_ONNX'));
  });

  test('is too new', async () => {
    const newer = (change: (model: ReturnType<typeof parseModel>) => void): Promise<unknown> =>
      refusal(write(changed(torchMlp('Sigmoid'), change)));
    expect(await newer((model) => (model.irVersion = 14n))).toEqual(code('MODEL_VERSION'));
    expect(await newer((model) => (model.opsetImport[0]!.version = 27n))).toEqual(code('MODEL_VERSION'));
    expect(
      await newer((model) =>
        model.opsetImport.push(create(OperatorSetIdProtoSchema, { domain: 'ai.onnx.ml', version: 6n })),
      ),
    ).toEqual(code('MODEL_VERSION'));
  });

  test.each([
    ['Loop', ''],
    ['Scan', ''],
    ['If', ''],
    ['RandomNormal', ''],
    ['FusedMatMul', 'com.microsoft'],
    ['Thing', 'evil.example'],
  ])('uses %s %s', async (opType, domain) => {
    expect(await refusal(write(withOperator(opType, domain)))).toEqual(code('MODEL_OPERATOR'));
  });

  test('hides an operator in a subgraph of one that the operator allowed', async () => {
    const bytes = changed(torchMlp('Sigmoid'), ({ graph }) => {
      const body = structuredClone(BODY);
      body.node = [node('Thing', [], ['c'], {}, 'evil.example')];
      const branch = node('If', ['input'], ['more'], { then_branch: 0n });
      branch.attribute[0]!.g = body;
      graph.node.push(branch);
    });
    const found = await loadOnnx(write(bytes), { allowOperators: ['If'] }).catch((error: unknown) => error);
    expect(found).toMatchObject({ code: 'MODEL_OPERATOR', data: { operator: 'evil.example.Thing' } });
  });

  test('keeps data outside', async () => {
    const outside = tensor('w1', Float32Array.of(1, 0, 0, 1), [2, 2]);
    outside.dataLocation = TensorProto_DataLocation.EXTERNAL;
    outside.externalData = [create(StringStringEntryProtoSchema, { key: 'location', value: '/etc/passwd' })];
    const initializer = changed(torchMlp('Sigmoid'), ({ graph }) => {
      graph.initializer[0] = outside;
    });
    const attribute = changed(torchMlp('Sigmoid'), ({ graph }) => {
      const constant = node('Constant', [], ['k'], { value: 0n });
      constant.attribute[0]!.t = outside;
      graph.node.push(constant);
    });
    expect(await refusal(write(initializer))).toEqual(code('MODEL_EXTERNAL_DATA'));
    expect(await refusal(write(attribute))).toEqual(code('MODEL_EXTERNAL_DATA'));
  });

  test('has too many nodes, or rows too long', async () => {
    const many = changed(torchMlp('Sigmoid'), ({ graph }) => {
      for (let i = 0; i <= 20_000; i += 1) graph.node.push(node('Identity', ['input'], [`n${i}`]));
    });
    const long = writeModel({
      inputs: [valueInfo('x', 'float32', ['N', 4096, 4096])],
      outputs: [valueInfo('y', 'float32', ['N', 1])],
      nodes: [],
    });
    expect(await refusal(write(many))).toEqual(code('MODEL_TOO_BIG'));
    expect(await refusal(write(long))).toEqual(code('MODEL_TOO_BIG'));
  });

  test('has a card that is wrong', async () => {
    const model = torchMlp('Sigmoid');
    for (const card of [
      '{',
      '[]',
      '{"kind":"weather"}',
      '{"input":[1]}',
      '{"sha256":"ab"}',
      '{"output":{"scale":"logit"}}',
      '{"calibration":{"method":"magic"}}',
    ]) {
      expect(await refusal(write(model, card)), card).toEqual(code('MODEL_CARD'));
    }
  });

  test('is not the file that its card describes', async () => {
    expect(await refusal(write(torchMlp('Sigmoid'), { ...CARD, sha256: 'a'.repeat(64) }))).toEqual(code('MODEL_HASH'));
  });

  test('is any bytes at all: always a coded error, or a model', async () => {
    const original = boostedStump();
    const damaged = fc
      .tuple(fc.nat(original.length - 1), fc.uint8Array({ minLength: 1, maxLength: 8 }), fc.nat(original.length))
      .map(([at, bytes, length]) => {
        const copy = original.slice(0, Math.max(at, length));
        copy.set(bytes.subarray(0, copy.length - at), at);
        return copy;
      });
    await fc.assert(
      fc.asyncProperty(fc.oneof(fc.uint8Array({ maxLength: 300 }), damaged), async (bytes) => {
        const result = await refusal(write(bytes));
        expect(result === 'loaded' || (isPqError(result) && result.code.startsWith('MODEL_'))).toBe(true);
      }),
      { numRuns: 200 },
    );
  });
});

const SHARED = join(import.meta.dirname, '../../../shared/models');

test.skipIf(!existsSync(SHARED))(
  'files that others made are loaded (../shared/models; skipped without it)',
  async () => {
    const reference = JSON.parse(readFileSync(join(SHARED, 'reference-outputs.json'), 'utf8')) as Record<
      string,
      { file: string; sha256: string }
    >;
    for (const { file, sha256 } of Object.values(reference))
      expect((await loadOnnx(join(SHARED, file))).sha256).toBe(sha256);
    const magika = await loadOnnx(join(SHARED, 'magika_standard_v3_3.onnx'));
    expect(magika.facts.inputs).toEqual([{ name: 'bytes', type: 'int32', dims: [null, 2048] }]);
  },
);
