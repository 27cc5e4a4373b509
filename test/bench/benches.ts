import type { Bench } from './bench.js';
import { attacks } from './attacks.js';
import { detection } from './detection.js';
import { digits } from './digits.js';
import { intake } from './intake.js';
import { loop } from './loop.js';
import { pipeline } from './pipeline.js';
import { training } from './training.js';

/** The longest one last. */
export const benches: readonly Bench[] = [detection, pipeline, intake, training, digits, attacks, loop];
