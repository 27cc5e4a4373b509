/** What a collector tells of itself at `/metrics`. */
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
}

export async function collectorLevels(url: string): Promise<CollectorLevels> {
  const text = await (await fetch(`${url}/metrics`)).text();
  /** All lines of one metric whose labels contain `label`. */
  const sum = (metric: string, label = '') =>
    text
      .split('\n')
      .filter((line) => line.startsWith(metric) && /[ {]/.test(line.charAt(metric.length)) && line.includes(label))
      .reduce((total, line) => total + Number(line.slice(line.lastIndexOf(' '))), 0);
  return {
    read: sum('antibody_collector_events_total'),
    lost: sum('antibody_collector_lost_total'),
    shed: sum('antibody_collector_lost_total', 'reason="overflow"'),
    queued: sum('antibody_collector_queue_events'),
    watched: sum('antibody_collector_watched', 'watch="signals"'),
    memoryBytes: sum('process_resident_memory_bytes'),
  };
}
