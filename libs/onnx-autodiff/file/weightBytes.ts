import { fromBinary } from '@bufbuild/protobuf';
import { TensorProtoSchema } from './generated/onnx_pb.js';
import { typeCodes } from './tensors.js';
import { bytesField, changeFields, concatenated, wireFields, type WireField, withoutFields } from './wire.js';

/** Where a tensor's numbers lie in the file, in order: one segment, or one for each number in unpacked files. */
export interface WeightBytes {
  readonly name: string;
  readonly segments: readonly WireField[];
}

// Field numbers of onnx.proto.
const [MODEL_GRAPH, GRAPH_NODE, GRAPH_INITIALIZER] = [7, 1, 5];
const [NODE_OUTPUT, NODE_ATTRIBUTE, ATTRIBUTE_TENSOR, ATTRIBUTE_FLOATS] = [2, 5, 5, 7];
const [TENSOR_FLOATS, TENSOR_INT32S, TENSOR_NAME] = [4, 5, 8];
export const [TENSOR_RAW, TENSOR_EXTERNAL_DATA, TENSOR_DATA_LOCATION] = [9, 13, 14] as const;
const text = new TextDecoder();

/** Initializers by their name, and values of Constant nodes by the name of the node's output. */
export function* weightBytes(bytes: Uint8Array): Generator<WeightBytes> {
  for (const graph of fields(bytes, undefined, MODEL_GRAPH)) {
    for (const tensor of fields(bytes, graph, GRAPH_INITIALIZER))
      yield { name: lastText(bytes, tensor, TENSOR_NAME), segments: tensorSegments(bytes, tensor) };
    for (const node of fields(bytes, graph, GRAPH_NODE)) {
      const segments = fields(bytes, node, NODE_ATTRIBUTE).flatMap((attribute) => [
        ...fields(bytes, attribute, ATTRIBUTE_TENSOR).flatMap((tensor) => tensorSegments(bytes, tensor)),
        ...fields(bytes, attribute, ATTRIBUTE_FLOATS),
      ]);
      if (segments.length > 0) yield { name: lastText(bytes, node, NODE_OUTPUT), segments };
    }
  }
}

/** The file with some of its tensors changed; names as above. */
export function changeTensors(file: Uint8Array, change: (tensor: Uint8Array, name: string) => Uint8Array): Uint8Array {
  const initializer = (tensor: Uint8Array) => change(tensor, lastText(tensor, undefined, TENSOR_NAME));
  const node = (contents: Uint8Array) => {
    const name = lastText(contents, undefined, NODE_OUTPUT);
    return changeFields(contents, NODE_ATTRIBUTE, (attribute) =>
      changeFields(attribute, ATTRIBUTE_TENSOR, (tensor) => change(tensor, name)),
    );
  };
  return changeFields(file, MODEL_GRAPH, (graph) =>
    changeFields(changeFields(graph, GRAPH_INITIALIZER, initializer), GRAPH_NODE, node),
  );
}

/** The file with these tensors as raw bytes where they are float16 in varints, in whose place no other numbers would fit. */
export const withRawHalves = (file: Uint8Array, names: { has(name: string): boolean }): Uint8Array =>
  changeTensors(file, (tensor, name) => {
    if (!names.has(name)) return tensor;
    const { dataType, rawData, int32Data } = fromBinary(TensorProtoSchema, tensor);
    if (dataType !== typeCodes.float16 || rawData) return tensor;
    const raw = new Uint8Array(Uint16Array.from(int32Data).buffer);
    return concatenated([withoutFields(tensor, [TENSOR_INT32S]), bytesField(TENSOR_RAW, raw)]);
  });

const tensorSegments = (bytes: Uint8Array, tensor: WireField): WireField[] => {
  const raw = fields(bytes, tensor, TENSOR_RAW);
  return raw.length > 0 ? raw.slice(-1) : fields(bytes, tensor, TENSOR_FLOATS); // of two, the last one counts
};

const fields = (bytes: Uint8Array, message: WireField | undefined, number: number): WireField[] =>
  [...wireFields(bytes, message?.start, message?.end)].filter((field) => field.number === number);

export function lastText(bytes: Uint8Array, message: WireField | undefined, number: number): string {
  const field = fields(bytes, message, number).at(-1);
  return field ? text.decode(bytes.subarray(field.start, field.end)) : '';
}
