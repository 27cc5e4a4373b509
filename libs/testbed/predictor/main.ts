import { startPredictor } from './server.js';

const { env } = process;

function required(name: string): string {
  const value = env[name];
  if (!value) throw new Error(`${name} is missing`);
  return value;
}

try {
  const predictor = await startPredictor({
    host: env.HOST ?? '127.0.0.1',
    port: Number(env.PORT ?? 0),
    stateDir: required('STATE_DIR'),
    namespace: env.NAMESPACE ?? 'default',
    collectorUrl: env.COLLECTOR_URL || undefined,
    loggedHeaders: env.LOGGED_HEADERS?.split(','),
    first: env.MODEL ? { model: env.MODEL, revision: required('REVISION'), uri: required('MODEL_URI') } : undefined,
    random: Math.random,
    clock: () => new Date(),
  });
  console.log(JSON.stringify({ msg: 'listening', url: predictor.url }));

  process.once('SIGTERM', () => {
    void predictor.close().then(() => process.exit(0));
  });
} catch (error) {
  console.error((error as Error).message);
  process.exit(1);
}
