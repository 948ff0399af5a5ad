// Flows that go on while the rules change, as a process. `client` takes one question a line, as JSON; those with the same
// `from` are one flow: the same port, and for TCP the same connection for as long as it lasts. It prints who answered,
// `silence`, or `ended` for a connection that carries no more. `server NAME PORT...` answers
// everything with its name, and on all but the first port with `NAME-PORT`. Over TCP it also speaks unasked, blanks, as
// whoever streams does: a packet of the other end is not to bring back what is forgotten.
import { createSocket } from 'node:dgram';
import { connect, createServer, type Socket } from 'node:net';
import { createInterface } from 'node:readline';

export interface Question {
  readonly protocol: 'tcp' | 'udp';
  readonly address: string;
  readonly port: number;
  /** Our own port. */
  readonly from: number;
  readonly waitMs: number;
}

export interface Answer {
  readonly from: number;
  readonly who: string;
}

type Ask = (waitMs: number) => Promise<string>;

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

function datagrams(address: string, port: number, from: number): Ask {
  const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
  socket.bind(from);
  // Answers that come late belong to an earlier question.
  let question = 0;
  return (waitMs) =>
    new Promise((resolve) => {
      const mine = String(++question);
      const timer = setTimeout(() => resolve('silence'), waitMs);
      socket.on('message', (data) => {
        const [name = '', about] = String(data).split(' ');
        if (about !== mine) return;
        clearTimeout(timer);
        resolve(name);
      });
      socket.send(mine, port, address);
    });
}

function connections(address: string, port: number, from: number): Ask {
  let open: Socket | undefined;
  return (waitMs) =>
    new Promise((resolve) => {
      const fresh = open === undefined;
      const socket = open ?? connect({ host: address, port, localPort: from });
      open = socket;
      const settle = (text: string): void => {
        clearTimeout(timer);
        socket.removeAllListeners();
        socket.on('error', () => undefined);
        if (text === 'ended' || text === 'silence') {
          // What is not connected yet would be reset when it is.
          if (socket.connecting) socket.destroy();
          else socket.resetAndDestroy();
          open = undefined;
        }
        resolve(text);
      };
      const timer = setTimeout(() => settle(fresh ? 'silence' : 'ended'), waitMs);
      for (const end of ['error', 'close']) socket.once(end, () => settle(fresh ? 'silence' : 'ended'));
      socket.on('data', (data) => {
        const [who = ''] = String(data).trim().split(' ');
        if (who !== '') settle(who);
      });
      socket.write('1');
    });
}

function serve(name: string, port: number): void {
  createServer((socket) => {
    const speaking = setInterval(() => socket.write(' '), 50);
    socket.on('error', () => undefined);
    socket.on('close', () => clearInterval(speaking));
    socket.on('data', (data) => socket.write(`${name} ${data}`));
  }).listen(port, '::', () => {
    const socket = createSocket({ type: 'udp6' });
    socket.on('message', (data, from) => socket.send(`${name} ${data}`, from.port, from.address));
    socket.bind(port, () => print('ready'));
  });
}

const flows = new Map<number, Ask>();

async function answer(line: string): Promise<void> {
  const { protocol, address, port, from, waitMs }: Question = JSON.parse(line);
  const ask = flows.get(from) ?? (protocol === 'tcp' ? connections : datagrams)(address, port, from);
  flows.set(from, ask);
  print(JSON.stringify({ from, who: await ask(waitMs) } satisfies Answer));
}

const [, , mode, name = '', ...ports] = process.argv;
if (mode === 'server') for (const port of ports) serve(port === ports[0] ? name : `${name}-${port}`, Number(port));
else createInterface(process.stdin).on('line', (line) => void answer(line));
