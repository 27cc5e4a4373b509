// The two servers out of their public container images, for a Linux machine that has Docker but neither apt nor Homebrew. They run as ordinary
// processes, like installed ones: tests kill and restart them, and read their folders.
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

const docker = (...args) => execFileSync('docker', args, { stdio: ['ignore', 'pipe', 2], maxBuffer: 2 ** 28 });

/** One static file. */
function natsServer(folder) {
  const container = docker('create', 'nats:2').toString().trim();
  try {
    docker('cp', `${container}:/nats-server`, join(folder, 'nats-server'));
  } finally {
    docker('rm', '--force', container);
  }
}

/** The program with the libraries it was linked with, and a script that starts it with them. */
function redisServer(folder) {
  const root = join(folder, 'redis');
  mkdirSync(root, { recursive: true });
  const pack = 'server=$(command -v redis-server); tar -cho "$server" $(ldd "$server" | grep -o "/[^ ]*")';
  execFileSync('tar', ['-x', '-C', root], {
    input: docker('run', '--rm', '--entrypoint', 'sh', 'redis:7', '-c', pack),
    stdio: ['pipe', 2, 2],
  });
  const files = readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name));
  const loader = files.find((file) => /\/ld-[^/]*\.so/.test(file));
  const program = files.find((file) => file.endsWith('/redis-server'));
  if (!loader || !program) throw new Error('the image redis:7 does not hold what was expected');
  const libraries = [...new Set(files.filter((file) => file.includes('.so')).map(dirname))].join(':');
  const script = join(folder, 'redis-server');
  writeFileSync(script, `#!/bin/sh\nexec '${loader}' --library-path '${libraries}' '${program}' "$@"\n`);
  chmodSync(script, 0o755);
}

const FROM_IMAGE = { 'nats-server': natsServer, 'redis-server': redisServer };

/** Puts the named servers into the folder. Throws what Docker says when it cannot. */
export function serversFromImages(names, folder) {
  mkdirSync(folder, { recursive: true });
  for (const name of names) FROM_IMAGE[name](folder);
}
