// Makes a fresh clone ready: npm packages, the compiled code, and the two servers. Quiet when there is nothing to do.
// Plain JavaScript without dependencies, since it runs before anything is installed.
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { serversFromImages } from './servers-from-images.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const say = (text) => process.stderr.write(`${text}\n`);

function fail(text) {
  say(`setup: ${text}`);
  process.exit(1);
}

function run(command, args, options = {}) {
  // Everything goes to standard error: standard output belongs to the command that asked for the set-up.
  return spawnSync(command, args, { cwd: root, stdio: ['ignore', 2, 2], ...options }).status === 0;
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
  if (!run('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], { env })) fail('npm ci failed (see above)');
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
    ...['libs', 'services', 'scripts', 'test'].map(newest),
    statSync(join(root, 'tsconfig.json')).mtimeMs,
  );
  if (existsSync(stamp) && statSync(stamp).mtimeMs >= sources) return;
  say('building ...');
  if (!run(process.execPath, ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.json']))
    fail('the build failed (see above)');
  mkdirSync(join(root, 'dist'), { recursive: true });
  writeFileSync(stamp, '');
}

/** Where servers lie that came out of container images; libs/testbed/servers looks there, too. */
const ownServers = join(root, '.antibody', 'servers');

function onPath(name) {
  const folders = [ownServers, ...(process.env.PATH ?? '').split(':'), '/usr/sbin', '/usr/local/sbin'];
  return folders.some((folder) => folder && existsSync(join(folder, name)));
}

const SERVERS = [
  { binary: 'nats-server', variable: 'NATS_SERVER', apt: 'nats-server', brew: 'nats-server' },
  { binary: 'redis-server', variable: 'REDIS_SERVER', apt: 'redis-server', brew: 'redis' },
];

// While policy-rc.d says 101, Debian's packages start no system service: ours run on free ports, as children of what needs them.
const APT_INSTALL = `
  policy=/usr/sbin/policy-rc.d
  if [ ! -e $policy ]; then printf '#!/bin/sh\\nexit 101\\n' > $policy; chmod +x $policy; trap 'rm -f $policy' EXIT; fi
  export DEBIAN_FRONTEND=noninteractive
  install() { apt-get install -y -qq --no-install-recommends -o Dpkg::Use-Pty=0 "$@"; }
  install "$@" || { apt-get update -qq && install "$@"; }
`;

function installServers() {
  const missing = SERVERS.filter((server) => !process.env[server.variable] && !onPath(server.binary));
  if (!missing.length) return;
  say(`installing ${missing.map((server) => server.binary).join(' and ')} ...`);
  const isRoot = process.getuid?.() === 0;
  if (onPath('apt-get') && (isRoot || (onPath('sudo') && run('sudo', ['-n', 'true'])))) {
    const shell = ['sh', '-c', APT_INSTALL, 'sh', ...missing.map((server) => server.apt)];
    if (isRoot) run(shell[0], shell.slice(1));
    else run('sudo', ['-n', ...shell]);
  } else if (onPath('brew')) {
    run('brew', ['install', ...missing.map((server) => server.brew)]);
  } else if (onPath('docker') && process.platform === 'linux') {
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
  process.on('SIGINT', () => {}); // Ctrl-C reaches the program too, which ends in its own way: its exit code is awaited
  try {
    execFileSync(process.execPath, ['--disable-warning=ExperimentalWarning', join(root, program), ...args], {
      cwd: root,
      stdio: 'inherit',
    });
  } catch (error) {
    process.exit(error.status ?? 1);
  }
}
