// Taps by ioctl(2), see Documentation/networking/tuntap.rst; rtnetlink cannot make them. The device file must never
// reach epoll before TUNSETIFF, or the poll sees a dead file for ever (golang/go#30426): it is opened, used, closed.
import { closeSync, openSync } from 'node:fs';
import { SysError, sysErrorFrom } from './errors.js';
import { check, func } from './libc.js';

const DEVICE = '/dev/net/tun';
const TUNSETIFF = 0x400454ca;
const TUNSETPERSIST = 0x400454cb;
const TUNSETOWNER = 0x400454cc;
const IFF_TAP = 0x2;
const IFF_NO_PI = 0x1000;
const IFF_VNET_HDR = 0x4000;
const IFF_MULTI_QUEUE = 0x0100;
const IFREQ = 40;

const libc = {
  ioctlPointer: func('int ioctl(int fd, unsigned long request, void *argument)'),
  ioctlValue: func('int ioctl(int fd, unsigned long request, unsigned long argument)'),
};

/** How a tap is made and must be opened. */
export interface TapFlags {
  /** IFF_MULTI_QUEUE: up to 256 descriptors, each a queue. */
  readonly multiQueue: boolean;
  /** IFF_VNET_HDR: reads and writes carry a virtio_net_hdr of 10 bytes. */
  readonly vnetHeader: boolean;
}

/**
 * Opens a tap of this name in the calling thread's network namespace, making it when absent: IFF_TAP | IFF_NO_PI and
 * `flags`. The caller closes the descriptor. Throws SysError: EBUSY when another process is attached, EINVAL when a
 * link of another kind has the name or the tap was made with other flags.
 */
export function openTap(name: string, flags: TapFlags): number {
  let fd: number;
  try {
    fd = openSync(DEVICE, 'r+');
  } catch (error) {
    const failed = sysErrorFrom(error, 'open', DEVICE);
    if (!(failed instanceof SysError)) throw error;
    throw new SysError('open', failed.errno, { path: DEVICE, note: 'is the kernel module tun loaded?' });
  }
  try {
    const request = Buffer.alloc(IFREQ);
    request.write(name, 0, 15);
    const queues = flags.multiQueue ? IFF_MULTI_QUEUE : 0;
    const header = flags.vnetHeader ? IFF_VNET_HDR : 0;
    request.writeUInt16LE(IFF_TAP | IFF_NO_PI | queues | header, 16);
    check(libc.ioctlPointer(fd, TUNSETIFF, request), 'ioctl TUNSETIFF', { path: name });
  } catch (error) {
    closeSync(fd);
    throw error;
  }
  return fd;
}

/**
 * Makes a tap that outlives its maker and that `uid` may open. The owner is set before the persistence, so that a
 * crash between the two leaves no tap at all rather than one that its user cannot open. Throws SysError.
 */
export function makePersistentTap(name: string, owner: TapFlags & { readonly uid: number }): void {
  const { uid } = owner;
  const fd = openTap(name, owner);
  try {
    check(libc.ioctlValue(fd, TUNSETOWNER, uid), 'ioctl TUNSETOWNER', { path: name, value: String(uid) });
    check(libc.ioctlValue(fd, TUNSETPERSIST, 1), 'ioctl TUNSETPERSIST', { path: name });
  } finally {
    closeSync(fd);
  }
}
