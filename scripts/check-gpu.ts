/** Run on a machine with a GPU: what each engine does there, side by side. Fails unless one of them used the GPU. */
import { enginesPresent, hasGpu, secondsPerStep } from '#executors';

const ON_GPU = /-(gpu|cuda|webgpu)$/;
const BATCH = 256;

function fail(reason: string): never {
  console.error(`check:gpu: ${reason}`);
  process.exit(1);
}

if (!hasGpu()) fail('there is no GPU here: neither /dev/nvidia0 nor /dev/dri/renderD128');
const times: { name: string; seconds: number }[] = [];
for (const executor of await enginesPresent())
  times.push({ name: executor.name, seconds: await secondsPerStep(executor, { batch: BATCH, steps: 20 }) });
const slowest = Math.max(...times.map(({ seconds }) => seconds));
for (const { name, seconds } of times.sort((a, b) => a.seconds - b.seconds))
  console.log(
    `${name.padEnd(20)} ${(1000 * seconds).toFixed(2).padStart(9)} ms a step  ${(slowest / seconds).toFixed(1)}x`,
  );
// A driver in software also calls itself a GPU, but no GPU is slower than the CPU beside it at this.
const [first] = times;
if (!first || !ON_GPU.test(first.name)) fail('no GPU was used: none of these engines is faster than the CPU');
