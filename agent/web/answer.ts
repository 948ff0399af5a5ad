// How an answer leaves: its headers, for everything alike.
import type { ServerResponse } from 'node:http';

export const PLAIN = 'text/plain; charset=utf-8';

const HEADERS: Readonly<Record<string, string>> = {
  'Cache-Control': 'no-store',
  'Content-Security-Policy': "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'deny',
};

/** What the operator has set (web-config.yml) stays. */
export function head(response: ServerResponse, status: number, type: string, length?: number): void {
  for (const [name, value] of Object.entries(HEADERS)) if (!response.hasHeader(name)) response.setHeader(name, value);
  response.setHeader('Content-Type', type);
  if (length !== undefined) response.setHeader('Content-Length', length);
  response.writeHead(status);
}

/** Node leaves out the body of an answer to HEAD by itself. */
export function send(response: ServerResponse, status: number, type: string, body: string | Buffer): void {
  head(response, status, type, Buffer.byteLength(body));
  response.end(body);
}
