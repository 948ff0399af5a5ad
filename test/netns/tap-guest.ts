// The least guest that can answer: attaches to a tap as a VMM would, replies to ARP for its address and to pings.
// Arguments: tap name, address, MAC. Runs inside the sandbox's namespace.
import { readSync, writeSync } from 'node:fs';
import { openTap } from '../../linux/tuntap.js';
import { inetBytes } from '../../netns/netlink/inet.js';

const [, , name = '', address = '', mac = ''] = process.argv;
const VNET_HEADER = 10;
const own = inetBytes(address);
const ownMac = Buffer.from(mac.replaceAll(':', ''), 'hex');

function answer(frame: Buffer): boolean {
  const type = frame.readUInt16BE(12);
  const body = frame.subarray(14);
  if (type === 0x0806 && body.readUInt16BE(6) === 1 && body.subarray(24, 28).equals(own)) {
    body.writeUInt16BE(2, 6);
    body.copy(body, 18, 8, 18);
    ownMac.copy(body, 8);
    own.copy(body, 14);
  } else if (type === 0x0800 && body.readUInt8(9) === 1 && body.readUInt8(20) === 8) {
    const from = Buffer.from(body.subarray(12, 16));
    own.copy(body, 12);
    from.copy(body, 16);
    body.writeUInt8(0, 20);
    // Type 8 became 0: the ones' complement sum grows by 0x0800 (RFC 1624).
    const sum = body.readUInt16BE(22) + 0x0800;
    body.writeUInt16BE((sum & 0xffff) + (sum >>> 16), 22);
  } else {
    return false;
  }
  frame.copy(frame, 0, 6, 12);
  ownMac.copy(frame, 6);
  return true;
}

const fd = openTap(name, { multiQueue: false, vnetHeader: true });
const buffer = Buffer.alloc(65536);
process.stdout.write('ready\n');
for (;;) {
  const length = readSync(fd, buffer);
  if (answer(buffer.subarray(VNET_HEADER, length))) {
    buffer.fill(0, 0, VNET_HEADER);
    writeSync(fd, buffer, 0, length);
  }
}
