import { processorSeconds, serviceMetrics } from './service-metrics.js';

export interface CollectorLevels {
  /** Logged events that were read. */
  read: number;
  /** Logged events that were not, for whatever reason; `shed` of them because the queue was full. */
  lost: number;
  shed: number;
  queued: number;
  /** Revisions that are watched in full. */
  watched: number;
  memoryBytes: number;
  processorSeconds: number;
}

export async function collectorLevels(url: string): Promise<CollectorLevels> {
  const metrics = await serviceMetrics(url);
  return {
    read: metrics('antibody_collector_events_total'),
    lost: metrics('antibody_collector_lost_total'),
    shed: metrics('antibody_collector_lost_total', 'reason="overflow"'),
    queued: metrics('antibody_collector_queue_events'),
    watched: metrics('antibody_collector_watched', 'watch="signals"'),
    memoryBytes: metrics('process_resident_memory_bytes'),
    processorSeconds: processorSeconds(metrics),
  };
}
