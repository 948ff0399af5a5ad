import { mkdir, readdir, readFile, readlink, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { parseUids } from '../../../agent/config/drivers.js';
import { groupsOf } from '../../../agent/drivers/exec/user.js';
import { seccompProfile } from '../../../agent/drivers/seccomp.js';
import { claimUid, releaseUid } from '../../../agent/drivers/uids.js';
import { conformance } from './conformance.js';
import { contextFor, specOf, temporary, testExec } from './fixture.js';

const command = ['/bin/true'];
const shared = join(tmpdir(), `berth-exec-sandbox-${process.pid}`);
test.after.always(() => rm(shared, { recursive: true, force: true }));

conformance({
  driver: () => testExec({ shared }),
  spec: () => specOf({ driver: 'exec', exec: { command: ['sh', '-c', 'true'], isolation: 'sandbox' } }),
  missing: [
    {
      what: 'crun',
      spec: () => specOf({ driver: 'exec', exec: { command, isolation: 'sandbox' } }),
      code: 'binary_missing',
      names: 'crun',
      without: ['crun'],
    },
  ],
});

test('check names what a sandbox does not show', async (t) => {
  const context = await contextFor(t);
  const of = (exec: Record<string, unknown>) => specOf({ driver: 'exec', exec: { isolation: 'sandbox', ...exec } });
  const hidden = await temporary(t);
  await mkdir(join(hidden, 'in'));
  const driver = testExec({ hidden: ['/usr/bin'] });
  await t.throwsAsync(driver.check(of({ command: ['/usr/bin/env'] }), context), {
    message: /exec\.command.*\/usr\/bin/,
  });
  const inTemporary = testExec().check(of({ command, cwd: join(hidden, 'in') }), context);
  await t.throwsAsync(inTemporary, { message: /exec\.cwd/ });
});

test('no two workloads have one uid, and a crash at any point leaves no claim behind', async (t) => {
  const root = await temporary(t);
  const claims = join(root, 'uids');
  const uids = { first: 1000, last: 1019 };
  const directoryOf = async (id: string) => {
    const directory = join(root, id);
    await mkdir(directory, { recursive: true });
    return directory;
  };
  const claim = async (id: string) => claimUid(id, await directoryOf(id), claims, uids);
  const ids = Array.from({ length: 20 }, (_, i) => `w-${i}`);
  const given = await Promise.all(ids.map(claim));
  t.is(new Set(given).size, 20);
  t.true(given.every((uid) => uid >= uids.first && uid <= uids.last));
  // Again, as after a crash between the claim and the start.
  t.deepEqual(await Promise.all(ids.map(claim)), given);
  await t.throwsAsync(claim('one-more'), { message: /every uid of drivers\.exec\.uids/ });
  await releaseUid('one-more', await directoryOf('one-more'), claims);
  t.is((await readdir(claims)).length, 20, 'what another workload has is not released');
  await releaseUid('w-3', join(root, 'w-3'), claims);
  await releaseUid('w-3', join(root, 'w-3'), claims);
  t.is(await claim('one-more'), given[3] ?? 0);
  t.is(await readlink(join(claims, String(given[3]))), 'one-more');
  t.is(await readFile(join(root, 'one-more', 'uid'), 'utf8'), String(given[3]));
});

test('a range of uids', (t) => {
  t.deepEqual(parseUids('100-200'), { first: 100, last: 200 });
  for (const wrong of ['', '5', '0-10', '20-10', '1-4294967295', '-1-5', '1-2-3', '1 - 2', 'a-b'])
    t.is(parseUids(wrong), undefined, wrong);
});

test('groups of a user', async (t) => {
  const file = join(await temporary(t), 'group');
  await writeFile(file, 'root:x:0:\nweb:x:33:ann,bob\n+:::\nodd:x:y:bob\nx:x:5:bobby,bob\nown:x:7:bob\n');
  t.deepEqual(await groupsOf({ uid: 1, gid: 7, home: '/', name: 'bob' }, file), [33, 5]);
  t.deepEqual(await groupsOf({ uid: 1, gid: 7, home: '/', name: undefined }, file), []);
});

test('the system call filter lets through nothing that reaches the host', (t) => {
  const never = ['mount', 'unshare', 'setns', 'bpf', 'keyctl', 'add_key', 'request_key', 'init_module', 'finit_module'];
  const neither = ['kexec_load', 'reboot', 'perf_event_open', 'userfaultfd', 'open_by_handle_at', 'io_uring_setup'];
  const more = ['pivot_root', 'fsopen', 'open_tree', 'move_mount', 'swapon', 'syslog', 'settimeofday', 'iopl', 'kcmp'];
  for (const compatible of [false, true]) {
    const { defaultAction, syscalls } = seccompProfile(compatible, 'x64');
    t.is(defaultAction, 'SCMP_ACT_ERRNO');
    const allowed = syscalls.filter(({ action, args }) => action === 'SCMP_ACT_ALLOW' && args === undefined);
    const names = allowed.flatMap((rule) => rule.names);
    for (const name of [...never, ...neither, ...more, 'clone', 'clone3', 'socket', 'personality'])
      t.false(names.includes(name), name);
    t.is(new Set(names).size, names.length, 'each once');
    t.is(names.includes('socketcall'), compatible);
  }
  t.deepEqual(seccompProfile(false, 'arm64').architectures, ['SCMP_ARCH_AARCH64']);
  t.deepEqual(seccompProfile(true, 'x64').architectures, ['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86']);
});
