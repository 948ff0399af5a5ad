// Certificates made by openssl(1).
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';

/** PEM files of a self-signed certificate, good for a day. */
export function certificate(directory: string, name: string): void {
  const kind = ['-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '1'];
  const subject = ['-subj', `/CN=${name}`, '-addext', `subjectAltName=IP:127.0.0.1,DNS:${name}`];
  const out = ['-keyout', join(directory, `${name}.key`), '-out', join(directory, `${name}.crt`)];
  execFileSync('openssl', ['req', ...kind, ...subject, ...out], { stdio: 'ignore' });
}
