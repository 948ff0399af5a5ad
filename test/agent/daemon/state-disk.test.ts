import test from 'ava';
import { StateDisk } from '../../../agent/daemon/state-disk.js';
import type { Condition } from '../../../agent/model/condition.js';
import { SysError } from '../../../linux/errors.js';

const ENOSPC = 28;
const EROFS = 30;
const PATH = '/var/lib/berth/workloads/web-1.json';

function newDisk() {
  const raised = new Map<string, Condition>();
  let source: () => readonly Condition[] = () => [];
  const host = {
    bytes: 2 ** 30,
    inodes: 1000 as number | null,
    fails: undefined as unknown,
    now: 0,
    probes: 0,
    refills: 0,
  };
  const disk = new StateDisk({
    ...{ state: '/var/lib/berth', runtime: '/run/berth', now: () => host.now },
    conditions: {
      raise: (condition) => void raised.set(condition.code, condition),
      clear: (code) => void raised.delete(code),
      add: (added) => {
        source = added;
      },
    },
    room: (directory) => (directory === '/run/berth' ? { bytes: 2 ** 30, inodes: null } : host),
    async probe() {
      host.probes += 1;
      if (host.fails !== undefined) throw host.fails;
    },
    async refill() {
      host.refills += 1;
    },
  });
  const codes = (): string[] => [...raised.keys(), ...source().map(({ code }) => code)];
  return { disk, host, raised, codes };
}

test('a write that fails is a condition that names the cause, until one works', (t) => {
  const { disk, raised, codes } = newDisk();
  let told = 0;
  disk.onWritable(() => {
    told += 1;
  });
  disk.outcome(new SysError('write', EROFS, { path: PATH }));
  const { why = '', blocksReady } = raised.get('journal_unwritable') ?? {};
  t.regex(why, /web-1\.json: the file system is read-only \(EROFS\)/);
  t.true(blocksReady);
  t.false(disk.writable);
  disk.outcome(undefined);
  t.deepEqual(codes(), []);
  t.true(disk.writable);
  t.is(told, 1);
});

test('the condition goes by itself: while it stands, a small file is tried', async (t) => {
  const { disk, host, codes } = newDisk();
  host.fails = new SysError('write', EROFS, { path: PATH });
  disk.outcome(host.fails);
  await disk.look();
  t.deepEqual(codes(), ['journal_unwritable']);
  host.fails = undefined;
  await disk.look();
  t.deepEqual(codes(), []);
  await disk.look();
  t.is(host.probes, 2, 'nothing is written when all is well');
  t.is(host.refills, 1);
});

test('a full disk is found when asked, before anybody writes, and does not flap while it is full', async (t) => {
  const { disk, host, codes } = newDisk();
  t.deepEqual(codes(), []);
  host.bytes = 4096;
  host.fails = new SysError('write', ENOSPC, { path: PATH });
  t.deepEqual(codes(), [], 'an answer holds for seconds');
  host.now += 2001;
  t.deepEqual(codes(), ['disk_full']);
  await disk.look();
  t.deepEqual(codes(), ['journal_unwritable', 'disk_full']);
  host.fails = undefined;
  disk.outcome(undefined);
  await disk.look();
  t.deepEqual(codes(), ['journal_unwritable', 'disk_full']);
  host.bytes = 2 ** 30;
  host.now += 2001;
  await disk.look();
  t.deepEqual(codes(), []);
});

test('a disk without inodes is full as well', (t) => {
  const { host, codes } = newDisk();
  host.inodes = 3;
  t.deepEqual(codes(), ['disk_full']);
});
