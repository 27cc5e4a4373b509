// Makes the TensorFlow engine ready: the npm package without its own download, libtensorflow out of the wheel on PyPI, and the
// binding between them, compiled here. Quiet when there is nothing to do; ends by computing something with it.
import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { lstat, mkdir, mkdtemp, rename, rm, symlink } from 'node:fs/promises';
import { homedir } from 'node:os';
import { basename, join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import { installPackages, onPath, run } from '../../scripts/system-packages.mjs';
import { unzip } from './unzip.mjs';
import { placeOf, VERSION, WHEELS } from './wheels.mjs';

const here = fileURLToPath(new URL('.', import.meta.url));
const nativePackage = join(here, 'node_modules', '@tensorflow', 'tfjs-node-gpu');
const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'antibody');
const index = (process.env.PIP_INDEX_URL || 'https://pypi.org/simple').replace(/\/+$/, '');

/** The highest Node-API that the package names; every Node from 18 on has it, so one build serves all. */
const NODE_API = 8;

/** `--cpu` and `--gpu` decide; else whether NVIDIA's driver is there. */
const asked = ['cpu', 'gpu'].find((name) => process.argv.includes(`--${name}`));
const kind = asked ?? (existsSync('/dev/nvidiactl') ? 'gpu' : 'cpu');

const say = (text) => process.stderr.write(`${text}\n`);
function fail(text) {
  say(`engines/tfjs: ${text}`);
  process.exit(1);
}

async function sha256(path) {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}

function installNpmPackages() {
  say('installing the npm packages of the TensorFlow engine ...');
  const args = ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
  if (!run('npm', args, { cwd: here })) fail('npm ci failed (see above)');
}

/** Downloads the wheels and unpacks what a C program needs of them, once for all checkouts of a user. */
async function libtensorflow() {
  const folder = join(cache, `libtensorflow-${VERSION}-${kind}`);
  if (existsSync(folder)) return folder;
  await mkdir(cache, { recursive: true });
  const work = await mkdtemp(join(cache, 'unpacking-'));
  try {
    say(
      `downloading libtensorflow ${VERSION} for the ${kind === 'gpu' ? 'GPU, with CUDA and cuDNN (2.1 GB)' : 'CPU (190 MB)'} ...`,
    );
    for (const { project, wheel, sha256: expected } of WHEELS[kind]) {
      const file = join(work, wheel);
      await download(await addressOf(project, wheel), file);
      const found = await sha256(file);
      if (found !== expected)
        fail(`${wheel} has the SHA-256 ${found}, not ${expected}: it is not the file that is meant`);
      await unzip(file, join(work, 'out'), placeOf);
      await rm(file);
    }
    for (const name of ['cc', 'framework'])
      await symlink(`libtensorflow_${name}.so.2`, join(work, 'out', 'lib', linkedName(name)));
    await rename(join(work, 'out'), folder).catch((error) => {
      if (!existsSync(folder)) throw error; // another set-up was faster
    });
    return folder;
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** What `-ltensorflow` and `-ltensorflow_framework` look for. */
const linkedName = (name) => (name === 'cc' ? 'libtensorflow.so' : `libtensorflow_${name}.so`);

/** The simple index (PEP 691), which PyPI and its mirrors have; set PIP_INDEX_URL for a mirror. */
async function addressOf(project, wheel) {
  const page = `${index}/${project}/`;
  const response = await reach(page, { headers: { accept: 'application/vnd.pypi.simple.v1+json' } });
  const { files } = await response.json().catch(() => fail(`${page} does not answer in JSON (PEP 691)`));
  const file = files.find(({ filename }) => filename === wheel);
  if (!file) fail(`${page} has no ${wheel}`);
  return new URL(file.url, page).href;
}

async function download(address, path) {
  const response = await reach(address);
  await pipeline(Readable.fromWeb(response.body), createWriteStream(path)).catch((error) =>
    fail(`the download of ${basename(path)} broke off (${error.message}); try again`),
  );
}

async function reach(address, options) {
  const response = await fetch(address, options).catch((error) =>
    fail(`${address} is out of reach (${error.cause?.message ?? error.message}); PIP_INDEX_URL names another index`),
  );
  if (!response.ok) fail(`${address} answers ${response.status} ${response.statusText}`);
  return response;
}

async function placeLibraries(folder) {
  const deps = join(nativePackage, 'deps');
  if (await lstat(deps).catch(() => undefined)) await rm(deps, { recursive: true });
  await symlink(folder, deps);
}

async function compileBinding() {
  if (!onPath('g++')) {
    say('installing g++ ...');
    installPackages([{ apt: 'g++', brew: 'gcc' }]);
    if (!onPath('g++')) fail('a C++ compiler is missing: install g++ (Debian/Ubuntu: sudo apt-get install g++)');
  }
  say('compiling the binding ...');
  const out = join(nativePackage, 'lib', `napi-v${NODE_API}`);
  await mkdir(out, { recursive: true });
  const sources = ['tfjs_backend.cc', 'tfjs_binding.cc'].map((name) => join(nativePackage, 'binding', name));
  const args = [
    ...['-std=c++17', '-O2', '-fPIC', '-shared', `-DNAPI_VERSION=${NODE_API}`],
    ...[
      `-I${join(here, 'node_modules', 'node-api-headers', 'include')}`,
      `-I${join(nativePackage, 'deps', 'include')}`,
    ],
    ...[...sources, '-o', join(out, 'tfjs_binding.node')],
    ...[`-L${join(nativePackage, 'deps', 'lib')}`, '-ltensorflow', '-ltensorflow_framework'],
    '-Wl,-rpath,$ORIGIN/../../deps/lib',
  ];
  if (!run('g++', args)) fail('the binding does not compile (see above)');
}

const PROOF = `
  const tf = require('./load.cjs');
  if (tf.getBackend() !== 'tensorflow' || tf.matMul([[2]], [[3]]).dataSync()[0] !== 6) process.exit(1);
`;

if (process.platform !== 'linux' || process.arch !== 'x64')
  fail(
    `the TensorFlow engine is for Linux on x86_64, not ${process.platform} on ${process.arch}; ONNX Runtime runs everywhere`,
  );
const inputs = ['package-lock.json', 'setup.mjs', 'wheels.mjs'].map((name) => readFileSync(join(here, name)));
const state = createHash('sha256').update(Buffer.concat(inputs)).update(kind).digest('hex');
const stamp = join(here, 'node_modules', '.ready');
const ready =
  existsSync(stamp) && readFileSync(stamp, 'utf8') === state && existsSync(join(nativePackage, 'deps', 'lib'));
if (!ready) {
  installNpmPackages();
  await placeLibraries(await libtensorflow());
  await compileBinding();
  if (!run(process.execPath, ['-e', PROOF], { cwd: here })) fail('TensorFlow does not compute (see above)');
  writeFileSync(stamp, state);
  say(`the TensorFlow engine is ready (built for the ${kind.toUpperCase()})`);
}
