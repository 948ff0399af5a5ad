// A real Prometheus on the target, scraping the agent as dashboards/prometheus.yml shows.
import type { Target } from './target.js';

const CONFIG = `global:
  scrape_interval: 2s
scrape_configs:
  - job_name: berth
    static_configs:
      - targets: ["127.0.0.1:9464"]
`;

/** Starts it once, waits until it is ready; a loopback port here that leads to it. */
export async function startPrometheus(target: Target): Promise<number> {
  await target.write('/var/lib/berth-prometheus/prometheus.yml', CONFIG);
  const start =
    'systemctl is-active -q berth-test-prometheus || systemd-run --unit=berth-test-prometheus --collect ' +
    'prometheus --config.file=/var/lib/berth-prometheus/prometheus.yml --storage.tsdb.path=/var/lib/berth-prometheus/data --web.listen-address=127.0.0.1:9090';
  await target.ssh(start);
  await target.waitFor('curl -sf http://127.0.0.1:9090/-/ready', {
    what: 'Prometheus to be ready',
    timeoutMs: 300_000,
  });
  return target.forward(9090);
}

interface Answer {
  readonly status: string;
  readonly error?: string;
  readonly data?: {
    readonly result: readonly { readonly metric: Record<string, string>; readonly value: [number, string] }[];
  };
}

/** The result of an instant query. Throws what Prometheus objects to. */
export async function query(
  port: number,
  expression: string,
): Promise<{ metric: Record<string, string>; value: string }[]> {
  const url = `http://127.0.0.1:${port}/api/v1/query?query=${encodeURIComponent(expression)}`;
  const answer = (await (await fetch(url)).json()) as Answer;
  if (answer.status !== 'success') throw new Error(`${expression}: ${answer.error}`);
  return (answer.data?.result ?? []).map(({ metric, value }) => ({ metric, value: value[1] }));
}

/** The one value of a query, as soon as there is one. */
export async function queryOne(port: number, expression: string, timeoutMs = 120_000): Promise<number> {
  for (const end = Date.now() + timeoutMs; ; ) {
    const [first] = await query(port, expression);
    if (first !== undefined) return Number(first.value);
    if (Date.now() > end) throw new Error(`Prometheus has no data for ${expression}`);
    await new Promise((resolve) => setTimeout(resolve, 1000));
  }
}
