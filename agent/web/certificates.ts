// Certificates and keys as OpenSSL sees them, one part after the other: the error names the part that cannot be used.

import { createSecureContext, type SecureContextOptions } from 'node:tls';
import { messageOf } from '../../linux/errors.js';

export interface Pems {
  readonly cert: string;
  readonly key: string;
  readonly clientCa: string | undefined;
}

export interface PemProblem {
  readonly part: 'cert' | 'key' | 'client_ca';
  readonly problem: string;
}

/** Undefined: a server can be made with them. */
export function pemProblem({ cert, key, clientCa }: Pems): PemProblem | undefined {
  const noCertificate = refusal(cert, { cert });
  if (noCertificate !== undefined) return { part: 'cert', problem: `holds no certificate in PEM (${noCertificate})` };
  const noKey = refusal(key, { cert, key });
  if (noKey !== undefined) return { part: 'key', problem: `holds no private key of that certificate (${noKey})` };
  if (clientCa === undefined) return undefined;
  const noCa = refusal(clientCa, { ca: clientCa });
  return noCa === undefined ? undefined : { part: 'client_ca', problem: `holds no certificate in PEM (${noCa})` };
}

// Node takes an empty text, and certificates of clients without any PEM, for none at all.
function refusal(text: string, options: SecureContextOptions): string | undefined {
  if (!text.includes('-----BEGIN ')) return 'no PEM';
  try {
    createSecureContext(options);
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}
