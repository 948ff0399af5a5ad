// Registries on loopback: the real one, and one that can misbehave.
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { createServer, type ServerResponse } from 'node:http';
import { type AddressInfo, createServer as listen } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { ExecutionContext } from 'ava';
import { eventually } from '../drivers/host.js';
import { directoryOf } from './fixture.js';

export interface Registry {
  /** `127.0.0.1:PORT`. */
  readonly host: string;
  /** For images.registries_conf: no TLS. */
  readonly conf: string;
}

/** docker-registry; it ends with the test. */
export async function startRegistry(
  t: ExecutionContext,
): Promise<Registry & { push(layout: string, name: string): Promise<void> }> {
  const directory = await directoryOf(t);
  const port = await freePort();
  const host = `127.0.0.1:${port}`;
  await writeFile(
    join(directory, 'config.yml'),
    `version: 0.1\nlog: {level: error}\nstorage: {filesystem: {rootdirectory: ${directory}/data}}\nhttp: {addr: ${host}}\n`,
  );
  const child = spawn('docker-registry', ['serve', join(directory, 'config.yml')], { stdio: 'ignore' });
  t.teardown(async () => {
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
  });
  await eventually(async () => ((await fetch(`http://${host}/v2/`)).ok ? true : undefined));
  return {
    ...{ host, conf: await confOf(directory, host) },
    push: async (layout, name) => {
      const to = `docker://${host}/${name}`;
      const args = ['copy', '--quiet', '--dest-tls-verify=false', `oci:${layout}:latest`, to];
      await promisify(execFile)('skopeo', args, { timeout: 30_000 });
    },
  };
}

/** What is done instead of an answer; undefined: the answer. */
export type Fault = (response: ServerResponse, content: Buffer) => unknown;

export interface FaultyRegistry extends Registry {
  /** Paths that were asked for. */
  readonly asked: string[];
}

/** Serves the blobs of a layout; `fault` for each blob or manifest by its digest. */
export async function startFaulty(
  t: ExecutionContext,
  layout: string,
  faults: Readonly<Record<string, Fault>>,
): Promise<FaultyRegistry> {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    const answer = async (): Promise<void> => {
      const path = request.url ?? '';
      asked.push(`${request.method} ${path}`);
      const [, kind, name = ''] = /\/(manifests|blobs)\/([^/?]+)/.exec(path) ?? [];
      if (kind === undefined) return void response.end('{}');
      const index = JSON.parse(await readFile(join(layout, 'index.json'), 'utf8'));
      const [first] = index.manifests;
      const digest = name.startsWith('sha256:') ? name : first.digest;
      const content = await readFile(join(layout, 'blobs', 'sha256', digest.slice(7)));
      if (kind === 'manifests') response.setHeader('content-type', first.mediaType);
      response.setHeader('docker-content-digest', digest);
      const fault = faults[digest] ?? faults[kind];
      if (fault !== undefined) return void fault(response, content);
      response.setHeader('content-length', content.length);
      response.end(request.method === 'HEAD' ? undefined : content);
    };
    answer().catch(() => response.writeHead(404).end());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { host, asked, conf: await confOf(await directoryOf(t), host) };
}

async function confOf(directory: string, host: string): Promise<string> {
  const path = join(directory, 'registries.conf');
  await writeFile(path, `[[registry]]\nlocation = "${host}"\ninsecure = true\n`);
  return path;
}

async function freePort(): Promise<number> {
  const server = listen().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
