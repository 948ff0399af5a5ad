import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { cipherOf } from '../../../agent/web/tls-names.js';
import { OPEN, readWebConfig } from '../../../agent/web/web-config.js';

import { temporaryDirectory as ownDirectory } from '../../runner/temporary.js';
import { temporaryDirectory } from '../control/harness.js';
import { certificate } from './certificate.js';

const HASH = '$2y$10$QOauhQNbBCuQDKes6eFzPeMqBSjb7Mr5DUmpZ/VcEd00UAV/LDeSi';

/** With every key that the exporters' documentation has. */
const WHOLE = `
tls_server_config:
  cert_file: node.crt
  key_file: keys/../node.key
  client_auth_type: RequireAndVerifyClientCert
  client_ca_file: node.crt
  client_allowed_sans: [prometheus.example.com]
  min_version: TLS12
  max_version: TLS13
  cipher_suites: [TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256]
  prefer_server_cipher_suites: true
  curve_preferences: [X25519, CurveP256]
http_server_config:
  http2: true
  headers:
    Strict-Transport-Security: max-age=31536000
    X-Frame-Options: deny
basic_auth_users:
  alice: ${HASH}
`;

const made = ownDirectory('certificates');
for (const name of ['node', 'other']) certificate(made, name);
const pem = (name: string) => readFileSync(join(made, name), 'latin1');

function written(t: Parameters<typeof temporaryDirectory>[0], text: string): string {
  const directory = temporaryDirectory(t);
  for (const name of ['node.crt', 'node.key', 'other.key']) copyFileSync(join(made, name), join(directory, name));
  writeFileSync(join(directory, 'torn.pem'), pem('node.crt').slice(0, 200));
  writeFileSync(join(directory, 'empty.pem'), '');
  writeFileSync(join(directory, 'web-config.yml'), text);
  return join(directory, 'web-config.yml');
}

test('the file of an exporter is read as it is, paths from its directory', async (t) => {
  const config = await readWebConfig(written(t, WHOLE));
  t.is(config.tls?.cert, pem('node.crt'));
  t.is(config.tls?.key, pem('node.key'));
  t.is(config.tls?.clientCa, pem('node.crt'));
  t.is(config.tls?.clientAuth, 'RequireAndVerifyClientCert');
  t.deepEqual(config.users, { alice: HASH });
  t.deepEqual(config.headers, { 'Strict-Transport-Security': 'max-age=31536000', 'X-Frame-Options': 'deny' });
});

test('an empty file opens the listener to everybody, as it does there', async (t) => {
  t.deepEqual(await readWebConfig(written(t, '')), OPEN);
  t.deepEqual(await readWebConfig(written(t, '# nothing\n')), OPEN);
});

const tls = (more: string) => `tls_server_config:\n  cert_file: node.crt\n  key_file: node.key\n  ${more}\n`;

const WRONG: Readonly<Record<string, readonly [text: string, says: RegExp]>> = {
  'not YAML': ['\na: [', /web-config\.yml:2: /],
  'a key twice': [`${tls('')}basic_auth_users: {a: "${HASH}", a: "${HASH}"}`, /web-config\.yml:5: .*unique/i],
  'an unknown key': ['\n\ntls_config: {}', /web-config\.yml:3: .*tls_config/],
  'a list': ['[]', /web-config\.yml:1: /],
  'no key': ['tls_server_config: {cert_file: node.crt}', /web-config\.yml:1: tls_server_config\.key_file is missing/],
  'no certificate': ['tls_server_config: {key_file: node.key}', /tls_server_config\.cert_file is missing/],
  'a file that is not there': [
    'tls_server_config: {cert_file: other.crt, key_file: node.key}',
    /tls_server_config\.cert_file .*other\.crt cannot be read \(ENOENT\)/,
  ],
  'a directory': [tls('client_ca_file: .'), /web-config\.yml:4: .*client_ca_file .* \(not a regular file\)/],
  'a device without end': [tls('client_ca_file: /dev/zero'), /\/dev\/zero cannot be read \(not a regular file\)/],
  'a torn certificate': [
    'tls_server_config:\n  key_file: node.key\n  cert_file: torn.pem',
    /web-config\.yml:3: tls_server_config\.cert_file .*torn\.pem holds no certificate in PEM/,
  ],
  'an empty certificate': [
    'tls_server_config: {key_file: node.key, cert_file: empty.pem}',
    /web-config\.yml:1: .*empty\.pem holds no certificate in PEM/,
  ],
  'the key of another certificate': [
    'tls_server_config: {cert_file: node.crt, key_file: other.key}',
    /key_file .*other\.key holds no private key of that certificate/,
  ],
  'a certificate as key': [
    'tls_server_config: {cert_file: node.crt, key_file: node.crt}',
    /key_file .*node\.crt holds no private key of that certificate/,
  ],
  'clients verified by an empty file': [
    tls('client_ca_file: empty.pem'),
    /web-config\.yml:4: .*client_ca_file .*empty\.pem holds no certificate/,
  ],
  'a text that is no certificate': [
    'tls_server_config: {cert: text, key_file: node.key}',
    /tls_server_config\.cert holds no certificate/,
  ],
  'versions that exclude each other': [
    tls('min_version: TLS13\n  max_version: TLS12'),
    /web-config\.yml:4: .*min_version must not be above max_version/,
  ],
  'both ways of one thing': [tls('cert: text'), /web-config\.yml:2: .*cert_file is given beside cert/],
  'an unknown kind of client': [
    tls('client_auth_type: Maybe'),
    /web-config\.yml:4: tls_server_config\.client_auth_type/,
  ],
  'clients verified by nobody': [tls('client_auth_type: VerifyClientCertIfGiven'), /client_ca_file is missing/],
  'an unknown version': [tls('min_version: TLS14'), /min_version/],
  'an unknown cipher': [tls('cipher_suites: [TLS_RSA_WITH_ROT13]'), /cipher_suites\.0/],
  'an unknown curve': [tls('curve_preferences: [CurveP257]'), /curve_preferences\.0/],
  'a password that is not a hash': [
    'basic_auth_users: {alice: secret}',
    /basic_auth_users\.alice must be a bcrypt hash/,
  ],
  'a hash that takes minutes': [
    `basic_auth_users: {alice: "${HASH.replace('$10$', '$25$')}"}`,
    /alice must be a bcrypt hash with a cost up to 14/,
  ],
  'a user with a name that would be lost': [
    `basic_auth_users: {alice: "${HASH}", __proto__: "${HASH}"}`,
    /web-config\.yml:1: basic_auth_users\.__proto__ must not be named __proto__/,
  ],
  'another header': ['http_server_config: {headers: {Set-Cookie: a}}', /headers/],
  'a header with a line break': ['http_server_config: {headers: {Referrer-Policy: "a\\r\\nb"}}', /Referrer-Policy/],
};

for (const [what, [text, says]] of Object.entries(WRONG))
  test(`is refused, with its place: ${what}`, async (t) => {
    const error = await t.throwsAsync(readWebConfig(written(t, text)), { code: 'config_invalid', message: says });
    t.false(error?.message.includes(HASH));
  });

test('a file that is not there is told by its key', async (t) => {
  await t.throwsAsync(readWebConfig('/nowhere/web-config.yml'), {
    code: 'config_invalid',
    message: /web\.config_file .*cannot be read \(ENOENT\)/,
  });
});

test("Go's names of cipher suites are OpenSSL's", (t) => {
  const NAMES: Readonly<Record<string, string | undefined>> = {
    TLS_RSA_WITH_AES_128_GCM_SHA256: 'AES128-GCM-SHA256',
    TLS_RSA_WITH_AES_256_CBC_SHA: 'AES256-SHA',
    TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384: 'ECDHE-RSA-AES256-GCM-SHA384',
    TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256: 'ECDHE-ECDSA-AES128-SHA256',
    TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256: 'ECDHE-RSA-CHACHA20-POLY1305',
    TLS_AES_128_GCM_SHA256: 'TLS_AES_128_GCM_SHA256',
    TLS_RSA_WITH_RC4_128_SHA: undefined,
  };
  for (const [name, ours] of Object.entries(NAMES)) t.is(cipherOf(name), ours, name);
});
