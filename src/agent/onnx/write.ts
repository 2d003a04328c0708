/** Writing ONNX: the few constructors that a model's graph is put together with. Deterministic: same calls, same bytes. */
import { create, toBinary } from '@bufbuild/protobuf';
import {
  type AttributeProto,
  AttributeProto_AttributeType,
  AttributeProtoSchema,
  GraphProtoSchema,
  ModelProtoSchema,
  type NodeProto,
  NodeProtoSchema,
  OperatorSetIdProtoSchema,
  StringStringEntryProtoSchema,
  type TensorProto,
  TensorProto_DataType,
  TensorProtoSchema,
  TensorShapeProto_DimensionSchema,
  TensorShapeProtoSchema,
  TypeProto_TensorSchema,
  TypeProtoSchema,
  type ValueInfoProto,
  ValueInfoProtoSchema,
} from 'onnx-buf';

const DATA_TYPES = {
  float32: TensorProto_DataType.FLOAT,
  int32: TensorProto_DataType.INT32,
  int64: TensorProto_DataType.INT64,
  int8: TensorProto_DataType.INT8,
} as const;
type ElementType = keyof typeof DATA_TYPES;

/** An input or output; a string is the name of a size that varies. */
export function valueInfo(name: string, type: ElementType, dims: readonly (number | string)[]): ValueInfoProto {
  const dim = dims.map((size) =>
    create(TensorShapeProto_DimensionSchema, {
      value: typeof size === 'string' ? { case: 'dimParam', value: size } : { case: 'dimValue', value: BigInt(size) },
    }),
  );
  const tensor = create(TypeProto_TensorSchema, {
    elemType: DATA_TYPES[type],
    shape: create(TensorShapeProtoSchema, { dim }),
  });
  return create(ValueInfoProtoSchema, {
    name,
    type: create(TypeProtoSchema, { value: { case: 'tensorType', value: tensor } }),
  });
}

/** A constant. Data is stored as it lies in memory, which on every supported machine is little-endian, as ONNX wants it. */
export function tensor(
  name: string,
  data: Float32Array | Int32Array | BigInt64Array | Int8Array,
  dims: readonly number[],
): TensorProto {
  const type: ElementType =
    data instanceof Float32Array
      ? 'float32'
      : data instanceof Int32Array
        ? 'int32'
        : data instanceof Int8Array
          ? 'int8'
          : 'int64';
  const rawData = new Uint8Array(data.buffer.slice(data.byteOffset, data.byteOffset + data.byteLength) as ArrayBuffer);
  return create(TensorProtoSchema, { name, dims: dims.map(BigInt), dataType: DATA_TYPES[type], rawData });
}

export type AttributeValue = bigint | number | string | readonly bigint[] | readonly number[] | readonly string[];

function attribute(name: string, value: AttributeValue): AttributeProto {
  const { INT, FLOAT, STRING, INTS, FLOATS, STRINGS } = AttributeProto_AttributeType;
  const utf8 = new TextEncoder();
  if (typeof value === 'bigint') return create(AttributeProtoSchema, { name, type: INT, i: value });
  if (typeof value === 'number') return create(AttributeProtoSchema, { name, type: FLOAT, f: value });
  if (typeof value === 'string') return create(AttributeProtoSchema, { name, type: STRING, s: utf8.encode(value) });
  const first = value[0];
  if (typeof first === 'bigint')
    return create(AttributeProtoSchema, { name, type: INTS, ints: [...(value as bigint[])] });
  if (typeof first === 'string')
    return create(AttributeProtoSchema, {
      name,
      type: STRINGS,
      strings: (value as string[]).map((text) => utf8.encode(text)),
    });
  return create(AttributeProtoSchema, { name, type: FLOATS, floats: [...(value as number[])] });
}

/** One operator. bigint attributes are integers, numbers are floats. */
export function node(
  opType: string,
  input: readonly string[],
  output: readonly string[],
  attributes: Readonly<Record<string, AttributeValue>> = {},
  domain = '',
): NodeProto {
  const entries = Object.entries(attributes).map(([name, value]) => attribute(name, value));
  return create(NodeProtoSchema, {
    opType,
    input: [...input],
    output: [...output],
    name: output[0] ?? opType,
    domain,
    attribute: entries,
  });
}

export interface ModelParts {
  readonly nodes: readonly NodeProto[];
  readonly inputs: readonly ValueInfoProto[];
  readonly outputs: readonly ValueInfoProto[];
  readonly constants?: readonly TensorProto[];
  /** Domain to version; default `ai.onnx` 18. */
  readonly opsets?: Readonly<Record<string, number>>;
  readonly metadata?: Readonly<Record<string, string>>;
}

/** Bytes of a model file, IR version 10. */
export function writeModel({
  nodes,
  inputs,
  outputs,
  constants = [],
  opsets = { '': 18 },
  metadata = {},
}: ModelParts): Uint8Array {
  const graph = create(GraphProtoSchema, {
    name: 'model',
    node: [...nodes],
    input: [...inputs],
    output: [...outputs],
    initializer: [...constants],
  });
  const opsetImport = Object.entries(opsets).map(([domain, version]) =>
    create(OperatorSetIdProtoSchema, { domain, version: BigInt(version) }),
  );
  const metadataProps = Object.entries(metadata).map(([key, value]) =>
    create(StringStringEntryProtoSchema, { key, value }),
  );
  return toBinary(
    ModelProtoSchema,
    create(ModelProtoSchema, { irVersion: 10n, producerName: 'photon-quasar', opsetImport, metadataProps, graph }),
  );
}
