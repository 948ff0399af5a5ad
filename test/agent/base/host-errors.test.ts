import { constants } from 'node:os';
import test from 'ava';
import { reportOf } from '../../../agent/base/errors.js';
import { HOST_PROBLEMS, type HostErrno, hostErrorOf } from '../../../agent/base/host-errors.js';
import { SysError } from '../../../linux/errors.js';
import { BerthError } from '../../../protocol/errors.js';

const ERRNOS = Object.keys(HOST_PROBLEMS) as HostErrno[];
const PATH = '/var/lib/berth/workloads/web-1.json';

/** As node:fs throws it. */
function nodeError(code: HostErrno): Error {
  const errno = -constants.errno[code];
  return Object.assign(new Error(`${code}: something, open '${PATH}'`), { errno, code, syscall: 'open', path: PATH });
}

for (const errno of ERRNOS)
  test(`${errno} is told as what the host lacks, with what to do, and never as a defect of berth`, (t) => {
    const full = errno === 'ENOSPC' || errno === 'EDQUOT';
    for (const error of [nodeError(errno), new SysError('write', constants.errno[errno], { path: PATH })]) {
      const { code, message, hint, data } = reportOf(error);
      t.is(code, full ? 'disk_full' : 'os_error');
      t.true(message.includes(PATH) && message.includes(HOST_PROBLEMS[errno].says) && message.includes(errno), message);
      t.is(hint, HOST_PROBLEMS[errno].fix.replaceAll('PATH', '/var/lib/berth/workloads'));
      t.is(data?.errno, errno);
      t.notRegex(`${message} ${hint}`, /defect|report it/);
    }
  });

test('no room in a file system of the kernel is a limit, and no full disk', (t) => {
  const error = new SysError('mkdir', constants.errno.ENOSPC, { path: '/sys/fs/cgroup/berth/acme' });
  const { code, message, hint } = reportOf(error);
  t.is(code, 'os_error');
  t.is(message, error.message);
  t.notRegex(hint, /df -h/);
});

test('the note of a system call is kept', (t) => {
  const error = new SysError('write', constants.errno.EIO, { path: PATH, note: 'a note' });
  t.regex(reportOf(error).message, /input\/output error \(EIO\): a note$/);
});

test('what no table knows keeps its own words, and a real defect stays one', (t) => {
  const odd = Object.assign(new Error('EPROTO: odd'), { errno: -71, code: 'EPROTO', syscall: 'read' });
  t.is(reportOf(odd).message, 'read: EPROTO');
  t.is(reportOf(new TypeError('x is not a function')).code, 'internal');
  t.is(hostErrorOf(new BerthError('not_found', 'no')), undefined);
  t.is(hostErrorOf('text'), undefined);
});
