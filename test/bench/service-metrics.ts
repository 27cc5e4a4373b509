/** The sum of all lines of one metric whose labels contain `label`. */
export type ServiceMetrics = (metric: string, label?: string) => number;

/** What a service tells of itself at `/metrics`, read once. */
export async function serviceMetrics(url: string): Promise<ServiceMetrics> {
  const lines = (await (await fetch(`${url}/metrics`)).text()).split('\n');
  return (metric, label = '') =>
    lines
      .filter((line) => line.startsWith(metric) && /[ {]/.test(line.charAt(metric.length)) && line.includes(label))
      .reduce((total, line) => total + Number(line.slice(line.lastIndexOf(' '))), 0);
}

/** Processor time that the process has used: says more than the clock on a machine that others use too. */
export const processorSeconds = (metrics: ServiceMetrics): number => metrics('process_cpu_seconds_total');
