// A client of the local socket with other ids than the runner's: a child with those ids connects, and passes on what comes.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { type Client, connect } from '../told-client.js';
import { temporaryDirectory } from './harness.js';

const RELAY = `const net = require('node:net');
const [to, from] = process.argv.slice(1);
net.createServer((near) => {
  const far = net.createConnection(to);
  for (const [one, other] of [[near, far], [far, near]]) one.on('error', () => other.destroy()), one.pipe(other);
}).listen(from, () => console.log('ready'));`;

/** `ids`: arguments of setpriv(1). Rejects as `connect` does. */
export async function connectAs(t: ExecutionContext, socket: string, ids: readonly string[]): Promise<Client> {
  const directory = temporaryDirectory(t);
  chmodSync(directory, 0o777);
  const relay = join(directory, 's');
  const argv = [...ids, '--', process.execPath, '-e', RELAY, socket, relay];
  const child: ChildProcess = spawn('setpriv', argv, { stdio: ['ignore', 'pipe', 'inherit'] });
  t.teardown(() => void child.kill('SIGKILL'));
  await once(child.stdout ?? child, 'data');
  const client = await connect(relay);
  t.teardown(() => client.close());
  return client;
}
