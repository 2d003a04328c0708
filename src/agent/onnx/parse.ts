/** From a file to a checked ONNX graph: hash, parse, limits, operator allow-list. Nothing here runs the model. */
import { createHash } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { fromBinary } from '@bufbuild/protobuf';
import {
  type GraphProto,
  type ModelProto,
  ModelProtoSchema,
  type TensorProto,
  TensorProto_DataLocation,
} from 'onnx-buf';
import { isPqError, PqError } from '../../errors.ts';
import {
  MAX_IR_VERSION,
  MAX_ML_OPSET,
  MAX_MODEL_NODES,
  MAX_MODEL_TENSORS,
  MAX_OPSET,
  MAX_SUBGRAPHS,
} from '../limits.ts';
import { isAllowed, operatorName } from './operators.ts';

/** Reads a file of at most `limit` bytes. Throws `MODEL_FILE_MISSING`, `MODEL_TOO_BIG`. */
export async function readBounded(file: string, limit: number): Promise<Uint8Array<ArrayBuffer>> {
  const size = await stat(file).then(
    (found) => (found.isFile() ? found.size : null),
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return null;
      throw error;
    },
  );
  if (size === null) throw new PqError('MODEL_FILE_MISSING', `There is no file ${file}: check the path.`, { file });
  if (size > limit) {
    throw new PqError('MODEL_TOO_BIG', `${file} has ${size} bytes, more than ${limit}: quantise or prune the model.`, {
      file,
      size,
      limit,
    });
  }
  return new Uint8Array(await readFile(file));
}

export const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** Parses bytes as an ONNX model with a graph. Throws `MODEL_NOT_ONNX`. */
export function parseModel(bytes: Uint8Array): ModelProto & { graph: GraphProto } {
  try {
    const model = fromBinary(ModelProtoSchema, bytes);
    // Any bytes that happen to be valid protobuf parse; a model has these three.
    if (model.graph !== undefined && model.irVersion > 0n && model.opsetImport.length > 0)
      return { ...model, graph: model.graph };
  } catch (error) {
    if (isPqError(error)) throw error;
    throw notOnnx(error);
  }
  throw notOnnx(undefined);
}

const notOnnx = (cause: unknown): PqError =>
  new PqError(
    'MODEL_NOT_ONNX',
    'This is not an ONNX model: export it as .onnx (torch.onnx.export, skl2onnx, tf2onnx, onnxmltools).',
    {},
    cause,
  );

function checkVersions(model: ModelProto): void {
  const newest = new Map([
    ['', MAX_OPSET],
    ['ai.onnx', MAX_OPSET],
    ['ai.onnx.ml', MAX_ML_OPSET],
  ]);
  if (model.irVersion > BigInt(MAX_IR_VERSION)) {
    throw new PqError(
      'MODEL_VERSION',
      `The model has IR version ${model.irVersion}, newer than ${MAX_IR_VERSION}: export it for an older one.`,
      {
        irVersion: Number(model.irVersion),
      },
    );
  }
  for (const { domain, version } of model.opsetImport) {
    const limit = newest.get(domain);
    if (limit !== undefined && version > BigInt(limit)) {
      throw new PqError(
        'MODEL_VERSION',
        `The model uses operator set ${version} of "${domain || 'ai.onnx'}", newer than ${limit}: export it with a lower opset.`,
        {
          domain,
          version: Number(version),
        },
      );
    }
  }
}

function checkInline(tensor: TensorProto): void {
  if (tensor.dataLocation !== TensorProto_DataLocation.EXTERNAL && tensor.externalData.length === 0) return;
  throw new PqError(
    'MODEL_EXTERNAL_DATA',
    `The tensor "${tensor.name}" is kept in another file: save the model with its data inside (save_as_external_data=False).`,
    {
      tensor: tensor.name,
    },
  );
}

function checkTensors(graph: GraphProto): void {
  graph.initializer.forEach(checkInline);
  for (const sparse of graph.sparseInitializer) {
    for (const tensor of [sparse.values, sparse.indices]) if (tensor !== undefined) checkInline(tensor);
  }
}

/** Checks limits and operators over the graph and its subgraphs; returns the operators' names. Iterative: depth is the file's choice. */
export function checkModel(model: ModelProto & { graph: GraphProto }, allowOperators: readonly string[]): string[] {
  checkVersions(model);
  if (model.functions.length > 0) {
    throw new PqError(
      'MODEL_FUNCTIONS',
      'The model defines functions of its own: inline them before saving (onnx.inliner.inline_local_functions).',
      {
        functions: model.functions.length,
      },
    );
  }
  if (model.graph.input.length + model.graph.output.length > MAX_MODEL_TENSORS) {
    throw new PqError(
      'MODEL_TOO_BIG',
      `The model has more than ${MAX_MODEL_TENSORS} inputs and outputs: put the features into one tensor.`,
    );
  }
  const operators = new Set<string>();
  const graphs: GraphProto[] = [model.graph];
  let nodes = 0;
  for (let next = 0; next < graphs.length; next += 1) {
    const graph = graphs[next] as GraphProto;
    nodes += graph.node.length;
    if (nodes > MAX_MODEL_NODES || graphs.length > MAX_SUBGRAPHS) {
      throw new PqError(
        'MODEL_TOO_BIG',
        `The model has more than ${MAX_MODEL_NODES} nodes or ${MAX_SUBGRAPHS} subgraphs: simplify it.`,
        { nodes },
      );
    }
    checkTensors(graph);
    for (const node of graph.node) {
      const name = operatorName(node.domain, node.opType);
      if (!isAllowed(name, allowOperators)) {
        throw new PqError(
          'MODEL_OPERATOR',
          `The model uses the operator ${name}, which is not allowed: export it without, or allow it by name if you trust the file.`,
          {
            operator: name,
            node: node.name,
          },
        );
      }
      operators.add(name);
      for (const { g, graphs: more, t, tensors, sparseTensor, sparseTensors } of node.attribute) {
        graphs.push(...more, ...(g === undefined ? [] : [g]));
        [...tensors, ...(t === undefined ? [] : [t])].forEach(checkInline);
        for (const sparse of [...sparseTensors, ...(sparseTensor === undefined ? [] : [sparseTensor])]) {
          for (const tensor of [sparse.values, sparse.indices]) if (tensor !== undefined) checkInline(tensor);
        }
      }
    }
  }
  return [...operators].sort();
}
