import { wireFields, type WireField } from './wire.js';

/** Where a tensor's numbers lie in the file, in order: one segment, or one for each number in unpacked files. */
export interface WeightBytes {
  readonly name: string;
  readonly segments: readonly WireField[];
}

// Field numbers of onnx.proto.
const [MODEL_GRAPH, GRAPH_NODE, GRAPH_INITIALIZER] = [7, 1, 5];
const [NODE_OUTPUT, NODE_ATTRIBUTE, ATTRIBUTE_TENSOR, ATTRIBUTE_FLOATS] = [2, 5, 5, 7];
const [TENSOR_FLOATS, TENSOR_NAME, TENSOR_RAW] = [4, 8, 9];
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

const tensorSegments = (bytes: Uint8Array, tensor: WireField): WireField[] => {
  const raw = fields(bytes, tensor, TENSOR_RAW);
  return raw.length > 0 ? raw : fields(bytes, tensor, TENSOR_FLOATS);
};

const fields = (bytes: Uint8Array, message: WireField | undefined, number: number): WireField[] =>
  [...wireFields(bytes, message?.start, message?.end)].filter((field) => field.number === number);

function lastText(bytes: Uint8Array, message: WireField, number: number): string {
  const field = fields(bytes, message, number).at(-1);
  return field ? text.decode(bytes.subarray(field.start, field.end)) : '';
}
