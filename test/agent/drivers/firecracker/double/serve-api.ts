// The API of the double: each request is judged by the API document of its version, and then by the state of the microVM.
import { openSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage } from 'node:http';
import type { Worker } from 'node:worker_threads';
import type { ApiDocument } from '../api-document.js';
import { type Config, openDevices, startVcpus } from './machine.js';

export interface Served {
  readonly path: string;
  readonly document: ApiDocument;
  readonly version: string;
  readonly words: readonly string[];
  readonly threads: readonly Worker[];
  /** Of a guest that was booted; absent: it waits for a snapshot. */
  readonly config?: Config;
  readonly say: (line: string) => void;
  readonly end: (code: number, line: string) => never;
}

type Body = Readonly<Record<string, unknown>>;
interface Answer {
  readonly status: number;
  readonly body?: unknown;
}
type Act = (method: string, url: string, body: Body) => Answer | Promise<Answer>;

interface Saved {
  readonly version: string;
  readonly config: Config;
  readonly balloon: number;
}

const MIB = 2 ** 20;
const fault = (message: string): Answer => ({ status: 400, body: { fault_message: message } });
const DONE: Answer = { status: 204 };

export async function serveApi(served: Served): Promise<void> {
  const { path, document, words } = served;
  const act = machineOf(served);
  const server = createServer(async (request, response) => {
    if (words.includes('double.hang')) return;
    const { method = '', url = '' } = request;
    const { status, body } = await judge(document, act, method, url, await textOf(request));
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(words.includes('double.nonsense') ? '}{' : body === undefined ? '' : JSON.stringify(body));
  });
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(path, resolve));
}

function machineOf({ version, words, threads, say, end, ...booted }: Served): Act {
  let config = booted.config;
  let state: 'Not started' | 'Running' | 'Paused' = config === undefined ? 'Not started' : 'Running';
  let balloon = 0;
  let metadata: unknown;
  const create = (body: Body): Answer => {
    if (state !== 'Paused') return fault('Cannot save a microVM that is running');
    const memory = String(body.mem_file_path);
    const saved = { version, config, balloon };
    try {
      writeFileSync(String(body.snapshot_path), JSON.stringify(saved));
      writeFileSync(memory, 'berth-double');
      if (words.includes('double.keep')) openSync(memory, 'r+');
      truncateSync(memory, words.includes('double.short') ? MIB / 2 : memoryOf(config));
      if (words.includes('double.fill')) writeFileSync(memory, Buffer.alloc(memoryOf(config), 'berth'));
    } catch (error) {
      return fault(`Cannot write the snapshot: ${String(error)}`);
    }
    return DONE;
  };
  const load = async (body: Body): Promise<Answer> => {
    const { snapshot_path: path, mem_backend: backend } = body as { snapshot_path: string; mem_backend: Body };
    let saved: Saved;
    try {
      saved = JSON.parse(readFileSync(path, 'utf8')) as Saved;
      const { size } = statSync(String(backend.backend_path));
      readFileSync(String(backend.backend_path));
      if (saved.version !== version) throw new Error('another version');
      if (size !== memoryOf(saved.config)) throw new Error(`the memory file has ${size} bytes`);
      openDevices(saved.config);
    } catch (error) {
      // It answers, and ends (Firecracker, rpc_interface.rs).
      setTimeout(() => end(1, `Error: RestoreFromSnapshot(${String(error)})`), 50);
      return fault(`Load snapshot error: ${String(error)}`);
    }
    config = saved.config;
    balloon = saved.balloon;
    await startVcpus(threads, config['machine-config'].vcpu_count);
    state = body.resume_vm === true ? 'Running' : 'Paused';
    return DONE;
  };
  const running: Act = (method, url, body) => {
    switch (`${method} ${url}`) {
      case 'GET /balloon':
        return { status: 200, body: { amount_mib: balloon, deflate_on_oom: true, stats_polling_interval_s: 0 } };
      case 'PATCH /balloon':
        if (Number(body.amount_mib) * MIB >= memoryOf(config))
          return fault('Amount of pages requested cannot fit in guest memory');
        balloon = Number(body.amount_mib);
        return DONE;
      case 'PATCH /vm':
        state = body.state === 'Paused' ? 'Paused' : 'Running';
        say(`double ${state}`);
        return DONE;
      case 'PUT /mmds':
        if (config?.['mmds-config'] === undefined) return fault('The MMDS data store is not initialized.');
        metadata = body;
        return DONE;
      case 'GET /mmds':
        return { status: 200, body: metadata ?? {} };
      case 'PUT /actions':
        if (body.action_type !== 'SendCtrlAltDel') return fault('The requested operation is not supported after boot');
        // A guest without a keyboard driver hears nothing.
        if (!words.includes('double.deaf')) setTimeout(() => end(0, '[    2.0] reboot: Restarting system'), 50);
        return DONE;
      case 'PUT /snapshot/create':
        return create(body);
      default:
        return fault(`The requested operation is not supported after starting the microVM: ${method} ${url}`);
    }
  };
  return (method, url, body) => {
    switch (`${method} ${url}`) {
      case 'GET /':
        return { status: 200, body: { app_name: 'Firecracker', id: 'vm', state, vmm_version: version } };
      case 'GET /version':
        return { status: 200, body: { firecracker_version: version } };
      case 'PUT /snapshot/load':
        return state === 'Not started' ? load(body) : fault('Loading a microVM snapshot not allowed after boot.');
      default:
        if (state !== 'Not started') return running(method, url, body);
        return fault('The requested operation is not supported before starting the microVM.');
    }
  };
}

function memoryOf(config: Config | undefined): number {
  return (config?.['machine-config'].mem_size_mib ?? 0) * MIB;
}

async function judge(
  document: ApiDocument,
  act: Act,
  ...[method, url, text]: readonly [string, string, string]
): Promise<Answer> {
  let body: unknown;
  try {
    body = text === '' ? undefined : JSON.parse(text);
  } catch {
    return fault('An error occurred when deserializing the json body of a request');
  }
  const problems = document.requestProblems(method, url, body);
  if (problems === undefined) return fault(`Invalid request method and/or path: ${method} ${url}`);
  return problems.length > 0 ? fault(problems.join('; ')) : act(method, url, (body ?? {}) as Body);
}

async function textOf(request: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of request.setEncoding('utf8')) text += chunk;
  return text;
}
