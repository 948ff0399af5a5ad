import { chmodSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { constants } from 'node:os';
import { wireErrorOf } from './failure.js';
import { MAX_LINE, readLines } from './lines.js';
import type { HeldProcess, SupervisorExitEvent, SupervisorHello, SupervisorReply } from './protocol.js';
import { MalformedRequest, type ParsedRequest, parseRequest } from './requests.js';
import type { ProcessTable } from './table.js';

// Events for a client that does not read pile up here; beyond it the client is cut off and will `list` when it is back.
const MAX_UNSENT = 16 * 1024 * 1024;

export interface SupervisorServer {
  announce(process: HeldProcess): void;
  close(): void;
}

/** Listens on `path`, mode 0600. A socket file that is there is taken to be a dead supervisor's: hold the lock first. */
export function listen(
  path: string,
  table: ProcessTable,
  hello: () => SupervisorHello,
  onProblem: (problem: string) => void,
): Promise<SupervisorServer> {
  const clients = new Set<Socket>();
  const server = createServer((socket) => {
    clients.add(socket);
    socket.on('close', () => clients.delete(socket));
    socket.on('error', () => socket.destroy());
    serve(socket, table, hello);
  });
  rmSync(path, { recursive: true, force: true });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    const umask = process.umask(0o177);
    // bind(2) happens within this call, so the socket is never open to others.
    server.listen(path, () => {
      server.on('error', (error) => onProblem(`socket: ${error.message}`));
      chmodSync(path, 0o600);
      resolve(serverOf(server, clients));
    });
    process.umask(umask);
  });
}

function serverOf(server: Server, clients: ReadonlySet<Socket>): SupervisorServer {
  return {
    announce(process) {
      const event: SupervisorExitEvent = { event: 'exit', process };
      for (const socket of clients) send(socket, event);
    },
    close() {
      server.close();
      for (const socket of clients) socket.destroy();
    },
  };
}

function serve(socket: Socket, table: ProcessTable, hello: () => SupervisorHello): void {
  const refuse = (seq: number, note: string) => {
    const reply: SupervisorReply = { seq, ok: false, error: { op: 'parse', errno: constants.errno.EINVAL, note } };
    socket.end(`${JSON.stringify(reply)}\n`);
  };
  const onLine = (line: string) => {
    let request: ParsedRequest;
    try {
      request = parseRequest(line);
    } catch (error) {
      if (!(error instanceof MalformedRequest)) throw error;
      refuse(error.seq, error.message);
      return;
    }
    const { seq } = request;
    answer(request, table, hello).then(
      (result) => send(socket, { seq, ok: true, result }),
      (error: unknown) => send(socket, { seq, ok: false, error: wireErrorOf(error) }),
    );
  };
  readLines(socket, MAX_LINE, onLine, () => refuse(0, `line longer than ${MAX_LINE} bytes`));
}

async function answer(request: ParsedRequest, table: ProcessTable, hello: () => SupervisorHello): Promise<unknown> {
  switch (request.op) {
    case 'hello':
      return hello();
    case 'list':
      return table.list();
    case 'spawn':
      return table.spawn(request.spawn, request.token);
    case 'forget':
      table.forget(request.id);
      return null;
    case 'unknown':
      throw Object.assign(new Error(request.name), { errno: constants.errno.ENOSYS, syscall: request.name });
  }
}

function send(socket: Socket, message: SupervisorReply | SupervisorExitEvent): void {
  if (socket.destroyed || socket.writableEnded) return;
  socket.write(`${JSON.stringify(message)}\n`);
  if (socket.writableLength > MAX_UNSENT) socket.destroy();
}
