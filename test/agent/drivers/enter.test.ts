// What a second process in a container may, made from what the first one may.
import test from 'ava';
import { type ContainerProcess, enteringProcess, parseUser } from '../../../agent/drivers/enter.js';
import { notBegun } from '../../../agent/workload/inside/execution.js';

const ALL = ['CAP_SETUID', 'CAP_SETGID', 'CAP_CHOWN'];
const root: ContainerProcess & Readonly<Record<string, unknown>> = {
  user: { uid: 0, gid: 0 },
  env: ['PATH=/bin', 'A=1', 'B=x=y'],
  cwd: '/srv',
  capabilities: { bounding: ALL, effective: ALL, permitted: ALL, inheritable: [], ambient: [] },
  noNewPrivileges: true,
  args: ['main'],
  terminal: false,
};
const other: ContainerProcess = { ...root, user: { uid: 7, gid: 8 }, capabilities: { bounding: ALL, effective: [] } };
const request = { command: ['sh', '-c', 'true'], env: {} };

test('without a user it is the main process with another program', (t) => {
  const { args, env, cwd, ...rest } = enteringProcess(root, { ...request, env: { B: 'z', C: '' } }, undefined);
  t.deepEqual(args, request.command);
  t.deepEqual(env, ['PATH=/bin', 'A=1', 'B=z', 'C=']);
  t.is(cwd, '/srv');
  const { args: _args, env: _env, cwd: _cwd, ...main } = root;
  t.deepEqual(rest, main);
});

test('a terminal has a size and TERM, unless the workload has one', (t) => {
  const tty = { columns: 80, rows: 24 };
  const made = enteringProcess(root, { ...request, tty }, undefined);
  t.like(made, { terminal: true, consoleSize: { width: 80, height: 24 } });
  t.true(made.env?.includes('TERM=xterm'));
  t.true(enteringProcess({ ...root, env: ['TERM=vt100'] }, { ...request, tty }, undefined).env?.includes('TERM=vt100'));
});

test('another user only where the workload may become one, and then without capabilities', (t) => {
  const made = enteringProcess(root, request, { uid: 9, gid: 9 });
  t.deepEqual(made.user, { uid: 9, gid: 9 });
  t.deepEqual(made.capabilities, { bounding: ALL, effective: [], permitted: [], inheritable: [], ambient: [] });
  t.deepEqual(enteringProcess(root, request, { uid: 0, gid: 0 }).capabilities, root.capabilities);
  t.deepEqual(enteringProcess(other, request, { uid: 7, gid: 8 }).user, { uid: 7, gid: 8 });
  for (const uid of [0, 8]) t.throws(() => enteringProcess(other, request, { uid, gid: 8 }), { code: 'not_permitted' });
  t.throws(() => enteringProcess(other, request, { uid: 7, gid: 0 }), { code: 'not_permitted' });
  t.throws(() => enteringProcess({ cwd: '/' }, request, { uid: 1, gid: 1 }), { code: 'not_permitted' });
});

test('users are numbers', (t) => {
  t.deepEqual(parseUser('0'), { uid: 0, gid: 0 });
  t.deepEqual(parseUser('5'), { uid: 5, gid: 65_534 });
  t.deepEqual(parseUser('5:6'), { uid: 5, gid: 6 });
  for (const wrong of ['', 'root', '1:', ':1', '-1', '1:2:3', '4294967295', '1:4294967295', '1 ', '0x1'])
    t.throws(() => parseUser(wrong), { code: 'invalid_params' }, wrong);
});

test('what a runtime could not start has the exit code of a shell', (t) => {
  const line = (msg: string) => `${JSON.stringify({ msg, level: 'error' })}\n`;
  t.like(notBegun(line('executable file `x` not found in $PATH: No such file or directory')), { exit: { code: 127 } });
  t.like(notBegun(line('open executable: Permission denied')), { exit: { code: 126 } });
  const other = notBegun(line('setns(pid): Operation not permitted'));
  t.is(other.exit, null);
  t.regex(other.error?.message ?? '', /setns/);
  t.regex(notBegun('text of another runtime').error?.message ?? '', /text of another runtime/);
});
