import { createConnection } from 'node:net';
import { WebSocket } from 'ws';
import { isObject } from '../../../agent/control/rpc.js';

export interface RawConnection {
  readonly socket: WebSocket;
  readonly closed: Promise<number>;
  send(text: string): void;
  /** The next message that is not an event. */
  reply(): Promise<Record<string, unknown>>;
}

/** A websocket without our client's manners. */
export async function rawConnect(socketPath: string, protocol = 'berth.v1'): Promise<RawConnection> {
  const socket = new WebSocket('ws://localhost/', protocol, {
    perMessageDeflate: false,
    createConnection: () => createConnection(socketPath),
  });
  const replies: Record<string, unknown>[] = [];
  const waiting: ((reply: Record<string, unknown>) => void)[] = [];
  socket.on('message', (data) => {
    const message: unknown = JSON.parse(data.toString());
    if (!isObject(message) || message.method === 'event') return;
    const next = waiting.shift();
    if (next === undefined) replies.push(message);
    else next(message);
  });
  const closed = new Promise<number>((resolve) => socket.once('close', resolve));
  await new Promise<void>((resolve, reject) => {
    socket.once('open', resolve);
    socket.on('error', reject);
  });
  return {
    socket,
    closed,
    send: (text) => socket.send(text),
    reply: () => {
      const ready = replies.shift();
      return ready === undefined ? new Promise((resolve) => waiting.push(resolve)) : Promise.resolve(ready);
    },
  };
}

export function request(id: number, method: string, params: object = {}): string {
  return JSON.stringify({ jsonrpc: '2.0', id, method, params });
}
