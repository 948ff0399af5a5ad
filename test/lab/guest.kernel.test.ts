import { spawn } from 'node:child_process';
import test from 'ava';
import { guestArguments, guestAssets, tcgGuestArguments } from './guest.js';
import { freePort } from './machine.js';
import { ensurePackages } from './prerequisites.js';
import { poll } from './timing.js';

test('the guest boots on this machine under emulation, and answers http', async (t) => {
  t.timeout(300_000);
  await ensurePackages(['qemu-system-x86'], { why: 'to boot the microVM guest' });
  const { kernel, initrd } = await guestAssets();
  const port = await freePort();
  const lease = guestArguments({ address: '10.0.2.15', gateway: '10.0.2.2', mask: '255.255.255.255' });
  const qemu = spawn('setpriv', [
    ...['--pdeathsig', 'KILL', '--', 'qemu-system-x86_64', '-M', 'microvm', '-accel', 'tcg', '-cpu', 'qemu64'],
    ...['-m', '128', '-nodefaults', '-no-user-config', '-display', 'none', '-no-reboot', '-serial', 'stdio'],
    ...['-kernel', kernel, '-initrd', initrd, '-append', `${lease} ${await tcgGuestArguments()}`],
    ...['-netdev', `user,id=n0,hostfwd=tcp:127.0.0.1:${port}-:80`, '-device', 'virtio-net-device,netdev=n0'],
  ]);
  let said = '';
  qemu.stdout.on('data', (chunk: Buffer) => {
    said += chunk.toString();
  });
  try {
    const ready = async () => (said.includes('berth-guest ready') ? true : undefined);
    await poll(ready, { what: 'the guest boots', timeoutMs: 60_000, explain: () => said.slice(-2000) });
    t.regex(said, /berth-guest eth0 10\.0\.2\.15/);
    t.notRegex(said, /insmod .* failed/);
    t.is(await (await fetch(`http://127.0.0.1:${port}/`)).text(), 'hello from guest\n');
  } finally {
    qemu.kill('SIGKILL');
  }
});
