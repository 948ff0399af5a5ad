// What only one driver knows stands in its folder. A file elsewhere that names a driver has to change with that driver, so
// there are few, and each has a reason.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { DRIVER_NAMES } from '../../agent/model/spec.js';

const root = fileURLToPath(new URL('../../../agent', import.meta.url));

const SPEC = 'the schema of a workload: each driver has a section';

const KNOWN: Readonly<Record<string, string>> = {
  'cli/run-spec.ts': '`berth run` makes a spec of an image, or of a program of the host',
  'cli/table/workload.ts': 'the command `exec`, which has the name of a driver',
  'cni/attachment.ts': 'an attachment by CNI is an external workload',
  'config/drivers.ts': 'the schema of the configuration: each driver has a section',
  'daemon/adapters/adopted-samples.ts': 'in the words of the sampler, a workload of another engine is external',
  'daemon/adapters/joined-sandboxes.ts': 'only a sandbox of an external workload is joined by others',
  'density/demand.ts': 'what crun takes of the kernel, and what is not ours of an external workload',
  'host/binaries.ts': 'programs of the host, one of which is called as its driver',
  'model/image-reference.ts': 'a layout of an image has the name of the driver',
  'model/image-spec.ts': 'which drivers run images',
  'model/snapshot.ts': 'a clone names its template in the section of its driver',
  'model/spec-rules.ts': 'which fields go with which kind of workload',
  'model/spec.ts': SPEC,
  'model/stored-spec.ts': SPEC,
  'network/claims.ts': 'an external VMM may ask for a vsock id',
  'network/sandbox-network.ts': 'an external workload may be in a namespace of another runtime',
  'workload/plan.ts': 'an external tap may lie on the host, and a given namespace is no slot',
  'workload/view.ts': 'an external guest may believe in an address of its own',
};

/** A driver in quotes as a whole, or its section of a spec. */
const DRIVERS = DRIVER_NAMES.join('|');
const NAMES = new RegExp(`'(?:${DRIVERS})'|\\bspec\\??\\.(?:${DRIVERS})\\b`);

/** What a driver has besides its folder: its section of a specification, with all that others need to know of it. */
const isSection = (name: string): boolean => DRIVER_NAMES.some((driver) => name === `model/${driver}-spec.ts`);

test('files that know a driver by name are known, each with its reason', (t) => {
  const found = readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts') && !name.startsWith('drivers/') && !isSection(name))
    .filter((name) => NAMES.test(readFileSync(join(root, name), 'utf8')));
  t.deepEqual(found.sort(), Object.keys(KNOWN).sort());
});

test('no driver knows another', (t) => {
  const drivers = readdirSync(join(root, 'drivers'), { withFileTypes: true }).filter((entry) => entry.isDirectory());
  const wrong = drivers.flatMap(({ name }) =>
    readdirSync(join(root, 'drivers', name), { recursive: true, encoding: 'utf8' }).flatMap((file) => {
      const text = readFileSync(join(root, 'drivers', name, file), 'utf8');
      const others = [...text.matchAll(/from '\.\.\/(\w+)\//g)].map(([, other = '']) => other);
      return others
        .filter((other) => (DRIVER_NAMES as readonly string[]).includes(other))
        .map((other) => `${name}/${file}: ${other}`);
    }),
  );
  t.deepEqual(wrong, []);
});
