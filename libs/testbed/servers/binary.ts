import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from '../project-root.js';

/** The program that `variable` names, or the set-up took out of a container image, or the PATH has. */
export function serverBinary(name: string, variable: string): string {
  const own = join(projectRoot, '.antibody', 'servers', name);
  return process.env[variable] ?? (existsSync(own) ? own : name);
}
