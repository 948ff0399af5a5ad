// The API of Docker or of podman, as far as berth asks it, without containers: what hangs, restarts and says nonsense at will.
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import type { Stand, Started } from './stand.js';

/** Of what is asked, without the version: `list`, `inspect` and `events`. */
const KINDS: readonly (readonly [kind: Kind, path: RegExp])[] = [
  ['list', /^\/(?:v1\.41|v4\.0\.0\/libpod)\/containers\/json$/],
  ['inspect', /^\/(?:v1\.41|v4\.0\.0\/libpod)\/containers\/([0-9a-f]{64})\/json$/],
  ['events', /^\/(?:v1\.41|v4\.0\.0\/libpod)\/events$/],
];
type Kind = 'list' | 'inspect' | 'events';

interface Container extends Started {
  readonly id: string;
  readonly name: string;
  readonly pid: number;
}

export class EngineDouble implements Stand {
  readonly socket: string;
  readonly proc: string;
  readonly image = 'docker.io/library/app:1';
  /** Requests so far, by kind. */
  readonly asked: Record<Kind, number> = { list: 0, inspect: 0, events: 0 };
  /** Says this instead of what is right. */
  answer: ((kind: Kind) => string | undefined) | undefined;
  readonly #speaks: 'docker' | 'podman';
  readonly #containers = new Map<string, Container>();
  readonly #streams = new Set<ServerResponse>();
  readonly #sockets = new Set<Socket>();
  #held: (() => void)[] | undefined;
  #server: Server | undefined;
  #next = 1;

  /** `speaks`: its words for events. */
  constructor(directory: string, speaks: 'docker' | 'podman' = 'docker') {
    this.#speaks = speaks;
    this.socket = join(directory, 'engine.sock');
    this.proc = join(directory, 'proc');
    mkdirSync(this.proc);
  }

  async up(): Promise<void> {
    const server = createServer((request, response) => this.#serve(request, response));
    server.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
    });
    this.#server = server;
    await new Promise<void>((resolve) => server.listen(this.socket, resolve));
  }

  async down(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => server?.close(resolve) ?? resolve(undefined));
    rmSync(this.socket, { force: true });
  }

  async hang(): Promise<void> {
    this.#held ??= [];
  }

  /** Requests that wait. */
  get held(): number {
    return this.#held?.length ?? 0;
  }

  goOn(): void {
    for (const serve of this.#held?.splice(0) ?? []) serve();
    this.#held = undefined;
  }

  async start(name: string, started: Started = {}): Promise<string> {
    const pid = this.#next++;
    const id = pid.toString(16).padStart(64, '0');
    mkdirSync(join(this.proc, String(pid)), { recursive: true });
    writeFileSync(join(this.proc, String(pid), 'cgroup'), `0::/system.slice/docker-${id}.scope/inside\n`);
    this.#containers.set(id, { id, name, pid, ...started });
    this.#tell('start', id);
    return id;
  }

  async setMemory(id: string, memory: number): Promise<void> {
    const container = this.#containers.get(id);
    if (container !== undefined) this.#containers.set(id, { ...container, memory });
    this.#tell('update', id);
  }

  async stop(id: string): Promise<void> {
    this.#tell('kill', id, this.#speaks === 'docker' ? { signal: '9' } : {});
    await this.kill(id);
  }

  async stopInTime(id: string): Promise<void> {
    if (this.#speaks === 'docker') for (const signal of ['3', '9']) this.#tell('kill', id, { signal });
    await this.kill(id);
    this.#tell('stop', id);
  }

  async kill(id: string): Promise<void> {
    const container = this.#containers.get(id);
    this.#containers.delete(id);
    if (container !== undefined) rmSync(join(this.proc, String(container.pid)), { recursive: true });
    const attributes = { name: container?.name, image: this.image, ...container?.labels };
    if (this.#speaks === 'docker') this.#tell('die', id, { ...attributes, exitCode: '137' });
    else this.#tell('died', id, { ...attributes, containerExitCode: '137' });
  }

  /** To all who follow. */
  say(line: string): void {
    for (const stream of this.#streams) stream.write(line);
  }

  async end(): Promise<void> {
    await this.down();
  }

  #tell(action: string, id: string, attributes: object = {}): void {
    this.say(`${JSON.stringify({ Type: 'container', Action: action, Actor: { ID: id, Attributes: attributes } })}\n`);
  }

  #serve(request: IncomingMessage, response: ServerResponse): void {
    if (this.#held !== undefined) {
      this.#held.push(() => this.#serve(request, response));
      return;
    }
    const path = (request.url ?? '').split('?')[0] ?? '';
    for (const [kind, pattern] of KINDS) {
      const match = pattern.exec(path);
      if (match === null) continue;
      this.asked[kind]++;
      this.#answers(kind, match[1] ?? '', response);
      return;
    }
    noSuch(response);
  }

  #answers(kind: Kind, id: string, response: ServerResponse): void {
    const odd = this.answer?.(kind);
    const container = this.#containers.get(id);
    const all = [...this.#containers.keys()].map((one) => ({ Id: one }));
    if (odd !== undefined) response.end(odd);
    else if (kind === 'list') json(response, all);
    else if (kind === 'events') this.#stream(response);
    else if (container !== undefined) json(response, this.#inspected(container));
    else noSuch(response);
  }

  #stream(response: ServerResponse): void {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.flushHeaders();
    this.#streams.add(response);
    response.once('close', () => this.#streams.delete(response));
  }

  #inspected({ id, name, pid, memory = 0, pids = 0, labels = {} }: Container): object {
    return {
      ...{ Id: id, Name: `/${name}` },
      State: { Running: true, Paused: false, Pid: pid },
      Config: { Image: this.image, Labels: labels },
      HostConfig: { Memory: memory, NanoCpus: 0, CpuQuota: 50_000, CpuPeriod: 100_000, PidsLimit: pids },
    };
  }
}

function json(response: ServerResponse, value: unknown): void {
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(value));
}

function noSuch(response: ServerResponse): void {
  response.writeHead(404).end('{"message":"no such thing"}');
}
