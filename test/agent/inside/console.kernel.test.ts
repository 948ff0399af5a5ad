// The console of a guest, on the whole agent: what it writes, keys to it, and that it waits for nobody.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import type { ClientStream } from '../../../agent/control/client-stream.js';
import { guestAssets, tcgGuestArguments } from '../../lab/guest.js';
import { eventually } from '../drivers/host.js';
import { OwnAgent } from '../own-agent.js';
import { type OwnHost, openHost } from '../own-host.js';
import { type Client, connect } from '../told-client.js';

const BOOT_MS = 90_000;
/** More than the windows of a stream and what waits for a reader. */
const FLOOD = 500_000;

let host: OwnHost;
let agent: OwnAgent;
let client: Client;

const outputOf = (): string => {
  const path = join(host.directory, 'state', 'logs', 'vm.log');
  return existsSync(path) ? readFileSync(path, 'latin1') : '';
};

test.before(async (t) => {
  t.timeout(BOOT_MS * 2);
  host = await openHost();
  agent = new OwnAgent({
    ...{ directory: host.directory, prefix: host.prefix, start: host.start, cgroup: `berth-console-${process.pid}` },
    env: { BERTH_NETWORK_POOL: '10.219.0.0/28', BERTH_NETWORK_SLOTS: '0', BERTH_WEB_LISTEN: '' },
  });
  await agent.start();
  client = await connect(agent.socket);
  const { kernel, initrd } = await guestAssets();
  // Beside what the guest of the lab has: one that is nothing but a shell on its console.
  writeFileSync(join(host.directory, 'shell'), '#!/bin/busybox sh\nexec /bin/busybox sh -i\n', { mode: 0o755 });
  const cpio = ['-c', 'echo shell | cpio -o -H newc --quiet | gzip'];
  const more = execFileSync('/bin/sh', cpio, { cwd: host.directory });
  const both = join(host.directory, 'initrd');
  writeFileSync(both, Buffer.concat([readFileSync(initrd), more]));
  const append = `console=ttyS0 quiet rdinit=/shell ${await tcgGuestArguments()}`;
  const qemu = { kernel, initrd: both, append, memory: '128Mi' };
  const network = { mode: 'none' };
  await client.call('workload.create', { spec: { id: 'vm', driver: 'qemu', network, qemu } });
  await eventually(async () => (outputOf().includes('# ') ? true : undefined), BOOT_MS);
  const exec = { command: ['/bin/sleep', '1000'] };
  await client.call('workload.create', { spec: { id: 'box', driver: 'exec', network, exec } });
});

test.after.always(async () => {
  await client?.close();
  await agent?.end();
  host?.end();
});

const open = (by: Client = client): Promise<ClientStream> => by.open('workload.console', { id: 'vm' });
const codeOf = (call: Promise<unknown>): Promise<unknown> =>
  call.then(
    () => 'done',
    (error: { code?: unknown }) => error.code,
  );

/** Reads on until `found` is in what has come since the last call. */
function reader(stream: ClientStream): (found: string) => Promise<string> {
  const output = stream.output[Symbol.asyncIterator]();
  let text = '';
  return async (found) => {
    while (!text.includes(found)) {
      const { value, done } = await output.next();
      if (done === true) throw new Error(`the stream ended after ${JSON.stringify(text)}`);
      text += value.bytes.toString('latin1');
    }
    const all = text;
    text = '';
    return all;
  };
}

test.serial('keys go in, what the guest writes comes out, and is in the output of the workload as well', async (t) => {
  t.timeout(BOOT_MS * 2);
  const stream = await open();
  const until = reader(stream);
  await stream.write(Buffer.from('echo $((600+66))\n'));
  t.true((await until('666')).includes('echo $((600+66))'));
  await eventually(async () => (outputOf().includes('666') ? true : undefined));
  // The end of what is typed is not the end of the console.
  await stream.write(Buffer.from('sleep 1; echo $((700+77))\n'));
  stream.end();
  await until('777');

  const other = await connect(agent.socket);
  t.is(await codeOf(open(other)), 'console_in_use');
  t.is(await codeOf(client.open('workload.console', { id: 'box' })), 'console_unsupported');
  t.is(await codeOf(client.open('workload.console', { id: 'nobody' })), 'not_found');
  stream.close();
  await stream.ended;
  const again = await eventually(async () => await open(other));
  const seen = reader(again);
  await again.write(Buffer.from('echo $((800+88))\n'));
  await seen('888');
  // It ends with its session.
  await other.close();
  (await eventually(async () => await open())).close();
});

test.serial('a guest does not wait for who does not read', async (t) => {
  t.timeout(BOOT_MS * 2);
  const stream = await eventually(async () => await open());
  await stream.write(Buffer.from(`yes 0123456789 | head -c ${FLOOD}; echo at the $((4+4))th end\n`));
  await eventually(async () => (outputOf().includes('at the 8th end') ? true : undefined), BOOT_MS);
  await stream.write(Buffer.from('echo $((900+99))\n'));
  await eventually(async () => (outputOf().includes('999') ? true : undefined));
  const text = await reader(stream)('999');
  const missing = Number(/\[berth: (\d+) bytes are missing here\]/.exec(text)?.[1]);
  t.true(missing > 0 && missing < FLOOD, text.slice(-300));
  stream.close();
  await stream.ended;
});

test.serial('the next agent gives the console, too; the end of the machine is the end of the stream', async (t) => {
  t.timeout(BOOT_MS * 2);
  const stream = await eventually(async () => await open());
  const lost = t.throwsAsync(stream.ended);
  await agent.kill('SIGKILL');
  await lost;
  await client.close();
  await agent.start();
  client = await connect(agent.socket);
  const next = await eventually(async () => await open());
  await next.write(Buffer.from('echo $((500+55))\n'));
  await reader(next)('555');
  await client.call('workload.delete', { id: 'vm', now: true });
  t.deepEqual(await next.ended, { exit: { code: 0, signal: null }, error: null });
  t.true(['not_found', 'workload_ending'].includes(String(await codeOf(open()))));
});
