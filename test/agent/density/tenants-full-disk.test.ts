// Tenants on a disk that refuses each file call in turn: whoever asks is told what is full and what to do, and the agent and
// its files agree afterwards.
import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { reportOf } from '../../../agent/base/errors.js';
import { configSchema } from '../../../agent/config/schema.js';
import { Relief } from '../../../agent/daemon/relief.js';
import { parseTenantChange } from '../../../agent/density/tenant-settings.js';
import { Tenants } from '../../../agent/density/tenants.js';
import { type Errno, fileFaults } from '../../runner/file-faults.js';
import { temporaryDirectory } from '../../runner/temporary.js';

const config = configSchema.parse({ tenant: { filed: { cpu: 8 } } });
const root = temporaryDirectory('tenants-full');
const fine = () => undefined;
const ERRNOS: readonly Errno[] = ['ENOSPC', 'EDQUOT', 'EIO', 'EROFS'];

interface Change {
  readonly what: string;
  /** Whether the tenant was set before. */
  readonly known: boolean;
  make(tenants: Tenants): Promise<unknown>;
}

const raise = (tenants: Tenants, name: string) =>
  tenants.change(name, parseTenantChange({ quota: { cpu: 5 }, limits: { pids: 7 } }), fine);

const REMOVE: Change = { what: 'delete one', known: true, make: (tenants) => tenants.remove('acme', fine) };
const CHANGES: readonly Change[] = [
  { what: 'set a new one', known: false, make: (tenants) => raise(tenants, 'acme') },
  { what: 'set one again', known: true, make: (tenants) => raise(tenants, 'acme') },
  REMOVE,
];

const views = (tenants: Tenants) => tenants.names().map((name) => tenants.get(name));

async function open(directory: string) {
  const relief = new Relief(directory, { files: 2, bytes: 4096, spare: 0 });
  await relief.refill();
  const damaged: unknown[] = [];
  const tenants = new Tenants({ directory, config, onDamaged: (entry) => damaged.push(entry), relief });
  await tenants.load();
  return { tenants, damaged };
}

/** What the next agent finds. */
async function next(t: ExecutionContext, directory: string) {
  const { tenants, damaged } = await open(directory);
  t.deepEqual(damaged, []);
  return views(tenants);
}

async function prepared({ known }: Change) {
  const directory = mkdtempSync(join(root, 'state-'));
  const { tenants } = await open(directory);
  if (known) await tenants.change('acme', parseTenantChange({ quota: { cpu: 2 } }), fine);
  return { directory, tenants };
}

for (const change of CHANGES)
  test.serial(`${change.what}: each file call that fails is told, and agent and files agree`, async (t) => {
    const count = await countCalls(change);
    t.true(count >= 3);
    for (const errno of ERRNOS)
      for (let at = 0; at < count; at++) {
        const { directory, tenants } = await prepared(change);
        const before = views(tenants);
        const heard: unknown[] = [];
        tenants.onChange((tenant) => heard.push(tenant));
        const faults = fileFaults(directory);
        faults.arm({ at, errno });
        const error = await t.throwsAsync(change.make(tenants), undefined, `${errno} at ${at}`);
        const call = faults.calls[at];
        faults.restore();
        const { code, message, hint } = reportOf(error);
        t.is(code, errno === 'ENOSPC' || errno === 'EDQUOT' ? 'disk_full' : 'os_error', `${call}: ${message}`);
        t.true(message.includes(errno) && message.includes(directory), message);
        t.true(hint.includes('tenants'), hint);
        t.deepEqual(views(tenants), before, `${errno} at ${call} ${at}: nothing has changed`);
        t.deepEqual(heard, []);
        t.deepEqual(await next(t, directory), before, `${errno} at ${call} ${at}: nor for the next agent`);
        await change.make(tenants);
        t.deepEqual(await next(t, directory), views(tenants), 'and it works when the disk is well');
      }
  });

test.serial('a delete asks the disk for no room', async (t) => {
  const { directory, tenants } = await prepared(REMOVE);
  const faults = fileFaults(directory);
  await REMOVE.make(tenants);
  faults.restore();
  t.deepEqual(faults.calls, ['unlink', 'open', 'sync']);
});

async function countCalls(change: Change): Promise<number> {
  const { directory, tenants } = await prepared(change);
  const faults = fileFaults(directory);
  await change.make(tenants);
  faults.restore();
  return faults.calls.length;
}
