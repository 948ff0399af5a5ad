// A Prometheus of our own for one test: temporary directory, loopback port, ended with the test.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import * as z from 'zod';

export interface Prometheus {
  /** Instant query; throws with Prometheus' own words when it is not valid. */
  query(expr: string): Promise<readonly { labels: Readonly<Record<string, string>>; value: string }[]>;
  stop(): Promise<void>;
}

const answer = z.object({
  status: z.string(),
  error: z.string().optional(),
  data: z
    .object({
      result: z.array(z.object({ metric: z.record(z.string(), z.string()), value: z.tuple([z.number(), z.string()]) })),
    })
    .optional(),
});

/** Scrapes `target` (host:port) as job `berth` every second, with the rules of `rules`. Resolves when it is ready. */
export async function startPrometheus(target: string, rules: URL): Promise<Prometheus> {
  const directory = mkdtempSync(join(tmpdir(), 'berth-prometheus-'));
  const port = await freePort();
  cpSync(rules, join(directory, 'rules.yaml'));
  writeFileSync(
    join(directory, 'prometheus.yml'),
    `global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: [rules.yaml]
scrape_configs: [{job_name: berth, static_configs: [{targets: ['${target}']}]}]
`,
  );
  const base = `http://127.0.0.1:${port}`;
  const child = spawn(
    'prometheus',
    [
      `--config.file=${join(directory, 'prometheus.yml')}`,
      `--storage.tsdb.path=${join(directory, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
      '--log.level=warn',
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  let log = '';
  child.stderr.on('data', (chunk: Buffer) => {
    log += chunk.toString();
  });
  const ended = once(child, 'exit');
  const stop = async (): Promise<void> => {
    child.kill('SIGTERM');
    await ended;
    rmSync(directory, { recursive: true, force: true });
  };
  for (let tries = 0; ; tries += 1) {
    const ready = await fetch(`${base}/-/ready`).then(
      (response) => response.ok,
      () => false,
    );
    if (ready) break;
    if (tries === 300 || child.exitCode !== null) {
      await stop();
      throw new Error(`Prometheus does not get ready: ${log}`);
    }
    await sleep(100);
  }
  const query: Prometheus['query'] = async (expr) => {
    const response = await fetch(`${base}/api/v1/query`, {
      method: 'POST',
      body: new URLSearchParams({ query: expr }),
    });
    const { status, error, data } = answer.parse(await response.json());
    if (status !== 'success' || data === undefined) throw new Error(`${expr}: ${error ?? status}`);
    return data.result.map(({ metric, value }) => ({ labels: metric, value: value[1] }));
  };
  return { query, stop };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}
