// Programs that come from the system's package manager.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';

export function onPath(name) {
  const folders = [...(process.env.PATH ?? '').split(':'), '/usr/sbin', '/usr/local/sbin'];
  return folders.some((folder) => folder && existsSync(join(folder, name)));
}

/** Everything the command says goes to standard error: standard output belongs to whoever asked for the set-up. */
export function run(command, args, options = {}) {
  return spawnSync(command, args, { stdio: ['ignore', 2, 2], ...options }).status === 0;
}

// While policy-rc.d says 101, Debian's packages start no system service: ours run on free ports, as children of what needs them.
const APT_INSTALL = `
  policy=/usr/sbin/policy-rc.d
  if [ ! -e $policy ]; then printf '#!/bin/sh\\nexit 101\\n' > $policy; chmod +x $policy; trap 'rm -f $policy' EXIT; fi
  export DEBIAN_FRONTEND=noninteractive
  install() { apt-get install -y -qq --no-install-recommends -o Dpkg::Use-Pty=0 "$@"; }
  install "$@" || { apt-get update -qq && install "$@"; }
`;

/** Tries to install packages, each under its name for apt and for brew; false where there is neither to try with. */
export function installPackages(packages) {
  const isRoot = process.getuid?.() === 0;
  if (onPath('apt-get') && (isRoot || (onPath('sudo') && run('sudo', ['-n', 'true'])))) {
    const shell = ['sh', '-c', APT_INSTALL, 'sh', ...packages.map(({ apt }) => apt)];
    if (isRoot) run(shell[0], shell.slice(1));
    else run('sudo', ['-n', ...shell]);
    return true;
  }
  if (onPath('brew')) {
    run('brew', ['install', ...packages.map(({ brew }) => brew)]);
    return true;
  }
  return false;
}
