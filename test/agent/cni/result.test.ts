// Against the examples of the specification, section "Result Types", and its older formats.
import test from 'ava';
import { CniFault } from '../../../agent/cni/fault.js';
import { errorOf, resultOf } from '../../../agent/cni/result.js';
import { NO_NETWORK } from '../../../agent/model/record.js';

const sandbox = {
  ...{ ...NO_NETWORK, cgroup: 'acme/a', cgroupPath: '/x', netnsPath: '/run/netns/berth-a', kernelIp: null },
  ...{ netns: 'berth-a', hostLink: 'bxyz', mac: '0a:00:00:00:00:01', mtu: 1500, address: '10.0.0.7' },
};
const REQUEST = { netns: '/run/netns/x', ifname: 'eth0' };
const of = (cniVersion: '0.3.1' | '0.4.0' | '1.0.0' | '1.1.0', over: object = {}) =>
  resultOf({ cniVersion, dns: undefined }, REQUEST, { sandbox: { ...sandbox, ...over } });

test('1.1.0: interfaces with their MTU, addresses without a version', (t) => {
  t.deepEqual(of('1.1.0'), {
    cniVersion: '1.1.0',
    interfaces: [
      { name: 'bxyz', mtu: 1500 },
      { name: 'eth0', mac: '0a:00:00:00:00:01', mtu: 1500, sandbox: '/run/netns/x' },
    ],
    ips: [{ interface: 1, address: '10.0.0.7/32', gateway: '169.254.1.1' }],
    routes: [{ dst: '0.0.0.0/0', gw: '169.254.1.1' }],
    dns: {},
  });
});

test('1.0.0 has no MTU, and below that an address has its version', (t) => {
  t.deepEqual(of('1.0.0'), {
    cniVersion: '1.0.0',
    interfaces: [{ name: 'bxyz' }, { name: 'eth0', mac: '0a:00:00:00:00:01', sandbox: '/run/netns/x' }],
    ips: [{ interface: 1, address: '10.0.0.7/32', gateway: '169.254.1.1' }],
    routes: [{ dst: '0.0.0.0/0', gw: '169.254.1.1' }],
    dns: {},
  });
  for (const version of ['0.3.1', '0.4.0'] as const)
    t.like(of(version, { address6: 'fd00::7' }), {
      cniVersion: version,
      ips: [
        { version: '4', address: '10.0.0.7/32' },
        { version: '6', address: 'fd00::7/128', gateway: 'fe80::1' },
      ],
    });
});

test('a port of a bridge has the length and the gateway of its network', (t) => {
  const attachment = {
    ...({ mode: 'bridge', bridge: 'br0', prefix: 24, gateway: '10.0.0.1', isolated: true, vlan: null } as const),
    ...{ prefix6: 64, gateway6: null },
  };
  t.like(of('1.1.0', { attachment, address6: 'fd00::7' }), {
    ips: [{ address: '10.0.0.7/24', gateway: '10.0.0.1' }, { address: 'fd00::7/64' }],
    routes: [{ dst: '0.0.0.0/0', gw: '10.0.0.1' }],
  });
});

test('an error has code, message and details', (t) => {
  t.deepEqual(errorOf('1.0.0', new CniFault('config', 'wrong', 'how')), {
    ...{ cniVersion: '1.0.0', code: 7, msg: 'wrong', details: 'how' },
  });
  t.deepEqual(errorOf('1.1.0', new CniFault('later', 'wait')), { cniVersion: '1.1.0', code: 11, msg: 'wait' });
});
