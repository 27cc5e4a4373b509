/** Run on a machine with a GPU: what each engine does there, side by side. Fails unless one of them used the GPU. */
import { enginesPresent, secondsPerStep } from '#executors';

const ON_GPU = /-(gpu|cuda|webgpu)$/;
const BATCH = 256;

const times: { name: string; seconds: number }[] = [];
for (const executor of await enginesPresent()) {
  const seconds = await secondsPerStep(executor, { batch: BATCH, steps: 20 });
  times.push({ name: executor.name, seconds });
}
const onGpu = times.filter(({ name }) => ON_GPU.test(name));
if (onGpu.length === 0) {
  console.error(
    `check:gpu: no GPU was used; the engines that work here are ${times.map(({ name }) => name).join(', ')}`,
  );
  process.exit(1);
}
const slowest = Math.max(...times.map(({ seconds }) => seconds));
for (const { name, seconds } of times.sort((a, b) => a.seconds - b.seconds))
  console.log(
    `${name.padEnd(20)} ${(1000 * seconds).toFixed(2).padStart(9)} ms a step  ${(slowest / seconds).toFixed(1)}x  ${ON_GPU.test(name) ? 'GPU' : 'CPU'}`,
  );
