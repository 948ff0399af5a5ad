import { execFileSync } from 'node:child_process';
import { existsSync, lstatSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { connect } from '../../../agent/control/client.js';
import { listenLocal } from '../../../agent/control/local-socket.js';
import type { PeerCredentials } from '../../../linux/unix-peer.js';
import { startHarness, temporaryDirectory } from './harness.js';

const options = (path: string) => ({
  path,
  ...{ maxPayload: 1 << 20, connections: 10, handshakeMs: 5000 },
  admit: async ({ uid }: PeerCredentials) =>
    ({ kind: 'local', uid, role: 'operator', scopes: [], allow: null }) as const,
  onConnection: () => undefined,
});

test('the socket is for root and its group', async (t) => {
  const { control } = await startHarness(t);
  t.is(lstatSync(control.socketPath).mode & 0o777, 0o660);
});

test('a socket somebody answers on is left alone', async (t) => {
  const { control, connect: local } = await startHarness(t);
  await t.throwsAsync(listenLocal(options(control.socketPath)), { code: 'socket_in_use', message: /berth\.sock/ });
  t.true((await (await local()).call('session.ping')).at > 0);
});

test('a socket whose owner was killed is replaced', async (t) => {
  const path = join(temporaryDirectory(t), 's');
  const script = `require('net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`;
  t.throws(() => execFileSync(process.execPath, ['-e', script]));
  t.true(existsSync(path));
  await t.throwsAsync(connect(path), { code: 'cannot_connect' });
  const socket = await listenLocal({ ...options(path), onConnection: (peer) => peer.close(4242) });
  t.is((await (await connect(path)).closed).code, 4242);
  await socket.close(AbortSignal.abort());
});

test('a file that is no socket is left alone', async (t) => {
  const path = join(temporaryDirectory(t), 'precious');
  writeFileSync(path, 'data');
  await t.throwsAsync(listenLocal(options(path)), { code: 'socket_in_use', message: /is not a socket/ });
  t.true(existsSync(path));
});

test('the file is gone after an orderly end', async (t) => {
  const path = join(temporaryDirectory(t), 'a', 'b', 's');
  await (await listenLocal(options(path))).close(AbortSignal.abort());
  t.false(existsSync(path));
});

test('who cannot connect learns the address', async (t) => {
  const path = join(temporaryDirectory(t), 'none');
  await t.throwsAsync(connect(path), { code: 'cannot_connect', message: new RegExp(path) });
  await t.throwsAsync(connect(`unix:${path}`), { code: 'cannot_connect' });
  await t.throwsAsync(connect('ws://127.0.0.1:1'), { code: 'cannot_connect', message: /ws:\/\/127\.0\.0\.1:1/ });
  await t.throwsAsync(connect('gopher://x'), { code: 'cannot_connect', message: /not an address/ });
  await t.throwsAsync(connect(path, { signal: AbortSignal.abort(new Error('no')) }), { message: 'no' });
});
