import { readFile, stat } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { sha256 } from '#artifacts';
import { InferenceSession, Tensor } from 'onnxruntime-node';

/** One ONNX classifier on ONNX Runtime: float32 rows in, float32 scores out. */
export interface OnnxFile {
  sha256: string;
  input: { name: string; dims: readonly number[] };
  output: { name: string };
  /** Scores of `rows` rows, with their dims [rows, classes]. */
  run(x: Float32Array, rows: number): Promise<{ dims: readonly number[]; data: Float32Array }>;
  /** Waits for the runs under way. */
  release(): Promise<void>;
}

const MAX_FILE_BYTES = 2 ** 30;

export async function openOnnxFile(uri: string): Promise<OnnxFile> {
  const path = fileURLToPath(uri);
  if ((await stat(path)).size > MAX_FILE_BYTES) throw new Error(`${uri} is larger than ${MAX_FILE_BYTES} bytes`);
  const bytes = await readFile(path);
  const session = await InferenceSession.create(bytes, { intraOpNumThreads: 1, interOpNumThreads: 1 });
  const input = onlyInput(session);
  const output = scoresOf(session);
  const running = new Set<Promise<unknown>>();

  return {
    sha256: sha256(bytes),
    input,
    output,
    async run(x, rows) {
      const feeds = { [input.name]: new Tensor('float32', x, [rows, ...input.dims]) };
      const run = session.run(feeds, [output.name]);
      running.add(run);
      try {
        const scores = (await run)[output.name]!;
        return { dims: scores.dims, data: scores.data as Float32Array };
      } finally {
        running.delete(run);
      }
    },
    async release() {
      await Promise.allSettled(running);
      await session.release();
    },
  };
}

function onlyInput(session: InferenceSession): OnnxFile['input'] {
  const [input, ...others] = session.inputMetadata;
  if (!input?.isTensor || input.type !== 'float32' || others.length > 0) {
    throw new Error('the model must have one float32 input');
  }
  const dims = input.shape.slice(1);
  if (dims.length === 0 || !dims.every((size) => typeof size === 'number')) {
    throw new Error(`every axis of input "${input.name}" but the first must have a fixed size`);
  }
  return { name: input.name, dims };
}

/** Classifiers converted from scikit-learn give labels first and scores last. */
function scoresOf(session: InferenceSession): OnnxFile['output'] {
  const scores = session.outputMetadata.findLast((output) => output.isTensor && output.type === 'float32');
  if (!scores) throw new Error('the model must have a float32 output');
  return { name: scores.name };
}
