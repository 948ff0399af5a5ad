import test from 'ava';
import { parseSpec } from '../../../agent/model/spec.js';
import { requestOf } from '../../../agent/placement/request.js';

const OPEN = { cpus: null, mems: null };

function asked(more: { resources?: object } & Record<string, unknown>, named: Parameters<typeof requestOf>[2] = OPEN) {
  const memory = { memory: { limit: '1Gi' } };
  const { resources = {}, ...rest } = more;
  const spec = {
    id: 'w',
    driver: 'exec',
    exec: { command: ['true'] },
    resources: { ...memory, ...resources },
    ...rest,
  };
  const { exclusive, because } = requestOf(parseSpec(spec), 2 ** 30, named);
  return [exclusive, because];
}

const guaranteed = (resources: object = {}) => ({ class: 'guaranteed', resources });
const vm = { driver: 'qemu', exec: undefined, qemu: { kernel: '/k', initrd: '/i', vcpus: 3 } };

test('a guaranteed workload with a whole limit is alone', (t) => {
  t.deepEqual(asked(guaranteed({ cpu: { limit: 2 } })), [2, 'class guaranteed with a cpu limit of 2']);
});

test('others share, and it is said why', (t) => {
  t.deepEqual(asked({ resources: { cpu: { limit: 2 } } }), [0, 'class burstable']);
  t.deepEqual(asked(guaranteed({ cpu: { limit: 1.5 } })), [0, 'its cpu limit 1.5 is not a whole number']);
  t.deepEqual(asked(guaranteed()), [0, 'class guaranteed without a cpu limit']);
  t.deepEqual(asked(guaranteed({ cpu: { limit: 2 } }), { cpus: [1], mems: null }), [0, 'its spec names its cpus']);
});

test('a guaranteed VM is promised its vCPUs where it has no limit', (t) => {
  t.deepEqual(asked({ ...vm, class: 'guaranteed' }), [3, 'class guaranteed with 3 vCPUs']);
  t.deepEqual(asked({ ...vm, ...guaranteed({ cpu: { limit: 4 } }) }), [4, 'class guaranteed with a cpu limit of 4']);
  t.deepEqual(asked(vm), [0, 'class burstable']);
});

test('what it is comes along', (t) => {
  const { id, tenant, priority, vcpus, memory, listed, mems } = requestOf(
    parseSpec({ ...vm, id: 'v', tenant: 'acme', priority: 7 }),
    5,
    { cpus: [1, 2], mems: [0] },
  );
  t.deepEqual(
    { id, tenant, priority, vcpus, memory, listed, mems },
    {
      ...{ id: 'v', tenant: 'acme', priority: 7, vcpus: 3, memory: 5 },
      ...{ listed: [1, 2], mems: [0] },
    },
  );
});
