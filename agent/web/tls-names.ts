// Go's names of what TLS negotiates, as web-config.yml has them, in OpenSSL's. Pure, but for the list of what is built in.
import { getCiphers, type SecureVersion } from 'node:tls';

export const VERSIONS = ['TLS10', 'TLS11', 'TLS12', 'TLS13'] as const;

const SECURE_VERSION = { TLS10: 'TLSv1', TLS11: 'TLSv1.1', TLS12: 'TLSv1.2', TLS13: 'TLSv1.3' } as const;

export function versionOf(name: (typeof VERSIONS)[number]): SecureVersion {
  return SECURE_VERSION[name];
}

const CURVES: Readonly<Record<string, string>> = {
  CurveP256: 'P-256',
  CurveP384: 'P-384',
  CurveP521: 'P-521',
  X25519: 'X25519',
};

export function curveOf(name: string): string | undefined {
  return CURVES[name];
}

/** `TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256`: `ECDHE-RSA-AES128-GCM-SHA256`. Undefined: not built in. Names of TLS 1.3 stay. */
export function cipherOf(name: string): string | undefined {
  const translated = name.includes('_WITH_')
    ? name
        .replace(/^TLS_(?:RSA_WITH_)?/, '')
        .replace('_WITH_', '_')
        .replace(/(AES)_(\d+)/, '$1$2')
        .replace('_CBC', '')
        .replace('CHACHA20_POLY1305_SHA256', 'CHACHA20_POLY1305')
        .replaceAll('_', '-')
    : name;
  return getCiphers().includes(translated.toLowerCase()) ? translated : undefined;
}
