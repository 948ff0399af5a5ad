// TLS of the web listener: what node:https is told, and which clients are let in by their certificate.

import type { ServerOptions } from 'node:https';
import type { SecureContextOptions, TLSSocket } from 'node:tls';
import { defined } from '../../linux/defined.js';
import { cipherOf, curveOf, versionOf } from './tls-names.js';
import type { Tls } from './web-config.js';

/** How long a client may take to say hello. */
const HANDSHAKE_MS = 5_000;

/** What can be changed under a server that listens (`setSecureContext`). */
export function secureContext({ cert, key, clientCa, settings }: Tls): SecureContextOptions {
  const { cipher_suites: suites, curve_preferences: curves } = settings;
  return {
    cert,
    key,
    ...defined({ ca: clientCa }),
    minVersion: versionOf(settings.min_version),
    maxVersion: versionOf(settings.max_version),
    honorCipherOrder: settings.prefer_server_cipher_suites,
    ...(suites === undefined ? {} : { ciphers: suites.map(cipherOf).join(':') }),
    ...(curves === undefined ? {} : { ecdhCurve: curves.map(curveOf).join(':') }),
  };
}

export function httpsOptions(tls: Tls): ServerOptions {
  return {
    ...secureContext(tls),
    requestCert: tls.clientAuth !== 'NoClientCert',
    // Those that must be given are looked at afterwards, so that one way serves all kinds.
    rejectUnauthorized: false,
    handshakeTimeout: HANDSHAKE_MS,
  };
}

/** Whether the certificate of a client, or that it has none, is what `client_auth_type` asks for. */
export function admits(tls: Tls, socket: Pick<TLSSocket, 'authorized' | 'getPeerCertificate'>): boolean {
  const certificate = socket.getPeerCertificate();
  const isGiven = Object.keys(certificate).length > 0;
  switch (tls.clientAuth) {
    case 'NoClientCert':
    case 'RequestClientCert':
      return true;
    case 'RequireAnyClientCert':
      return isGiven;
    case 'VerifyClientCertIfGiven':
      return !isGiven || (socket.authorized && hasName(tls, certificate.subjectaltname));
    case 'RequireAndVerifyClientCert':
      return isGiven && socket.authorized && hasName(tls, certificate.subjectaltname);
  }
}

/** `DNS:a.example, IP Address:192.0.2.1`; a name with a comma is quoted, and then none of ours. */
function hasName({ sans }: Tls, subjectaltname = ''): boolean {
  if (sans.length === 0) return true;
  const names = subjectaltname.split(', ').map((entry) => entry.slice(entry.indexOf(':') + 1));
  return sans.some((name) => names.includes(name));
}
