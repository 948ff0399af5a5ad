// The serial console of a virtual machine, as if its cable ended here.
import { constants } from 'node:os';
import { BerthError } from '../../../protocol/errors.js';
import { attach } from '../attached.js';
import type { Answer, Context } from '../command.js';

/** Ctrl-], as telnet and virsh have it. */
const DETACH_KEYS = Buffer.from([0x1d]);

export async function run({ host, args, json, client }: Context): Promise<Answer> {
  const [id = ''] = args;
  const session = await host.openSession();
  try {
    const terminal = session.isTerminal;
    const connected = await client();
    if (json) throw new BerthError('usage', 'console writes what the guest writes: it has no --json');
    const stream = await connected.open('workload.console', { id });
    if (terminal) await host.err(Buffer.from(`Console of ${id}. Ctrl-] ends this; the guest runs on.\n`));
    await attach(host, session, stream, {
      ...{ signals: constants.signals, input: true, terminal, ownSignals: true },
      ...(terminal ? { detachKeys: DETACH_KEYS } : {}),
    });
    return { document: undefined, text: '' };
  } finally {
    session.close();
  }
}
