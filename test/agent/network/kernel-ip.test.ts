import test from 'ava';
import { NO_NETWORK, type Sandbox } from '../../../agent/model/record.js';
import { kernelIp } from '../../../agent/network/kernel-ip.js';

const VM: Sandbox = { ...NO_NETWORK, cgroup: 'a/vm', address: '10.140.0.9', tap: 'tap0' };
const BRIDGED = {
  ...{ mode: 'bridge' as const, bridge: 'br0', prefix: 22, gateway: '10.140.0.1', prefix6: null, gateway6: null },
  ...{ isolated: true, vlan: null },
};

test('routed: a /32 behind the gateway on the link; bridged: the real network', (t) => {
  const names = { hostname: 'vm', servers: [] };
  t.is(kernelIp(VM, names), 'ip=10.140.0.9::169.254.1.1:255.255.255.255:vm:eth0:off');
  t.is(kernelIp({ ...VM, attachment: BRIDGED }, names), 'ip=10.140.0.9::10.140.0.1:255.255.252.0:vm:eth0:off');
  const closed = { ...BRIDGED, gateway: null };
  t.is(kernelIp({ ...VM, attachment: closed }, names), 'ip=10.140.0.9:::255.255.252.0:vm:eth0:off');
});

test('two IPv4 name servers at most; the guest of a snapshot keeps its own address', (t) => {
  const names = { hostname: 'vm', servers: ['fd00::53', '9.9.9.9', '1.1.1.1', '8.8.8.8'], guestAddress: '172.16.0.2' };
  t.is(kernelIp(VM, names), 'ip=172.16.0.2::169.254.1.1:255.255.255.255:vm:eth0:off:9.9.9.9:1.1.1.1');
});

test('nothing without a tap or an address', (t) => {
  t.is(kernelIp({ ...VM, tap: null }, { hostname: 'vm', servers: [] }), null);
  t.is(kernelIp({ ...VM, address: null }, { hostname: 'vm', servers: [] }), null);
});
