import { parentPort, workerData } from 'node:worker_threads';
import { artifactStore } from '#artifacts';
import { ortExecutor } from '#onnx-autodiff';
import { OnnxExaminer } from './onnx-examiner.js';
import type { Answer, Question, WorkerSettings } from './thread-examiner.js';

const { artifactsDir, readableDirs, threads } = workerData as WorkerSettings;
const store = artifactStore({ root: artifactsDir, readable: readableDirs });
const examiner = new OnnxExaminer(store, ortExecutor({ threads }), Date.now);
const port = parentPort!;

async function answer(question: Question): Promise<void> {
  if ('close' in question) {
    await examiner.close();
    port.close();
    return;
  }
  const { id, request } = question;
  const reply = await examiner.examine(request).then(
    (examination): Answer => ({ id, examination }),
    (error: unknown): Answer => ({ id, failure: error instanceof Error ? error.message : String(error) }),
  );
  port.postMessage(reply);
}

port.on('message', (question: Question) => void answer(question));
