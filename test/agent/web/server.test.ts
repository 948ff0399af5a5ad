import { request } from 'node:http';
import { connect } from 'node:net';
import { gunzipSync } from 'node:zlib';
import test from 'ava';
import { CadvisorPage } from '../../../agent/metrics/cadvisor/page.js';
import { type Sampled, Sampler } from '../../../agent/metrics/sampler.js';
import type { WorkloadSample } from '../../../agent/metrics/workload-families.js';
import { parseListen, startWebServer, type WebServer } from '../../../agent/web/server.js';
import { BerthError } from '../../../protocol/errors.js';
import { MadeUpNode } from '../metrics/fixture.js';
import { parseText } from '../metrics/text.js';

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
}

function ask(server: WebServer, path: string, method = 'GET', headers: Record<string, string> = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const client = request({ host: server.host, port: server.port, path, method, headers }, (response) => {
      response.toArray().then((parts) => {
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(parts) });
      }, reject);
    });
    client.on('error', reject);
    client.end();
  });
}

async function serve(node: MadeUpNode, listen = '127.0.0.1:0'): Promise<WebServer> {
  return startWebServer({ listen, ...node.pages() });
}

test('/metrics is page and registry, plain and in gzip', async (t) => {
  const node = new MadeUpNode(300, { process: true });
  await node.sampler.sample();
  const server = await serve(node);
  const plain = await ask(server, '/metrics');
  t.is(plain.status, 200);
  t.is(plain.headers['content-type'], 'text/plain; version=0.0.4; charset=utf-8');
  t.is(plain.headers['content-encoding'], undefined);
  const { series } = parseText(plain.body.toString());
  t.is([...series.values()].filter((s) => s.name === 'berth_workload_pids').length, 300);
  t.true(series.has('berth_node_ready[]'));

  const packed = await ask(server, '/metrics', 'GET', { 'Accept-Encoding': 'deflate, gzip;q=0.8' });
  t.is(packed.headers['content-encoding'], 'gzip');
  const unpacked = parseText(gunzipSync(packed.body).toString());
  t.is(unpacked.series.get('berth_scrape_series[]')?.value, node.page.series);
  const again = await ask(server, '/metrics', 'GET', { 'Accept-Encoding': 'gzip' });
  t.deepEqual(again.body, packed.body);
  node.step = 2;
  await node.sampler.sample();
  t.notDeepEqual((await ask(server, '/metrics', 'GET', { 'Accept-Encoding': 'gzip' })).body, packed.body);
  t.is(
    (await ask(server, '/metrics', 'GET', { 'Accept-Encoding': 'gzip;q=0' })).headers['content-encoding'],
    undefined,
  );
  await server.close();
});

test('/metrics/cadvisor is served where it is on, plain and in gzip', async (t) => {
  const node = new MadeUpNode(1);
  const off = await serve(node);
  const refused = await ask(off, '/metrics/cadvisor');
  t.is(refused.status, 404);
  t.regex(refused.body.toString(), /metrics\.cadvisor/);
  await off.close();

  const cadvisor = new CadvisorPage({ maxSeries: () => 1000, now: () => 0 });
  const mirror = {
    put: ({ id }: Sampled, latest: WorkloadSample) => cadvisor.put(id, { labels: { name: id }, quota: null }, latest),
    forget: (id: string) => cadvisor.forget(id),
  };
  const { page, rollup } = node;
  const sampler = new Sampler({ source: node, page, rollup, mirror, intervalMs: 1000 });
  await sampler.sample();
  const on = await startWebServer({ listen: '127.0.0.1:0', ...node.pages(), cadvisor: { page: cadvisor, sampler } });
  const plain = await ask(on, '/metrics/cadvisor');
  t.is(plain.headers['content-type'], 'text/plain; version=0.0.4; charset=utf-8');
  const { series } = parseText(plain.body.toString());
  t.deepEqual([...series.values()].find(({ name }) => name === 'container_threads')?.labels, { name: 'web-0' });
  t.true([...series.values()].every(({ name }) => name.startsWith('container_')));
  const packed = await ask(on, '/metrics/cadvisor', 'GET', { 'Accept-Encoding': 'gzip' });
  t.deepEqual(gunzipSync(packed.body), plain.body);
  t.is((await ask(on, '/metrics/cadvisor', 'HEAD')).body.length, 0);
  t.is((await ask(on, '/metrics/cadvisor', 'POST')).status, 405);
  await on.close();
});

test('health says alive at once and ready when it is', async (t) => {
  const node = new MadeUpNode(1);
  const server = await serve(node);
  for (const path of ['/healthz', '/livez', '/-/healthy', '/readyz', '/-/ready', '/readyz?verbose'])
    t.is((await ask(server, path)).status, 200, path);
  const described = node.describe();
  node.describe = () => ({ ...described, ready: false });
  t.is((await ask(server, '/readyz')).status, 503);
  t.is((await ask(server, '/healthz')).status, 200);
  const verbose = (await ask(server, '/readyz?verbose')).body.toString();
  t.regex(verbose, /no_kvm/);
  t.regex(verbose, /qemu: qemu-system-x86_64 is not installed/);
  await server.close();
});

test('the status page quotes what it shows and loads nothing', async (t) => {
  const node = new MadeUpNode(2);
  await node.sampler.sample();
  const server = await serve(node);
  const page = await ask(server, '/');
  const text = page.body.toString();
  t.is(page.status, 200);
  t.regex(text, /web-1/);
  t.regex(text, /load &#60;kvm&#62;/);
  t.notRegex(text, /<script|https?:/);
  const document: unknown = JSON.parse((await ask(server, '/status.json')).body.toString());
  t.like(document, { node: { name: 'node-1' }, workloads: [{ id: 'web-0', pids: 3, memoryLimitBytes: 268435456 }] });
  await server.close();
});

test('other methods and paths are refused', async (t) => {
  const server = await serve(new MadeUpNode(1));
  const post = await ask(server, '/metrics', 'POST');
  t.is(post.status, 405);
  t.is(post.headers.allow, 'GET, HEAD');
  t.is((await ask(server, '/nothing')).status, 404);
  for (const path of ['/metrics', '/', '/healthz']) {
    const head = await ask(server, path, 'HEAD');
    t.is(head.status, 200, path);
    t.is(head.body.length, 0, path);
  }
  await server.close();
});

test('a registry that fails is an error, and the server goes on', async (t) => {
  const node = new MadeUpNode(1);
  const server = await serve(node);
  const { registry } = node;
  const text = registry.text.bind(registry);
  registry.text = () => Promise.reject(new Error('no'));
  t.is((await ask(server, '/metrics')).status, 500);
  t.is((await ask(server, '/metrics', 'GET', { 'Accept-Encoding': 'gzip' })).status, 500);
  registry.text = text;
  t.is((await ask(server, '/metrics')).status, 200);
  t.is((await ask(server, '/metrics', 'GET', { 'Accept-Encoding': 'gzip' })).status, 200);
  await server.close();
});

test('a source that fails costs its families, not the scrape', async (t) => {
  const node = new MadeUpNode(1);
  node.capacity = () => {
    throw new Error('no');
  };
  await node.registry.text();
  const text = await node.registry.text();
  t.notRegex(text, /^berth_capacity/m);
  t.regex(text, /^berth_node_ready 1$/m);
  t.regex(text, /^berth_scrape_errors_total\{family="berth_capacity"\} [12]$/m);
});

test('a client that goes away in the middle does no harm', async (t) => {
  const node = new MadeUpNode(2000);
  await node.sampler.sample();
  const server = await serve(node);
  await new Promise<void>((resolve) => {
    const socket = connect(server.port, server.host, () => socket.write('GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n'));
    socket.once('data', () => {
      socket.pause();
      setTimeout(() => socket.destroy(), 50);
    });
    socket.once('close', () => resolve());
  });
  t.is((await ask(server, '/metrics')).status, 200);
  await server.close();
});

test('a taken port and a wrong address are explained', async (t) => {
  const server = await serve(new MadeUpNode(1));
  const error = await t.throwsAsync(serve(new MadeUpNode(1), `127.0.0.1:${server.port}`), { instanceOf: BerthError });
  t.is(error?.code, 'socket_in_use');
  t.regex(error?.hint ?? '', /web\.listen/);
  await server.close();
  await t.throwsAsync(serve(new MadeUpNode(1), '192.0.2.1:9464'), { code: 'os_error', message: /EADDRNOTAVAIL/ });
  for (const wrong of ['9464', 'localhost', '127.0.0.1:99999', '::1:80', '[::1]'])
    t.throws(() => parseListen(wrong), { code: 'config_invalid' }, wrong);
  t.deepEqual(parseListen('[::1]:9464'), { host: '::1', port: 9464 });
  t.deepEqual(parseListen('localhost:80'), { host: 'localhost', port: 80 });
  t.deepEqual(parseListen(':9464'), { host: '::', port: 9464 });
});

test('who asks for another node, or for a page of somebody else, is told nothing', async (t) => {
  const node = new MadeUpNode(1);
  const server = await serve(node);
  const refused: readonly (readonly [Record<string, string>, number])[] = [
    [{ Host: 'attacker.example' }, 421],
    [{ Origin: 'http://attacker.example' }, 403],
    [{ 'Sec-Fetch-Site': 'cross-site', 'Sec-Fetch-Mode': 'no-cors' }, 403],
  ];
  for (const path of ['/', '/metrics', '/status.json', '/healthz', '/readyz?verbose'])
    for (const [headers, status] of refused) {
      const answer = await ask(server, path, 'GET', headers);
      t.is(answer.status, status, path);
      t.false(answer.body.toString().includes('berth_'));
      t.is(answer.headers['access-control-allow-origin'], undefined);
      t.is(answer.headers['cross-origin-resource-policy'], 'same-origin');
    }
  t.is((await ask(server, '/healthz', 'GET', { Host: 'localhost:9464' })).status, 200);
  await server.close();
});
