import { fromBinary } from '@bufbuild/protobuf';
import { MalformedModelError } from '../errors.js';
import { type ModelProto, ModelProtoSchema } from './generated/onnx_pb.js';

export function decodeModel(bytes: Uint8Array): ModelProto {
  try {
    return fromBinary(ModelProtoSchema, bytes);
  } catch (error) {
    throw new MalformedModelError(error instanceof Error ? error.message : String(error), { cause: error });
  }
}
