// The API of the double: each request is judged by the API document, and then by the state of the microVM.
import { writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage } from 'node:http';
import type { ApiDocument } from '../api-document.js';

export interface Served {
  readonly path: string;
  readonly document: ApiDocument;
  readonly memoryMib: number;
  readonly words: readonly string[];
  readonly end: (code: number, line: string) => never;
}

type Body = Readonly<Record<string, unknown>>;
interface Answer {
  readonly status: number;
  readonly body?: unknown;
}

const fault = (message: string): Answer => ({ status: 400, body: { fault_message: message } });
const DONE: Answer = { status: 204 };

export async function serveApi({ path, document, memoryMib, words, end }: Served): Promise<void> {
  let state: 'Running' | 'Paused' = 'Running';
  let balloon = 0;
  const act = (method: string, url: string, body: Body): Answer => {
    switch (`${method} ${url}`) {
      case 'GET /':
        return { status: 200, body: { app_name: 'Firecracker', id: 'vm', state, vmm_version: '1.7.0' } };
      case 'GET /version':
        return { status: 200, body: { firecracker_version: '1.7.0' } };
      case 'GET /balloon':
        return { status: 200, body: { amount_mib: balloon, deflate_on_oom: true, stats_polling_interval_s: 0 } };
      case 'PATCH /balloon':
        if (Number(body.amount_mib) >= memoryMib) return fault('Amount of pages requested cannot fit in guest memory');
        balloon = Number(body.amount_mib);
        return DONE;
      case 'PATCH /vm':
        state = body.state === 'Paused' ? 'Paused' : 'Running';
        return DONE;
      case 'PUT /actions':
        if (body.action_type !== 'SendCtrlAltDel') return fault('The requested operation is not supported after boot');
        // A guest without a keyboard driver hears nothing.
        if (!words.includes('double.deaf')) setTimeout(() => end(0, '[    2.0] reboot: Restarting system'), 50);
        return DONE;
      case 'PUT /snapshot/create':
        if (state !== 'Paused') return fault('Cannot save a microVM that is running');
        writeFileSync(String(body.snapshot_path), JSON.stringify({ balloon }));
        writeFileSync(String(body.mem_file_path), Buffer.alloc(4096, 'berth'));
        return DONE;
      default:
        return fault(`not after boot: ${method} ${url}`);
    }
  };
  const server = createServer(async (request, response) => {
    if (words.includes('double.hang')) return;
    const { method = '', url = '' } = request;
    const { status, body } = judge(document, act, method, url, await textOf(request));
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(words.includes('double.nonsense') ? '}{' : body === undefined ? '' : JSON.stringify(body));
  });
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(path, resolve));
}

function judge(
  document: ApiDocument,
  act: (method: string, url: string, body: Body) => Answer,
  ...[method, url, text]: readonly [string, string, string]
): Answer {
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
