// One end of a conversation inside a namespace, as a process: `serve PORT` answers TCP and UDP with who asked,
// `tcp|udp HOST PORT` prints the answer or the error. Waits at most 1.5 s.
import { createSocket } from 'node:dgram';
import { connect, createServer } from 'node:net';

const [, , mode = '', first = '', second = ''] = process.argv;
const WAIT_MS = 1500;

function say(text: string): never {
  process.stdout.write(`${text}\n`);
  process.exit(0);
}

if (mode === 'serve') {
  const port = Number(first);
  createServer((socket) => {
    socket.on('error', () => {});
    socket.on('data', (data) => socket.write(data));
    socket.write(`tcp ${socket.remoteAddress}`);
  }).listen(port, '::', () => {
    const datagrams = createSocket({ type: 'udp6' });
    datagrams.on('message', (_, from) => datagrams.send(`udp ${from.address}`, from.port, from.address));
    datagrams.bind(port, () => process.stdout.write('ready\n'));
  });
} else if (mode === 'tcp') {
  const socket = connect(Number(second), first);
  socket.on('data', (data) => say(String(data)));
  socket.on('error', (error) => say('code' in error ? String(error.code) : error.message));
  setTimeout(() => say('silence'), WAIT_MS);
} else {
  const socket = createSocket(first.includes(':') ? 'udp6' : 'udp4');
  socket.on('message', (data) => say(String(data)));
  socket.on('error', (error) => say(error.message));
  socket.send('hello', Number(second), first);
  setTimeout(() => say('silence'), WAIT_MS);
}
