import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { BACKOFF } from '../../../agent/control/backoff.js';
import { connect } from '../../../agent/control/client.js';
import { startScheduler } from '../../scheduler/scheduler.js';
import { startHarness, temporaryDirectory } from './harness.js';

const backoff = { ...BACKOFF, firstMs: 5, maxMs: 50 };

/** A self-signed certificate for 127.0.0.1, good for one day: paths of its PEM files. */
function certificate(directory: string, name: string): { cert: string; key: string } {
  const cert = join(directory, `${name}.crt`);
  const key = join(directory, `${name}.key`);
  const kind = ['-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '1'];
  const subject = ['-subj', `/CN=${name}`, '-addext', 'subjectAltName=IP:127.0.0.1'];
  execFileSync('openssl', ['req', ...kind, ...subject, '-keyout', key, '-out', cert], { stdio: 'ignore' });
  return { cert, key };
}

const whereOpenssl = spawnSync('openssl', ['version']).status === 0 ? test : test.skip;

whereOpenssl('mutual TLS: both sides check, and either can refuse', async (t) => {
  const directory = temporaryDirectory(t);
  const [server, client, stranger] = ['server', 'client', 'stranger'].map((name) => certificate(directory, name));
  if (server === undefined || client === undefined || stranger === undefined) return t.fail();
  const read = (path: string) => readFileSync(path, 'utf8');
  const scheduler = await startScheduler({
    tls: { cert: read(server.cert), key: read(server.key), ca: read(client.cert) },
  });
  t.teardown(() => scheduler.stop());
  const url = scheduler.url;
  const good = { ca_file: server.cert, cert_file: client.cert, key_file: client.key };
  const { control, warnings } = await startHarness(t, {
    schedulers: [
      { url, ...good },
      { url, id: 'untrusted', ...good, ca_file: stranger.cert },
      { url, id: 'unknown', ...good, cert_file: stranger.cert, key_file: stranger.key },
    ],
    backoff,
  });
  const node = await scheduler.node('node-1');
  t.true((await node.call('session.ping')).at > 0);
  while (!control.stats().schedulers.every(({ id, lastError }) => id === 'scheduler' || lastError !== null))
    await new Promise(setImmediate);
  t.deepEqual(
    control.stats().schedulers.map(({ id, connected }) => ({ id, connected })),
    [
      { id: 'scheduler', connected: true },
      { id: 'untrusted', connected: false },
      { id: 'unknown', connected: false },
    ],
  );
  t.true(warnings.some((text) => /self-signed/.test(text)));
  await t.throwsAsync(connect(url), { code: 'cannot_connect', message: /wss:.*self-signed/ });
});
