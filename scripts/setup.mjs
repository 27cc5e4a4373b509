// Makes a fresh clone ready: npm packages, the compiled code, and the two servers. Quiet when there is nothing to do.
// Plain JavaScript without dependencies, since it runs before anything is installed.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { serversFromImages } from './servers-from-images.mjs';
import { installPackages as installSystemPackages, onPath as foundOnPath, run } from './system-packages.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const say = (text) => process.stderr.write(`${text}\n`);

function fail(text) {
  say(`setup: ${text}`);
  process.exit(1);
}

const [major, minor] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 19))
  fail(`Node ${process.versions.node} is too old: install Node 20.19 or newer`);

function installPackages() {
  const lock = createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex');
  const stamp = join(root, 'node_modules', '.antibody-lock');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === lock) return;
  say('installing npm packages ...');
  // onnxruntime-node's install script would fetch CUDA libraries from another host; the CPU needs nothing of it.
  const env = { ...process.env, ONNXRUNTIME_NODE_INSTALL: 'skip' };
  const args = ['ci', '--no-audit', '--no-fund', '--loglevel=error'];
  if (!run('npm', args, { cwd: root, env })) fail('npm ci failed (see above)');
  writeFileSync(stamp, lock);
}

function newest(folder) {
  let time = 0;
  for (const entry of readdirSync(join(root, folder), { withFileTypes: true, recursive: true })) {
    if (entry.isFile() && /\.(ts|json)$/.test(entry.name))
      time = Math.max(time, statSync(join(entry.parentPath, entry.name)).mtimeMs);
  }
  return time;
}

function build() {
  const stamp = join(root, 'dist', '.built');
  const sources = Math.max(
    ...['libs', 'services', 'scripts', 'test', 'examples'].map(newest),
    statSync(join(root, 'tsconfig.json')).mtimeMs,
  );
  if (existsSync(stamp) && statSync(stamp).mtimeMs >= sources) return;
  say('building ...');
  if (!run(process.execPath, ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.json'], { cwd: root }))
    fail('the build failed (see above)');
  mkdirSync(join(root, 'dist'), { recursive: true });
  writeFileSync(stamp, '');
}

/** Where servers lie that came out of container images; libs/testbed/servers looks there, too. */
const ownServers = join(root, '.antibody', 'servers');

const onPath = (name) => existsSync(join(ownServers, name)) || foundOnPath(name);

const SERVERS = [
  { binary: 'nats-server', variable: 'NATS_SERVER', apt: 'nats-server', brew: 'nats-server' },
  { binary: 'redis-server', variable: 'REDIS_SERVER', apt: 'redis-server', brew: 'redis' },
];

function installServers() {
  const missing = SERVERS.filter((server) => !process.env[server.variable] && !onPath(server.binary));
  if (!missing.length) return;
  say(`installing ${missing.map((server) => server.binary).join(' and ')} ...`);
  if (!installSystemPackages(missing) && onPath('docker') && process.platform === 'linux') {
    try {
      serversFromImages(
        missing.map((server) => server.binary),
        ownServers,
      );
    } catch (error) {
      say(`the container images did not help: ${error.message.split('\n')[0]}`);
    }
  }
  const still = missing.filter((server) => !onPath(server.binary));
  if (!still.length) return;
  const how = `install ${still.map((s) => s.binary).join(' and ')} (Debian/Ubuntu: sudo apt-get install ${still.map((s) => s.apt).join(' ')}; macOS: brew install ${still.map((s) => s.brew).join(' ')})`;
  fail(`${how}, or name the binaries in ${still.map((s) => s.variable).join(' and ')}`);
}

installPackages();
installServers();
build();
if (process.argv[2]) {
  // `node scripts/setup.mjs dist/x.js args`: run a program of ours once everything is there, with its exit code.
  const [program, ...args] = process.argv.slice(2);
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', join(root, program), ...args], {
    cwd: root,
    stdio: 'inherit',
  });
  // The program ends in its own way, and its exit code is awaited. Ctrl-C at a terminal reaches it by itself.
  process.on('SIGINT', () => process.stdin.isTTY || child.kill('SIGINT'));
  for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child.on('exit', (code, signal) => process.exit(code ?? 128 + constants.signals[signal]));
}
