import { randomInt } from 'node:crypto';
import { resolve } from 'node:path';
import { ThreadExaminer } from './adapters/onnx/thread-examiner.js';
import { configFrom, replicaId } from './config.js';
import { startCollector } from './start.js';

try {
  const config = configFrom(process.env);
  const examiner = new ThreadExaminer(new URL('./adapters/onnx/worker.js', import.meta.url), {
    artifactsDir: resolve(config.ARTIFACTS_DIR),
    readableDirs: config.READABLE_DIRS,
    threads: config.THREADS,
  });
  // Nobody outside may know which rows are passed over, so the choice has no seed here.
  const random = () => randomInt(2 ** 32) / 2 ** 32;
  await startCollector({ config, replica: replicaId(Date.now()), examiner, random });
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
}
