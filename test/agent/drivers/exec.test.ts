import { chmod, readFile, rename, symlink, unlink, utimes, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import test from 'ava';
import { PasswdFile } from '../../../agent/base/accounts.js';
import { setprivArguments } from '../../../agent/drivers/exec/command.js';
import { findUser } from '../../../agent/drivers/exec/user.js';
import { conformance } from './conformance.js';
import { contextFor, HOST, specOf, temporary, testExec } from './fixture.js';

const exec = (section: Record<string, unknown>) => specOf({ driver: 'exec', exec: { isolation: 'none', ...section } });

conformance({
  driver: () => testExec(),
  spec: () => exec({ command: ['sh', '-c', 'true'], env: { COLOUR: 'red' } }),
  missing: [
    {
      what: 'setpriv',
      spec: () => exec({ command: ['sh'] }),
      code: 'binary_missing',
      names: 'setpriv',
      without: ['setpriv'],
    },
    {
      what: 'unshare',
      spec: () => exec({ command: ['sh'], user: 'root' }),
      code: 'binary_missing',
      names: 'unshare',
      without: ['unshare'],
    },
    {
      what: 'the program',
      spec: () => exec({ command: ['berth-no-such'] }),
      code: 'binary_missing',
      names: 'berth-no-such',
    },
    { what: 'a directory', spec: () => exec({ command: ['/usr'] }), code: 'binary_missing', names: 'not a file' },
    {
      what: 'a file that cannot run',
      spec: () => exec({ command: ['/etc/passwd'] }),
      code: 'binary_missing',
      names: 'not executable',
    },
    { what: 'a relative path', spec: () => exec({ command: ['./x'] }), code: 'invalid_spec', names: 'exec.command' },
    { what: 'an empty program', spec: () => exec({ command: [''] }), code: 'binary_missing', names: 'exec.command' },
    {
      what: 'the user',
      spec: () => exec({ command: ['sh'], user: 'berth-nobody' }),
      code: 'invalid_spec',
      names: 'exec.user',
    },
    {
      what: 'a uid too large',
      spec: () => exec({ command: ['sh'], user: '4294967295' }),
      code: 'invalid_spec',
      names: 'exec.user',
    },
    {
      what: 'the working directory',
      spec: () => exec({ command: ['sh'], cwd: '/berth-no-such' }),
      code: 'invalid_spec',
      names: 'exec.cwd',
    },
  ],
});

test('the environment is what the spec says and berth adds, no more', async (t) => {
  const spec = exec({ command: ['sh'], env: { COLOUR: 'red', HOME: '/x', BERTH_TENANT: 'forged' } });
  const context = await contextFor(t);
  await testExec().prepare(spec, context);
  t.deepEqual((await readFile(join(context.directory, 'environment'), 'utf8')).split('\n').sort(), [
    '',
    "export BERTH_ADDRESS='10.9.8.7'",
    "export BERTH_TENANT='default'",
    "export BERTH_WORKLOAD_ID='w'",
    "export COLOUR='red'",
    "export HOME='/x'",
    "export PATH='/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'",
  ]);
  const onHost = { ...context, sandbox: HOST };
  await testExec().prepare(spec, onHost);
  t.notRegex(await readFile(join(context.directory, 'environment'), 'utf8'), /BERTH_ADDRESS/);
});

test('the program is looked up on the PATH of the spec', async (t) => {
  const directory = await temporary(t);
  const program = join(directory, 'tool');
  await writeFile(program, '#!/bin/sh\n');
  const spec = exec({ command: ['tool', '-v'], env: { PATH: `relative:${directory}` } });
  await t.throwsAsync(testExec().check(spec, await contextFor(t)), { message: /not executable/ });
  await chmod(program, 0o755);
  const launch = await testExec().prepare(spec, await contextFor(t));
  t.deepEqual(launch?.argv.slice(-2), [program, '-v']);
});

test('root keeps a fixed set of capabilities, others one or none', (t) => {
  const root = setprivArguments({ uid: 0, gid: 0, home: '/root', name: 'x' }, true).join(' ');
  t.regex(root, /--bounding-set=-all,\+audit_write,/);
  for (const name of ['sys_admin', 'net_admin', 'mknod', 'sys_ptrace', 'sys_module']) t.false(root.includes(name));
  const nobody = { uid: 65534, gid: 65534, home: '/', name: 'x' };
  t.true(setprivArguments(nobody, false).includes('--bounding-set=-all'));
  t.true(setprivArguments(nobody, true).includes('--bounding-set=-all,+net_bind_service'));
  t.true(setprivArguments({ ...nobody, name: undefined }, true).includes('--clear-groups'));
});

test('users by name and number', async (t) => {
  const file = join(await temporary(t), 'passwd');
  await writeFile(file, 'root:x:0:0:root:/root:/bin/sh\n+nis\n\nweb:x:33:44::/var/www:/bin/sh\nodd:x:y:1::/:/\n');
  const passwd = new PasswdFile(file);
  t.deepEqual(await findUser('web', passwd), { uid: 33, gid: 44, home: '/var/www', name: 'web' });
  t.deepEqual(await findUser('33', passwd), { uid: 33, gid: 44, home: '/var/www', name: 'web' });
  t.deepEqual(await findUser('6', passwd), { uid: 6, gid: 65534, home: '/', name: undefined });
  await t.throwsAsync(findUser('odd', passwd), { message: /exec\.user/ });
});

test('accounts are read again when their file has changed, and not before', async (t) => {
  const file = join(await temporary(t), 'passwd');
  const write = async (uid: number, at: number) => {
    await writeFile(`${file}+`, `web:x:${uid}:44::/var/www:/bin/sh\n`);
    await utimes(`${file}+`, at, at);
    await rename(`${file}+`, file);
  };
  const passwd = new PasswdFile(file);
  const uid = async () => (await findUser('web', passwd)).uid;
  await write(33, 1);
  t.is(await uid(), 33);
  await write(34, 1);
  t.is(await uid(), 34, 'another file of the same size and time');
  await writeFile(file, 'web:x:35:44::/var/www:/bin/sh\n');
  t.is(await uid(), 35, 'the same file, written a moment ago');
  const link = join(dirname(file), 'link');
  await symlink('/etc/passwd', link);
  const host = new PasswdFile(link);
  t.is(await host.accounts(), await host.accounts(), 'what has not changed is not read again');
  await unlink(link);
  await symlink(file, link);
  t.is((await findUser('web', host)).uid, 35, 'another file than the one that is known');
});
