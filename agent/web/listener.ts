// The listener as the configuration asks for it, followed: certificates are renewed without a restart.
import { hostname } from 'node:os';
import { isDeepStrictEqual } from 'node:util';
import { BerthError } from '../../protocol/errors.js';
import type { Config } from '../config/schema.js';
import { startWebServer, type WebOptions, type WebServer } from './server.js';
import { OPEN, readWebConfig } from './web-config.js';

export interface Listener extends WebServer {
  /**
   * Reads web.config_file again. What is wrong with it is thrown, and what was in force stays. So it does, with an error, where only a
   * restart can take a change.
   */
  follow(): Promise<void>;
}

/** Undefined: `web.listen` is empty. Throws what readWebConfig and startWebServer throw. */
export async function openListener(
  { web, node }: Pick<Config, 'web' | 'node'>,
  options: Omit<WebOptions, 'listen' | 'names' | 'config'>,
): Promise<Listener | undefined> {
  const { listen, hosts, config_file: file } = web;
  if (listen === '') return undefined;
  const names = [hostname(), node.name, ...hosts].filter((name) => name !== '').map((name) => name.toLowerCase());
  let current = file === '' ? OPEN : await readWebConfig(file);
  const server = await startWebServer({ ...options, listen, names, config: current });
  return {
    ...server,
    async follow() {
      if (file === '') return;
      const next = await readWebConfig(file);
      if (isDeepStrictEqual(next, current)) return;
      if (next.tls?.clientAuth !== current.tls?.clientAuth || !isDeepStrictEqual(next.tls?.sans, current.tls?.sans))
        throw new BerthError(
          'config_invalid',
          `${file}: whether there is TLS, and whom it asks for a certificate, changes by a restart`,
          {
            hint: 'Restart the agent (systemctl restart berth); workloads are not touched.',
          },
        );
      server.configure(next);
      current = next;
    },
  };
}
