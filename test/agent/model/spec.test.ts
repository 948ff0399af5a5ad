import test from 'ava';
import { parseSpec } from '../../../agent/model/spec.js';
import { BerthError } from '../../../protocol/errors.js';

const spec = (over: object) => ({ id: 'web', driver: 'exec', exec: { command: ['/bin/true'] }, ...over });
const memory = (of: object) => ({ resources: { memory: of } });
const cpu = (of: object) => ({ resources: { cpu: of } });

const refused: readonly [over: object, field: string, problem: RegExp][] = [
  [{ id: 'Web' }, 'id', /must be 1-63 of/],
  [{ id: '😀' }, 'id', /must be 1-63 of.*\(it is "😀"\)$/],
  [{ tenant: 'ünï' }, 'tenant', /must be 1-63 of/],
  [{ tenant: 'supervisor' }, 'tenant', /must not be "supervisor"/],
  [{ priority: 1e9 }, 'priority', /^must be at most 1000 /],
  [{ colour: 'red' }, 'colour', /^is not known here$/],
  [{ class: 'best' }, 'class', /^must be one of "guaranteed", "burstable", "besteffort" /],
  [cpu({ request: -1 }), 'resources.cpu.request', /^must be at least 0.001 \(it is -1\)$/],
  [cpu({ request: 1e308 }), 'resources.cpu.request', /^must be at most 4096 /],
  [
    cpu({ request: 'two' }),
    'resources.cpu.request',
    /^must be a number of cores such as 0.5 or "500m" \(it is "two"\)$/,
  ],
  [
    cpu({ limit: 0.05, period: '1ms' }),
    'resources.cpu.limit',
    /with this period the smallest limit is 1, with this limit the shortest period is 20ms \(it is 0.05\)$/,
  ],
  [cpu({ limit: 1, burst: '200ms' }), 'resources.cpu.burst', /^must not exceed the quota, which is 100ms/],
  [
    { resources: { hugepages: { '2Mi': '3Mi' } } },
    'resources.hugepages.2Mi',
    /^must be a multiple of the page size 2Mi/,
  ],
  [{ exec: { command: ['/x'], user: '-x' } }, 'exec.user', /^must be a user name or id/],
  [cpu({ cpus: '3-1' }), 'resources.cpu.cpus', /^must be a list of cpus .*each range ascending/],
  [cpu({ limit: 1, burst: '0.0001ms' }), 'resources.cpu.burst', /whole microseconds/],
  [memory({ request: '-5' }), 'resources.memory.request', /must be a size such as "128Mi".*\(it is "-5"\)$/],
  [memory({ request: '99999999999Ti' }), 'resources.memory.request', /must be a size/],
  [memory({ request: true }), 'resources.memory.request', /^must be a string or a number \(it is true\)$/],
  [memory({ limit: 1 }), 'resources.memory.limit', /must be at least 1Mi/],
  [{ resources: { pids: 1e20 } }, 'resources.pids', /^must be at most/],
  [{ resources: { licences: { dö: 1 } } }, 'resources.licences.dö', /^as a name: must be/],
  [{ restart: { policy: 'on-failure', maxRetries: -1 } }, 'restart.maxRetries', /^must be at least 0 /],
];

for (const [over, field, problem] of refused)
  test(`refused: ${JSON.stringify(over)}`, (t) => {
    const error = t.throws(() => parseSpec(spec(over)), { instanceOf: BerthError, code: 'invalid_spec' });
    const { fields = [] } = (error?.data ?? {}) as { fields?: { field: string; problem: string }[] };
    t.deepEqual(
      fields.map((one) => one.field),
      [field],
    );
    t.regex(fields[0]?.problem ?? '', problem);
    t.false(error?.message.includes('\n'));
  });

test('what is no object, and a driver that is none, are named', (t) => {
  t.throws(() => parseSpec(null), { code: 'invalid_spec', message: /\(spec\): must be an object/ });
  t.throws(() => parseSpec(spec({ driver: 'docker' })), { code: 'unknown_driver' });
});

test('a user is named as the system names its own', (t) => {
  for (const user of ['Debian-exim', 'first.last', '0', '65534', 'host$', '_apt'])
    t.is(parseSpec(spec({ exec: { command: ['/x'], user } })).exec?.user, user);
});

test('the same spec runs in a container or in a virtual machine: one word is another', (t) => {
  const spec = { id: 'a', image: 'docker://debian:13', env: { A: 'b' }, oci: { command: ['/x'], user: '5' } };
  const [container, guest] = ['oci', 'qemu'].map((driver) => parseSpec({ ...spec, driver }));
  t.deepEqual({ ...container, driver: 'qemu', qemu: guest?.qemu }, guest);
  t.deepEqual(guest, parseSpec({ ...spec, driver: 'qemu', qemu: {} }));
  const refused = (more: object, message: RegExp) =>
    t.throws(() => parseSpec({ ...spec, driver: 'qemu', ...more }), { message });
  refused({ qemu: { root: '/r' } }, /qemu\.root: does not go with an image/);
  refused({ qemu: { initrd: '/r' } }, /qemu\.initrd: does not go with an image/);
  refused({ oci: { writable: {} } }, /oci\.writable\.in: must be "memory"/);
  refused({ oci: { rootfs: '/r', command: ['/x'] } }, /image: needs exactly one/);
  refused({ image: undefined }, /oci: does not go with driver "qemu"/);
  refused({ image: undefined, oci: undefined, qemu: { root: '/r' } }, /qemu\.kernel: is needed without an image/);
  refused({ image: undefined, oci: undefined, qemu: { kernel: '/k' } }, /qemu: needs an image, an initrd/);
});

test('beside an image the section of driver oci may be left out, and is there for all who read the spec', (t) => {
  const image = 'docker://debian:13';
  t.deepEqual(parseSpec({ id: 'a', driver: 'oci', image }), parseSpec({ id: 'a', driver: 'oci', image, oci: {} }));
  t.throws(() => parseSpec({ id: 'a', driver: 'oci' }), { message: /^the workload is not valid: oci: is needed/ });
  t.throws(() => parseSpec({ id: 'a', driver: 'oci', image, oci: null }), { message: /oci: / });
  t.throws(() => parseSpec({ id: 'a', driver: 'exec', image, exec: { command: ['/x'] } }), { message: /image: / });
});
