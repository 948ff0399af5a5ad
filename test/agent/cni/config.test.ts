import test from 'ava';
import { attachmentId, attachmentSpec } from '../../../agent/cni/attachment.js';
import { parseConfig, VERSIONS, versionOf } from '../../../agent/cni/config.js';
import { CniFault, FAULTS, faultOf } from '../../../agent/cni/fault.js';
import { argsOf, type CniRequest, netnsOf, targetOf } from '../../../agent/cni/request.js';
import { BerthError } from '../../../protocol/errors.js';

const BASE = { cniVersion: '1.1.0', name: 'net', type: 'berth-cni' };
const TARGET = { containerId: 'c1', ifname: 'eth0' };
const REQUEST: CniRequest = { command: 'ADD', ...TARGET, netns: '/run/netns/x', args: '', config: '' };

const parse = (over: object) => parseConfig(JSON.stringify({ ...BASE, ...over }));
const specOf = (over: object, args = '') => attachmentSpec(parse(over), { ...REQUEST, args }, TARGET, 42);

function faultIn(act: () => unknown): { readonly code: number; readonly message: string } {
  try {
    act();
  } catch (error) {
    const { fault, message } = faultOf(error);
    return { code: FAULTS[fault], message };
  }
  return { code: 0, message: '' };
}

for (const [title, text, code, says] of [
  ['nothing', '', 6, /empty/],
  ['half a document', '{"name":', 6, /ends too early/],
  ['no object', '[]', 6, /must be a JSON object/],
  ['a key twice', '{"name":"a","name":"b"}', 6, /duplicate key/],
  ['no version, which is 0.1.0', '{"name":"a","type":"b"}', 1, /"0.1.0" is not supported/],
  ['a version to come', '{"cniVersion":"2.0.0"}', 1, /0\.3\.0, 0\.3\.1, 0\.4\.0, 1\.0\.0, 1\.1\.0/],
  ['a version that is no text', '{"cniVersion":1}', 1, /1 is not supported/],
] as const)
  test(`refused: ${title}`, (t) => {
    const found = faultIn(() => parseConfig(text));
    t.is(found.code, code);
    t.regex(found.message, says);
  });

for (const [over, code, says] of [
  [{ name: undefined }, 7, /name/],
  [{ name: '../etc' }, 7, /name/],
  [{ name: 'a'.repeat(129) }, 7, /name/],
  [{ tenant: 'Not A Tenant' }, 7, /tenant/],
  [{ tenant: { from: 'somewhere' } }, 7, /tenant/],
  [{ bridge: 'cni0' }, 2, /bridge is not supported.*"cni0"/],
  [{ ipam: { type: 'host-local' } }, 2, /ipam is not supported: berth leases/],
  [{ runtimeConfig: { ips: ['10.0.0.1/24'] } }, 2, /runtimeConfig\.ips/],
  [{ runtimeConfig: { portMappings: [{ hostPort: 70_000, containerPort: 1 }] } }, 7, /hostPort/],
  [{ 'cni.dev/valid-attachments': 'all' }, 7, /valid-attachments/],
] as const)
  test(`refused: ${JSON.stringify(over).slice(0, 80)}`, (t) => {
    const found = faultIn(() => parse(over));
    t.is(found.code, code, found.message);
    t.regex(found.message, says);
  });

test('keys of other domains, of runtimes and of libcni are accepted', (t) => {
  t.notThrows(() =>
    parse({
      ...{ 'io.example/thing': 1, 'cni.dev/attachments': [], capabilities: { portMappings: true } },
      ...{ prevResult: { ips: [] }, args: { cni: {} }, disableCheck: true, runtimeConfig: null },
    }),
  );
});

test('the version of an error is that of a document that may be broken', (t) => {
  for (const version of VERSIONS) t.is(versionOf(`{"cniVersion" : "${version}", broken`), version);
  t.is(versionOf(''), '1.1.0');
  t.is(versionOf('{"cniVersion":"9.9.9"}'), '1.1.0');
});

for (const [target, says] of [
  [{ containerId: '', ifname: 'eth0' }, /CNI_CONTAINERID.*not set/],
  [{ containerId: '-a', ifname: 'eth0' }, /CNI_CONTAINERID/],
  [{ containerId: 'a/../b', ifname: 'eth0' }, /CNI_CONTAINERID/],
  [{ containerId: 'a'.repeat(257), ifname: 'eth0' }, /CNI_CONTAINERID/],
  [{ containerId: 'a', ifname: '' }, /CNI_IFNAME/],
  [{ containerId: 'a', ifname: 'lo' }, /CNI_IFNAME/],
  [{ containerId: 'a', ifname: 'a b' }, /CNI_IFNAME/],
  [{ containerId: 'a', ifname: 'a2345678901234567' }, /CNI_IFNAME/],
] as const)
  test(`refused: ${JSON.stringify(target).slice(0, 60)}`, (t) => {
    t.like(
      faultIn(() => targetOf(target)),
      { code: 4 },
    );
    t.regex(faultIn(() => targetOf(target)).message, says);
  });

test('the environment: a namespace is a path, arguments are pairs', (t) => {
  for (const netns of ['', 'x', '/a\0b', `/${'a'.repeat(5000)}`]) t.is(faultIn(() => netnsOf({ netns })).code, 4);
  t.deepEqual(
    [...argsOf({ args: 'A=1;B=;C=x=y;' })],
    [
      ['A', '1'],
      ['B', ''],
      ['C', 'x=y'],
    ],
  );
  for (const args of ['A', '=1', 'a'.repeat(5000)]) t.is(faultIn(() => argsOf({ args })).code, 4);
});

test('an attachment is a workload of driver external in the namespace of the runtime', (t) => {
  const spec = specOf({ tenant: 'acme', network: { reachable: 'any', ipv6: false } }, 'K8S_POD_NAME=web\n0');
  t.like(spec, {
    ...{ tenant: 'acme', driver: 'external', external: { namespace: '/run/netns/x', inode: 42, interface: 'eth0' } },
    network: { mode: 'routed', reachable: 'any', ipv6: false },
    labels: { 'cni.network': 'net', 'cni.container': 'c1', 'cni.interface': 'eth0', 'kubernetes.pod': 'web?0' },
  });
  t.regex(spec.id, /^cni-[0-9a-f]{24}$/);
});

test('the id goes by network, container and interface, and by nothing between them', (t) => {
  const id = (name: string, containerId: string, ifname: string) => attachmentId({ name }, { containerId, ifname });
  const ids = [id('a', 'b', 'c'), id('ab', '', 'c'), id('a', 'bc', ''), id('a', 'b', 'd'), id('x', 'b', 'c')];
  t.is(new Set(ids).size, ids.length);
});

test('ports and rates of the capabilities, in the words of a spec', (t) => {
  const { network } = specOf({
    runtimeConfig: {
      portMappings: [
        { hostPort: 8080, containerPort: 80, protocol: 'TCP', hostIP: '0.0.0.0' },
        { hostPort: 0, containerPort: 81 },
        { hostPort: 53, containerPort: 53, protocol: 'udp', hostIP: '' },
      ],
      bandwidth: { ingressRate: 8_000_000, ingressBurst: 80_000, egressRate: 4_000_000, egressBurst: 2 ** 31 - 1 },
    },
  });
  t.deepEqual(network.ports, [
    { host: 8080, guest: 80, protocol: 'tcp' },
    { host: 53, guest: 53, protocol: 'udp' },
  ]);
  t.deepEqual(network.bandwidth, { ingress: { rate: 8_000_000, burst: 10_000 }, egress: { rate: 4_000_000 } });
});

for (const [over, code, says] of [
  [{ runtimeConfig: { portMappings: [{ hostPort: 1, containerPort: 2, protocol: 'sctp' }] } }, 2, /protocol "sctp"/],
  [{ runtimeConfig: { portMappings: [{ hostPort: 1, containerPort: 2, hostIP: '127.0.0.1' }] } }, 2, /hostIP/],
  [{ runtimeConfig: { bandwidth: { ingressRate: 5 } } }, 7, /network\.bandwidth/],
  [{ network: { ports: [] } }, 2, /portMappings/],
  [{ network: { dns: {} } }, 2, /network\.dns/],
  [{ network: { colour: 'red' } }, 7, /network\.colour/],
  [{ network: { mode: 'host' } }, 7, /external\.namespace/],
  [{ tenant: { from: 'kubernetes-namespace', prefix: 'k8s-' } }, 4, /K8S_POD_NAMESPACE/],
  [{ tenant: { from: 'kubernetes-namespace' } }, 7, /tenant/],
  [{ tenant: { from: 'kubernetes-namespace', prefix: '' } }, 7, /tenant/],
] as const)
  test(`refused as a workload: ${JSON.stringify(over).slice(0, 90)}`, (t) => {
    const found = faultIn(() => specOf(over));
    t.is(found.code, code, found.message);
    t.regex(found.message, says);
  });

test('the tenant of a pod is that of its namespace, behind the prefix', (t) => {
  const tenant = { from: 'kubernetes-namespace', prefix: 'k8s-' };
  t.is(specOf({ tenant }, 'K8S_POD_NAMESPACE=shop').tenant, 'k8s-shop');
  const hostile = faultIn(() => specOf({ tenant }, 'K8S_POD_NAMESPACE=../shop'));
  t.is(hostile.code, 7);
  t.regex(hostile.message, /tenant/);
});

test('what may be otherwise in a while is "try again later"', (t) => {
  for (const code of ['admission_refused', 'address_pool_exhausted', 'cordoned', 'shutting_down'] as const)
    t.is(faultOf(new BerthError(code, 'x')).fault, 'later');
  t.is(faultOf(new BerthError('conflict', 'x')).fault, 'refused');
  t.is(faultOf(new Error('x')).fault, 'refused');
  const own = new CniFault('gone', 'x');
  t.is(faultOf(own), own);
});
