// Names of schedulers to addresses. getaddrinfo(3) cannot be called off and holds a thread of the pool until the resolver
// gives up, which may be long after the dial has. So one runs at a time, however many schedulers are dialled how often.

import { promises as dns, type LookupAddress, type LookupAllOptions } from 'node:dns';
import type { LookupFunction } from 'node:net';
import { defined } from '../../linux/defined.js';
import { Joined } from '../base/joined.js';
import { Serial } from '../base/serial.js';

export type Resolve = (hostname: string, options: LookupAllOptions) => Promise<LookupAddress[]>;

/** For the `lookup` of node:net. */
export function sharedLookup(resolve: Resolve = dns.lookup): LookupFunction {
  const turn = new Serial();
  const joined = new Joined<LookupAddress[]>();
  return (hostname, options, callback) => {
    const { family, hints } = options;
    const asked = {
      all: true,
      ...defined({ family, hints }),
    } as const;
    joined
      .run(JSON.stringify([hostname, asked]), () => turn.run(() => resolve(hostname, asked)))
      .then(
        (found) => {
          const [first] = found;
          if (options.all === true) callback(null, found);
          else callback(null, first?.address ?? '', first?.family);
        },
        (error: NodeJS.ErrnoException) => callback(error, ''),
      );
  };
}
