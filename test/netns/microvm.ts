// A real QEMU guest behind the tap of a sandbox, under TCG: it answers pings and http on port 80.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { SandboxNetwork } from '../../netns/types.js';
import { guestAssets, tcgGuestArguments } from '../lab/guest.js';

export interface Microvm {
  readonly child: ChildProcess;
  stop(): Promise<void>;
}

const READY_MS = 90_000;

/** Boots a guest that takes `ip` (address, gateway, mask); resolves when it says that it is ready. */
export async function startMicrovm(
  network: SandboxNetwork,
  ip: { readonly address: string; readonly gateway: string; readonly mask: string },
): Promise<Microvm> {
  const { kernel, initrd } = await guestAssets();
  const tap = network.netns === null ? network.hostLink : (network.tap?.name ?? '');
  const append = `console=ttyS0 quiet reboot=t panic=-1 ip=${ip.address}::${ip.gateway}:${ip.mask}::eth0:off ${await tcgGuestArguments()}`;
  const qemu = [
    'qemu-system-x86_64',
    ...['-M', 'microvm', '-accel', 'tcg', '-cpu', 'max', '-m', '128M', '-nodefaults', '-no-user-config'],
    ...['-display', 'none', '-no-reboot', '-serial', 'stdio', '-kernel', kernel, '-initrd', initrd, '-append', append],
    ...['-netdev', `tap,id=n0,ifname=${tap},script=no,downscript=no,vhost=off`],
    ...['-device', `virtio-net-device,netdev=n0,mac=${network.mac}`],
  ];
  const [program = '', ...args] = network.netns === null ? qemu : ['ip', 'netns', 'exec', network.netns, ...qemu];
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const stop = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
  };
  await new Promise<void>((resolve, reject) => {
    let console = '';
    const late = setTimeout(() => reject(new Error(`the guest is not ready:\n${console}`)), READY_MS);
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      console += text;
      if (!console.includes('berth-guest ready')) return;
      clearTimeout(late);
      resolve();
    });
    child.once('exit', (code) => reject(new Error(`QEMU ended with ${code}:\n${console}`)));
  }).catch(async (error: unknown) => {
    await stop();
    throw error;
  });
  return { child, stop };
}
