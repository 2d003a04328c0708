/** What a graph takes and gives, and the one rewriting that Node needs: a ZipMap's sequence of maps becomes its tensor. */
import { create, toBinary } from '@bufbuild/protobuf';
import {
  type GraphProto,
  type ModelProto,
  ModelProtoSchema,
  type NodeProto,
  NodeProtoSchema,
  OperatorSetIdProtoSchema,
  TensorProto_DataType,
  type ValueInfoProto,
} from 'onnx-buf';
import { PqError } from '../../errors.ts';
import { MAX_ROW_ELEMENTS } from '../limits.ts';
import { operatorName } from './operators.ts';
import { valueInfo } from './write.ts';

/** Element types that the pool passes on. */
const ELEMENT_TYPES: Readonly<Record<number, string>> = {
  [TensorProto_DataType.FLOAT]: 'float32',
  [TensorProto_DataType.DOUBLE]: 'float64',
  [TensorProto_DataType.INT32]: 'int32',
  [TensorProto_DataType.INT64]: 'int64',
  [TensorProto_DataType.UINT8]: 'uint8',
  [TensorProto_DataType.INT8]: 'int8',
  [TensorProto_DataType.BOOL]: 'bool',
  [TensorProto_DataType.STRING]: 'string',
  [TensorProto_DataType.FLOAT16]: 'float16',
};

/** An input or output. `dims[0]` is the batch; null where the file leaves a size open. */
export interface TensorFacts {
  readonly name: string;
  /** `float32`, `int64`, …; `sequence` or `unknown` for what is not a tensor. */
  readonly type: string;
  readonly dims: readonly (number | null)[];
}

export interface GraphFacts {
  readonly inputs: readonly TensorFacts[];
  readonly outputs: readonly TensorFacts[];
  /** Labels that a classifier or ZipMap names, in column order; empty if none does. */
  readonly classLabels: readonly string[];
  /** Operator that makes an output, looking through operators that only change shape or type. */
  readonly madeBy: Readonly<Record<string, string>>;
}

function factsOf(value: ValueInfoProto): TensorFacts {
  const type = value.type?.value;
  if (type?.case !== 'tensorType')
    return { name: value.name, type: type?.case === 'sequenceType' ? 'sequence' : 'unknown', dims: [] };
  const dims = (type.value.shape?.dim ?? []).map((dim) => {
    const size = dim.value.case === 'dimValue' ? Number(dim.value.value) : null;
    return size !== null && size > 0 ? size : null;
  });
  return { name: value.name, type: ELEMENT_TYPES[type.value.elemType] ?? 'unknown', dims };
}

function labelsOf(node: NodeProto): string[] {
  const utf8 = new TextDecoder();
  for (const { name, ints, strings } of node.attribute) {
    if (name === 'classlabels_ints' || name === 'classlabels_int64s') return ints.map(String);
    if (name === 'classlabels_strings') return strings.map((label) => utf8.decode(label));
  }
  return [];
}

const SHAPE_ONLY = new Set([
  'Identity',
  'Cast',
  'Reshape',
  'Squeeze',
  'Unsqueeze',
  'Flatten',
  'Slice',
  'Gather',
  'ai.onnx.ml.ZipMap',
]);

function makerOf(graph: GraphProto, output: string): string {
  const byOutput = new Map<string, NodeProto>();
  for (const node of graph.node) for (const name of node.output) byOutput.set(name, node);
  let name = output;
  for (let step = 0; step <= graph.node.length; step += 1) {
    const node = byOutput.get(name);
    if (node === undefined) return '';
    const operator = operatorName(node.domain, node.opType);
    if (!SHAPE_ONLY.has(operator)) return operator;
    name = node.input[0] ?? '';
  }
  return '';
}

/** Reads inputs (without initializers, which old files list too), outputs and class labels. Throws `MODEL_TOO_BIG`. */
export function graphFacts(graph: GraphProto): GraphFacts {
  const initialized = new Set(graph.initializer.map((tensor) => tensor.name));
  const inputs = graph.input.filter((value) => !initialized.has(value.name)).map(factsOf);
  const outputs = graph.output.map(factsOf);
  for (const { name, dims } of [...inputs, ...outputs]) {
    const elements = dims.slice(1).reduce<number>((product, size) => product * (size ?? 1), 1);
    if (elements > MAX_ROW_ELEMENTS) {
      throw new PqError(
        'MODEL_TOO_BIG',
        `One row of "${name}" has ${elements} numbers, more than ${MAX_ROW_ELEMENTS}: use smaller inputs and outputs.`,
        { name },
      );
    }
  }
  const classLabels = graph.node.map(labelsOf).find((labels) => labels.length > 0) ?? [];
  const madeBy = Object.fromEntries(outputs.map(({ name }) => [name, makerOf(graph, name)]));
  return { inputs, outputs, classLabels, madeBy };
}

/**
 * Bytes of the model with each ZipMap turned into an Identity of the same output name, now a float tensor `[rows, classes]`.
 * Unchanged bytes if there is none.
 */
export function dropZipMap(
  model: ModelProto & { graph: GraphProto },
  bytes: Uint8Array,
): { bytes: Uint8Array; graph: GraphProto } {
  const { graph } = model;
  const zipped = new Map(
    graph.node.filter((node) => node.opType === 'ZipMap').map((node) => [node.output[0] ?? '', labelsOf(node).length]),
  );
  if (zipped.size === 0) return { bytes, graph };
  const node = graph.node.map((old) =>
    old.opType === 'ZipMap'
      ? create(NodeProtoSchema, { opType: 'Identity', name: old.name, input: old.input, output: old.output })
      : old,
  );
  const output = graph.output.map((value) => {
    const classes = zipped.get(value.name);
    return classes === undefined ? value : valueInfo(value.name, 'float32', ['rows', classes || 'classes']);
  });
  const hasDefaultDomain = model.opsetImport.some(({ domain }) => domain === '' || domain === 'ai.onnx');
  const opsetImport = hasDefaultDomain
    ? model.opsetImport
    : [...model.opsetImport, create(OperatorSetIdProtoSchema, { domain: '', version: 13n })];
  const rewritten = { ...graph, node, output };
  return { bytes: toBinary(ModelProtoSchema, { ...model, opsetImport, graph: rewritten }), graph: rewritten };
}
