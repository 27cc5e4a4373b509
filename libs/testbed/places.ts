import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const above = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');

/** The repository's folder, whether this file runs compiled from `dist/` or, in a test, from its source. */
const repository = basename(above) === 'dist' ? dirname(above) : above;

/** Compiled programs. */
export const built = (path: string): string => join(repository, 'dist', path);

/** Sources that compiled programs read: models, the demo's policy. */
export const testbedSource = (path: string): string => join(repository, 'libs/testbed', path);
