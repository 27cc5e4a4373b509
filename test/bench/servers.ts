import { fileURLToPath } from 'node:url';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { startNats, startProgram, startRedis, type NodeProcess, type ServiceName } from '#testbed';

export interface OneService {
  service: NodeProcess;
  connection: NatsConnection;
}

/** Real NATS and Redis, and one of our services as a process of its own, for the time of `work`. Everything lies in `folder`. */
export async function withService<T>(
  name: ServiceName,
  folder: string,
  work: (parts: OneService) => Promise<T>,
): Promise<T> {
  const ends: (() => Promise<unknown>)[] = [];
  try {
    const nats = await startNats();
    ends.push(() => nats.stop());
    const redis = await startRedis();
    ends.push(() => redis.stop());
    const service = await startProgram({
      name,
      script: fileURLToPath(new URL(`../../services/${name}/main.js`, import.meta.url)),
      env: { NATS_URL: nats.url, REDIS_URL: redis.url, ARTIFACTS_DIR: `${folder}/artifacts`, LOG_LEVEL: 'info' },
      logDir: `${folder}/logs`,
    });
    ends.push(() => service.kill('SIGTERM'));
    const connection = await connect({ servers: nats.url });
    ends.push(() => connection.close());
    return await work({ service, connection });
  } finally {
    for (const end of ends.reverse()) await end();
  }
}
