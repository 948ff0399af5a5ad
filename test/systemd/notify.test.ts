import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import test, { type ExecutionContext } from 'ava';
import { connectNotify, watchdogIntervalMs } from '../../systemd/notify.js';

// Node cannot receive unix datagrams; Python can.
const RECEIVER = `
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1].replace('@', chr(0)))
print('bound', flush=True)
while True: print(repr(s.recv(4096).decode()), flush=True)
`;

async function receiver(t: ExecutionContext, address: string): Promise<() => Promise<string>> {
  const child = spawn('python3', ['-c', RECEIVER, address], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.teardown(() => child.kill('SIGKILL'));
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  const next = async () => String((await lines.next()).value);
  await next();
  return next;
}

test('every message arrives at an abstract socket', async (t) => {
  const address = `@berth-notify-${process.pid}`;
  const next = await receiver(t, address);
  const notify = connectNotify({ NOTIFY_SOCKET: address, WATCHDOG_USEC: '2000000' });
  t.true(notify.active);
  t.is(await next(), "'STATUS=starting'", 'a ping would start the period before the start is over');
  notify.ready('two\nlines');
  t.is(await next(), "'READY=1\\nSTATUS=two lines'");
  notify.status('ok');
  t.is(await next(), "'STATUS=ok'");
  notify.watchdog();
  t.is(await next(), "'WATCHDOG=1'");
  notify.reloading();
  t.regex(await next(), /^'RELOADING=1\\nMONOTONIC_USEC=\d+'$/);
  notify.extendTimeout(1500);
  t.is(await next(), "'EXTEND_TIMEOUT_USEC=1500000'");
  notify.stopping();
  t.is(await next(), "'STOPPING=1'");
});

test('without a service manager nothing happens', (t) => {
  const notify = connectNotify({});
  t.false(notify.active);
  t.notThrows(() => notify.ready());
});

test('a watchdog without a usable socket is an error at the start', (t) => {
  t.throws(() => connectNotify({ WATCHDOG_USEC: '1000000' }), { message: /NOTIFY_SOCKET/ });
  t.throws(() => connectNotify({ WATCHDOG_USEC: '1000000', NOTIFY_SOCKET: '/no/such' }), { message: /ENOENT/ });
  t.notThrows(() => connectNotify({ NOTIFY_SOCKET: '/no/such' }).ready());
});

test('the watchdog interval is half the period, and only for the process it is meant for', (t) => {
  t.is(watchdogIntervalMs({ WATCHDOG_USEC: '60000000' }), 30_000);
  t.is(watchdogIntervalMs({ WATCHDOG_USEC: '60000000', WATCHDOG_PID: String(process.pid) }), 30_000);
  t.is(watchdogIntervalMs({ WATCHDOG_USEC: '60000000', WATCHDOG_PID: '1' }), undefined);
  t.is(watchdogIntervalMs({}), undefined);
  t.is(watchdogIntervalMs({ WATCHDOG_USEC: 'x' }), undefined);
});
