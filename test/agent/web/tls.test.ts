// The listener with TLS, asked by real clients: who is let in by certificate, and that a renewed one is taken.
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { type RequestOptions, request } from 'node:https';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import test, { type ExecutionContext } from 'ava';
import type { Listener } from '../../../agent/web/listener.js';
import { CLIENT_AUTH } from '../../../agent/web/web-config.js';
import { temporaryDirectory } from '../control/harness.js';
import { certificate } from './certificate.js';
import { openFor } from './open.js';

async function open(t: ExecutionContext, directory: string, more: string): Promise<Listener> {
  const file = join(directory, 'web-config.yml');
  writeFileSync(file, `tls_server_config: {cert_file: node.crt, key_file: node.key, ${more}}\n`);
  const listener = await openFor({ listen: '127.0.0.1:0', config_file: file });
  if (listener === undefined) throw new Error('there is no listener');
  t.teardown(() => listener.close());
  return listener;
}

/** The name in the server's certificate, or `refused`. */
function whoAnswers({ host, port }: Listener, tls: RequestOptions): Promise<string> {
  return new Promise((resolve) => {
    const client = request({ host, port, path: '/healthz', agent: false, ...tls }, (response) => {
      const { subject } = (response.socket as TLSSocket).getPeerCertificate();
      response.resume();
      resolve(response.statusCode === 200 ? String(subject.CN) : `status ${response.statusCode}`);
    });
    client.on('error', () => resolve('refused'));
    client.end();
  });
}

const OPEN_TO = {
  NoClientCert: { nobody: true, friend: true, stranger: true },
  RequestClientCert: { nobody: true, friend: true, stranger: true },
  RequireAnyClientCert: { nobody: false, friend: true, stranger: true },
  VerifyClientCertIfGiven: { nobody: true, friend: true, stranger: false },
  RequireAndVerifyClientCert: { nobody: false, friend: true, stranger: false },
} as const satisfies Record<(typeof CLIENT_AUTH)[number], unknown>;

test('each kind of client_auth_type lets in whom it says, and no other name', async (t) => {
  const directory = temporaryDirectory(t);
  for (const name of ['node', 'friend', 'stranger']) certificate(directory, name);
  const read = (name: string) => readFileSync(join(directory, name), 'utf8');
  const ca = read('node.crt');
  const client = (name: string) =>
    name === 'nobody' ? { ca } : { ca, cert: read(`${name}.crt`), key: read(`${name}.key`) };
  for (const kind of CLIENT_AUTH) {
    const listener = await open(t, directory, `client_auth_type: ${kind}, client_ca_file: friend.crt`);
    for (const [name, isOpen] of Object.entries(OPEN_TO[kind]))
      t.is(await whoAnswers(listener, client(name)), isOpen ? 'node' : 'refused', `${kind}: ${name}`);
  }
  const named = 'client_auth_type: RequireAndVerifyClientCert, client_ca_file: friend.crt, client_allowed_sans:';
  t.is(await whoAnswers(await open(t, directory, `${named} [friend]`), client('friend')), 'node');
  t.is(await whoAnswers(await open(t, directory, `${named} [foe]`), client('friend')), 'refused');
});

test('a renewed certificate is taken without a restart; a broken one is told, and the old one stays', async (t) => {
  const directory = temporaryDirectory(t);
  for (const name of ['node', 'renewed']) certificate(directory, name);
  const listener = await open(t, directory, 'min_version: TLS13');
  const tls = { rejectUnauthorized: false };
  await listener.follow();
  t.is(await whoAnswers(listener, tls), 'node');
  t.is(await whoAnswers(listener, { ...tls, maxVersion: 'TLSv1.2' }), 'refused');

  writeFileSync(join(directory, 'node.crt'), 'no certificate');
  await t.throwsAsync(listener.follow());
  t.is(await whoAnswers(listener, tls), 'node');

  for (const kind of ['crt', 'key']) copyFileSync(join(directory, `renewed.${kind}`), join(directory, `node.${kind}`));
  await listener.follow();
  t.is(await whoAnswers(listener, tls), 'renewed');

  writeFileSync(join(directory, 'web-config.yml'), '');
  await t.throwsAsync(listener.follow(), { code: 'config_invalid', message: /changes by a restart/ });
  t.is(await whoAnswers(listener, tls), 'renewed');
});
