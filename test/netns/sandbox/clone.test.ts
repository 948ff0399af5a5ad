import test from 'ava';
import { SysError } from '../../../linux/errors.js';
import type { Host } from '../../../netns/host.js';
import type { OpenNamespace } from '../../../netns/open-namespace.js';
import { guardGuest } from '../../../netns/sandbox/clone.js';
import type { SandboxNetwork } from '../../../netns/types.js';
import { makeNames } from '../lab.js';

const names = makeNames(0);
const [container, microvm] = [names.sandbox(1), names.microvm(1)];
const six = { address6: 'fd00:99::1' };
const port: SandboxNetwork['attachment'] = {
  ...{ mode: 'bridge', bridge: 'br0', prefix: 24, gateway: null, prefix6: 64, gateway6: null },
  ...{ isolated: true, vlan: null },
};

/** Of a namespace that nobody can enter: whoever has something to do there fails. */
function guard(network: SandboxNetwork): void {
  guardGuest({ home: -1 } as Host, { fd: -1 } as OpenNamespace, network);
}

for (const [what, network] of Object.entries({
  'a container': container,
  'a container with IPv6': { ...container, ...six },
  'a microVM': microvm,
  'a microVM with IPv6 on a bridge': { ...microvm, ...six, attachment: port },
}))
  test(`the start of ${what} sends nothing for a filter in its namespace`, (t) => {
    t.notThrows(() => guard(network));
  });

for (const [what, network] of Object.entries({
  'a microVM with IPv6': { ...microvm, ...six },
  'a clone': { ...microvm, tap: { ...microvm.tap, guestAddress: '192.168.1.2' } as SandboxNetwork['tap'] },
}))
  test(`the start of ${what} makes one there`, (t) => {
    t.throws(() => guard(network), { instanceOf: SysError, message: /EBADF/ });
  });
