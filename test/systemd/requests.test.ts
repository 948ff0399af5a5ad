import { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import test from 'ava';
import { cgroup2Mount } from '../../systemd/supervisor/cgroup.js';
import { readLines } from '../../systemd/supervisor/lines.js';
import { Orphans } from '../../systemd/supervisor/orphans.js';
import { MalformedRequest, parseRequest } from '../../systemd/supervisor/requests.js';

const spawn = { id: 'a/b', argv: ['/bin/true'], env: { A: 'b' }, cgroup: '/c', output: '/o' };

test('requests are parsed, with unknown fields dropped', (t) => {
  t.deepEqual(parseRequest('{"seq":1,"op":"list","more":1}'), { seq: 1, op: 'list' });
  t.deepEqual(parseRequest('{"seq":1,"op":"forget","id":"x"}'), { seq: 1, op: 'forget', id: 'x' });
  t.deepEqual(parseRequest('{"seq":1,"op":"later"}'), { seq: 1, op: 'unknown', name: 'later' });
  const line = JSON.stringify({ seq: 2, op: 'spawn', spawn: { ...spawn, cwd: '/', more: 1 }, token: 't' });
  t.deepEqual(parseRequest(line), { seq: 2, op: 'spawn', spawn: { ...spawn, cwd: '/' }, token: 't' });
});

const wrong: [string, object][] = [
  ['id', { id: '' }],
  ['id', { id: 'x'.repeat(201) }],
  ['id', { id: '\ud800' }],
  ['argv', { argv: [] }],
  ['argv\\[0\\]', { argv: ['true'] }],
  ['argv', { argv: ['/bin/true', 'a\0b'] }],
  ['env', { env: { 'A=B': 'c' } }],
  ['env', { env: { A: 1 } }],
  ['cgroup', { cgroup: 'c' }],
  ['output', { output: undefined }],
  ['pidFile', { pidFile: 'x' }],
];

for (const [field, change] of wrong) {
  test(`a spawn is refused: ${JSON.stringify(change)}`, (t) => {
    const line = JSON.stringify({ seq: 3, op: 'spawn', spawn: { ...spawn, ...change } });
    const error = t.throws(() => parseRequest(line), { instanceOf: MalformedRequest, message: new RegExp(field) });
    t.is(error?.seq, 3);
  });
}

test('what is no request is refused', (t) => {
  for (const line of ['', '[]', '1', '{"op":"list"}', '{"seq":1.5,"op":"list"}', '{"seq":1}']) {
    t.throws(() => parseRequest(line), { instanceOf: MalformedRequest });
  }
});

test('lines are put together from any pieces, up to the limit', (t) => {
  const socket = Object.assign(new EventEmitter(), { destroyed: false, writableEnded: false });
  const lines: string[] = [];
  let overflows = 0;
  readLines(
    socket as unknown as Socket,
    8,
    (line) => lines.push(line),
    () => {
      overflows += 1;
    },
  );
  for (const piece of ['ab', 'c\nde', '\n\nfg', 'hijklm']) socket.emit('data', Buffer.from(piece));
  t.deepEqual([lines, overflows], [['abc', 'de', ''], 0]);
  socket.emit('data', Buffer.from('n\n'));
  socket.emit('data', Buffer.from('x\n'));
  t.deepEqual([lines, overflows], [['abc', 'de', ''], 1]);
});

test('orphans are bounded, and an older process with the same pid is not taken', (t) => {
  const orphans = new Orphans(2);
  for (const pid of [1, 2, 3]) orphans.add({ pid, code: pid, signal: null }, 10 * pid);
  t.is(orphans.take(1, 0), undefined);
  t.is(orphans.take(2, 21), undefined);
  t.is(orphans.take(2, 20)?.code, 2);
  t.is(orphans.take(2, 20), undefined);
});

test('the cgroup2 mount of a hybrid host', (t) => {
  const mounts = 'tmpfs /sys/fs/cgroup tmpfs rw 0 0\ncgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0\n';
  t.is(cgroup2Mount(mounts), '/sys/fs/cgroup/unified');
  t.is(cgroup2Mount('proc /proc proc rw 0 0\n'), undefined);
});
