import { parseArgs } from 'node:util';

export const SCENARIOS = ['attack', 'drift', 'clean', 'bad-candidate'] as const;
export type Scenario = (typeof SCENARIOS)[number];

export interface DemoOptions {
  scenario: Scenario;
  attack: 'fgsm' | 'pgd';
  /** L-infinity radius of the attack, in input units (pixels are in [0, 1]). */
  eps: number;
  /** Share of the requests that are attacked. */
  fraction: number;
  seed: number;
  /** ONNX file to serve instead of the demo's own. */
  model: string | undefined;
  /** Policy to use instead of the demo's own. */
  policy: string | undefined;
  json: boolean;
  keep: boolean;
}

export class UsageError extends Error {
  override readonly name = 'UsageError';
}

export const HELP = `Antibody demo: a served model is attacked, and defends itself.

  npm run demo                                   FGSM at eps 0.1 on every request
  npm run demo -- --attack pgd --fraction 0.5    PGD on half of the requests
  npm run demo -- --scenario drift               noise, brightness, blur: no attack, no retraining

Starts NATS, Redis, a local predictor that serves a digit classifier, and the five services, each a process of its own.
Sends real handwritten digits over HTTP, attacks them white-box, and shows alarm, verdict, training, proof and rollout.

Options
  --scenario NAME   attack (default) | drift | clean | bad-candidate
                      attack         exits 0 only if the model recovered
                      drift          exits 0 only if nothing was taken for an attack, and nothing retrained
                      clean          exits 0 only if there was no alarm
                      bad-candidate  the training delivers a bad model: exits 0 only if it was stopped
  --attack NAME     fgsm (default) | pgd
  --eps NUMBER      radius of the attack, above 0 up to 1 (default 0.1)
  --fraction NUMBER share of the requests that are attacked, above 0 up to 1 (default 1)
  --seed INTEGER    order of the traffic and random starts of the attack (default 1); training has the seed of the policy
  --model FILE      ONNX file to serve, 1x28x28 digits in [0, 1]; it is calibrated first, which takes a minute
  --policy FILE     RobustnessPolicy (YAML); names, target, artifact, dataset and the attack's eps are filled in
  --json            one JSON object on standard output (docs/demo-result.schema.json), progress on standard error
  --keep            leave everything running after the end, until Ctrl-C; says at the start how to take part from outside
  --help

What to expect of the verdict on the demo's model, all requests attacked (from its calibration, which the demo prints)
  Requests from the alarm to the verdict, without labels: PGD 12 at any eps; FGSM some 40 to 50 at 0.05 to 0.2, 150 at 0.3.
  With every true label: 45 to 70 for any of these. On another model it may be quite different: FGSM in large steps, say, can
  need labels, since one large step forgets the gradient it came from.
  Low-frequency, universal and transferred perturbations end as drift or undetermined, and so may an attack on a small share
  of the requests.
`;

function number(name: string, text: string, low: number, high: number): number {
  const value = Number(text);
  if (!text.trim() || !(value >= low && value <= high))
    throw new UsageError(`--${name} must be a number from ${low} to ${high}, not "${text}"`);
  return value;
}

function whole(name: string, text: string, low: number, high: number): number {
  const value = number(name, text, low, high);
  if (!Number.isInteger(value)) throw new UsageError(`--${name} must be a whole number, not "${text}"`);
  return value;
}

function oneOf<T extends string>(name: string, text: string, allowed: readonly T[]): T {
  if (!allowed.includes(text as T))
    throw new UsageError(`--${name} must be one of ${allowed.join(', ')}, not "${text}"`);
  return text as T;
}

/** Reads the command line. Throws UsageError naming the option; `help` asks for the text. */
export function parseOptions(args: string[]): DemoOptions | 'help' {
  let values;
  try {
    ({ values } = parseArgs({
      args,
      options: {
        scenario: { type: 'string', default: 'attack' },
        attack: { type: 'string', default: 'fgsm' },
        eps: { type: 'string', default: '0.1' },
        fraction: { type: 'string', default: '1' },
        seed: { type: 'string', default: '1' },
        model: { type: 'string' },
        policy: { type: 'string' },
        json: { type: 'boolean', default: false },
        keep: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    }));
  } catch (error) {
    throw new UsageError(`${(error as Error).message.split(/\.\s/)[0]}; see --help`);
  }
  if (values.help) return 'help';
  return {
    scenario: oneOf('scenario', values.scenario, SCENARIOS),
    attack: oneOf('attack', values.attack, ['fgsm', 'pgd']),
    eps: number('eps', values.eps, 0.001, 1),
    fraction: number('fraction', values.fraction, 0.001, 1),
    seed: whole('seed', values.seed, 0, 2 ** 31),
    model: values.model,
    policy: values.policy,
    json: values.json,
    keep: values.keep,
  };
}
