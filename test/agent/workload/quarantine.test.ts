import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { configSchema } from '../../../agent/config/schema.js';
import { parseSpec } from '../../../agent/model/spec.js';
import { Claims } from '../../../agent/network/claims.js';
import { parseRoutes, parseRoutes6, parseVsockIds, Quarantine } from '../../../agent/workload/quarantine.js';
import { temporaryDirectory } from '../../runner/temporary.js';

const ROUTES = `Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t00000000\t0202000A\t0003\t0\t0\t0\t00000000\t0\t0\t0
btabc\t0107C90A\t00000000\t0005\t0\t0\t0\tFFFFFFFF\t0\t0\t0
btabc\t0007C90A\t00000000\t0005\t0\t0\t0\t00FFFFFF\t0\t0\t0
docker0\t0207C90A\t00000000\t0005\t0\t0\t0\tFFFFFFFF\t0\t0\t0
`;

const ROUTES6 = [
  '00000000000000000000000000000000 00 00000000000000000000000000000000 00 fe800000000000000000000000000002 00000400 00000003 00000000 00450003     eth0',
  'fd000133000000000000000000000005 80 00000000000000000000000000000000 00 00000000000000000000000000000000 00000400 00000001 00000000 00000001    btabc',
  'fe800000000000000000000000000001 80 00000000000000000000000000000000 00 00000000000000000000000000000000 00000000 00000002 00000000 80200001    btabc',
  'ff000000000000000000000000000000 08 00000000000000000000000000000000 00 00000000000000000000000000000000 00000100 00000004 00000000 00000001    btabc',
  'fd000133000000000000000000000006 80 00000000000000000000000000000000 00 00000000000000000000000000000000 00000400 00000001 00000000 00000001  docker0',
].join('\n');

test('the same of IPv6, without the addresses of the links themselves', (t) => {
  t.deepEqual([...parseRoutes6(ROUTES6, 'bt')], ['fd00:133::5']);
});

test('host routes through our links, in dotted form', (t) => {
  t.deepEqual([...parseRoutes(ROUTES, 'bt')], ['10.201.7.1']);
});

test('vsock ids on the command line of QEMU, as words and as JSON', (t) => {
  const words = ['qemu-system-x86_64', '-append', 'cid=9', '-device', 'vhost-vsock-device,guest-cid=65536', ''];
  t.deepEqual(parseVsockIds(words.join('\0')), [65_536]);
  t.deepEqual(
    parseVsockIds('-device\0{"driver": "vhost-vsock-pci", "guest-cid": 7}\0-device\0x,guest-cid=8,id=y'),
    [7, 8],
  );
  t.deepEqual(parseVsockIds(''), []);
});

test('address and vsock id of an orphan are given to nobody as long as it has them', async (t) => {
  const proc = temporaryDirectory('quarantine');
  mkdirSync(join(proc, 'net'));
  writeFileSync(join(proc, 'net/route'), ROUTES.replace('0107C90A', '0200090A'));
  for (const [pid, id] of [
    ['41', 70],
    ['42', 71],
    ['43', 72],
  ] as const) {
    mkdirSync(join(proc, pid));
    writeFileSync(join(proc, pid, 'cmdline'), `qemu\0-device\0vhost-vsock-device,guest-cid=${id}\0`);
  }
  const claims = new Claims(configSchema.parse({ network: { pool: '10.9.0.0/29' } }).network, [70, 73]);
  const entry = (id: string, tag: string | undefined) => ({ tenant: 'acme', id, name: `acme/${id}`, tag });
  const pids = new Map([
    ['acme/lost', [41, 999]],
    ['acme/known', [42]],
    ['acme/others', [43]],
  ]);
  const quarantine = new Quarantine({
    ...{ claims, linkPrefix: 'bt', log: { warn: () => undefined }, proc },
    cgroups: {
      list: async () => [entry('lost', 'berth:lost'), entry('known', 'berth:known'), entry('others', undefined)],
      processes: (name) => pids.get(name) ?? [],
    },
  });
  const spec = (id: string) => parseSpec({ id, driver: 'external', external: { vsock: true } });
  const known = { ids: new Set(['known']), addresses: new Set<string>(), links: new Set<string>() };
  await quarantine.refresh({ known: async () => known });
  await quarantine.refresh({ known: async () => known });
  t.is(claims.vsockIds, 3, 'the ledger does not count on it');
  t.like(claims.claim(spec('a')), { vsockId: 71, address: '10.9.0.1' });
  t.like(claims.claim(spec('b')), { vsockId: 72, address: '10.9.0.3' });

  writeFileSync(join(proc, 'net/route'), '');
  rmSync(join(proc, '41'), { recursive: true });
  await quarantine.refresh({ known: async () => known });
  t.is(claims.vsockIds, 4);
  t.is(claims.claim(spec('c')).vsockId, 73);
  t.is(claims.claim(spec('d')).vsockId, 70);
});

test('what a workload has is its own, whoever else says so', async (t) => {
  const proc = temporaryDirectory('quarantine');
  mkdirSync(join(proc, '41'));
  writeFileSync(join(proc, '41/cmdline'), 'qemu\0guest-cid=70');
  const claims = new Claims(configSchema.parse({}).network, [70, 71]);
  const spec = parseSpec({ id: 'a', driver: 'external', external: { vsock: true } });
  t.is(claims.claim(spec).vsockId, 70);
  const quarantine = new Quarantine({
    ...{ claims, linkPrefix: 'bt', log: { warn: () => undefined }, proc },
    cgroups: {
      list: async () => [{ tenant: 'acme', id: 'lost', name: 'acme/lost', tag: 'berth:lost' }],
      processes: () => [41],
    },
  });
  const known = { ids: new Set<string>(), addresses: new Set<string>(), links: new Set<string>() };
  await quarantine.refresh({ known: async () => known });
  t.is(claims.vsockIds, 2);
  claims.release('a');
  await quarantine.refresh({ known: async () => known });
  t.is(claims.vsockIds, 1, 'from when it is free');
});
