// Every reader of a file that a person, another program or an earlier agent has named, against whatever may lie there.
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import test from 'ava';
import { PasswdFile } from '../../agent/base/accounts.js';
import { readState } from '../../agent/base/durable.js';
import { reportOf } from '../../agent/base/errors.js';
import { loadConfig } from '../../agent/config/load.js';
import { readCredentials } from '../../agent/control/credentials.js';
import { NumberFile } from '../../agent/control/number-file.js';
import { Audit } from '../../agent/density/audit.js';
import { Tuner } from '../../agent/density/tuner.js';
import { hasEnded } from '../../agent/drivers/crun.js';
import { findUser, groupsOf } from '../../agent/drivers/exec/user.js';
import { readBundle } from '../../agent/drivers/oci/config.js';
import { claimUid, releaseUid } from '../../agent/drivers/uids.js';
import { missingModules } from '../../agent/host/modules.js';
import { Layers } from '../../agent/limits/layers.js';
import { resolverFor, sharedResolvConf } from '../../agent/network/dns.js';
import { rememberIn } from '../../agent/network/forwarding-before.js';
import { readWebConfig } from '../../agent/web/web-config.js';
import { Outputs } from '../../systemd/supervisor/outputs.js';
import { RecordStore } from '../../systemd/supervisor/records.js';
import { readPidFile } from '../../systemd/supervisor/runtime.js';
import { temporaryDirectory } from '../runner/temporary.js';
import { specOf } from './workload/fake-world.js';

interface Thing {
  readonly name: string;
  make(path: string): Promise<void> | void;
}

const THINGS: readonly Thing[] = [
  { name: 'a FIFO without a writer', make: (path) => void execFileSync('mkfifo', [path]) },
  {
    name: 'a socket',
    make: (path) =>
      new Promise((resolve, reject) => {
        const server = createServer().once('error', reject).unref();
        server.listen(path, resolve);
      }),
  },
  { name: 'a directory', make: (path) => void mkdirSync(path) },
  { name: 'a device without end', make: (path) => symlinkSync('/dev/zero', path) },
  {
    name: 'a sparse file of 1 GiB',
    make: (path) => {
      writeFileSync(path, '');
      truncateSync(path, 2 ** 30);
    },
  },
  // Not even root may read it.
  { name: 'a file that nobody may read', make: (path) => symlinkSync('/proc/sys/vm/drop_caches', path) },
  { name: 'nothing', make: () => undefined },
];

interface Reader {
  readonly name: string;
  /** In the test's directory. */
  readonly file: string;
  /**
   * `refuses`: rejects with a code, names the file, and says what to do. `tells`: goes on without, and what it returns says
   * why and names the file. `ignores`: a file of another program, or one that only helps; it goes on without.
   */
  readonly answer: 'refuses' | 'tells' | 'ignores';
  /** That there is no file is nothing to speak of. */
  readonly optional?: true;
  read(path: string, directory: string): unknown;
}

const root = temporaryDirectory('read');
const dns = { servers: [], search: [], options: [] };
const range = { first: 100_000, last: 100_010 };

const READERS: readonly Reader[] = [
  {
    ...{ name: 'the configuration', file: 'berth.toml', answer: 'refuses' },
    read: (file, directory) =>
      loadConfig({ file, env: {}, flags: [], defaults: { file, dropIns: join(directory, 'none') } }),
  },
  {
    ...{ name: 'a drop-in of the configuration', file: 'berth.d/10-own.toml', answer: 'refuses', optional: true },
    read: (path, directory) =>
      loadConfig({ env: {}, flags: [], defaults: { file: join(directory, 'none'), dropIns: dirname(path) } }),
  },
  { name: 'web.config_file', file: 'web.yml', answer: 'refuses', read: (path) => readWebConfig(path) },
  {
    ...{ name: 'a certificate of the web listener', file: 'cert.pem', answer: 'refuses' },
    read(path, directory) {
      writeFileSync(join(directory, 'web.yml'), `tls_server_config: {cert_file: ${path}, key_file: ${path}}\n`);
      return readWebConfig(join(directory, 'web.yml'));
    },
  },
  ...(['token_file', 'ca_file', 'cert_file', 'key_file'] as const).map(
    (key): Reader => ({
      ...{ name: `${key} of a scheduler`, file: key, answer: 'refuses' },
      read: (path) => readCredentials({ [key]: path }),
    }),
  ),
  {
    ...{ name: 'the config.json of a bundle', file: 'bundle/config.json', answer: 'refuses' },
    read: (path) => readBundle(dirname(path)),
  },
  {
    ...{ name: 'resolv.conf, of a workload with a network of its own', file: 'r', answer: 'refuses', optional: true },
    read: (path) => resolverFor(specOf(), { address6: null }, dns, [path]),
  },
  {
    ...{ name: "resolv.conf, of a workload in the host's network", file: 'r', answer: 'refuses', optional: true },
    read: (path) => sharedResolvConf(specOf(), dns, [path]),
  },
  { name: 'passwd', file: 'passwd', answer: 'refuses', read: (path) => findUser('nobody', new PasswdFile(path)) },
  {
    ...{ name: 'group', file: 'group', answer: 'refuses' },
    read: (path) => groupsOf({ uid: 1, gid: 1, home: '/', name: 'web' }, path),
  },
  {
    ...{ name: 'the uid of a workload, at its start', file: 'uid', answer: 'refuses', optional: true },
    read: (path, directory) => claimUid('web-1', dirname(path), join(directory, 'uids'), range),
  },
  {
    ...{ name: 'the uid of a workload, at its end', file: 'uid', answer: 'refuses', optional: true },
    read: (path, directory) => releaseUid('web-1', dirname(path), join(directory, 'uids')),
  },
  { name: 'a file of state', file: 'web-1.json', answer: 'refuses', read: (path) => readState(path) },
  {
    ...{ name: 'the drop-in of sysctl', file: 'etc/sysctl.d/60-berth.conf', answer: 'refuses', optional: true },
    async read(_path, directory) {
      writeFileSync(join(directory, 'sysctl.rollback.json'), '{"version": 1, "file": null, "values": {}}');
      await new Tuner({ directory, root: directory }).rollback();
    },
  },
  {
    ...{ name: 'the audit of licences', file: 'licences.audit.jsonl', answer: 'refuses', optional: true },
    async read(_path, directory) {
      await new Audit(directory, { onError: () => undefined }).outstanding();
    },
  },
  {
    ...{ name: 'a file of numbers', file: 'epochs.json', answer: 'tells', optional: true },
    read(path) {
      const told: string[] = [];
      new NumberFile(path, { fsync: false, onDamage: (file, problem) => told.push(`${file}: ${problem}`) });
      return told;
    },
  },
  {
    ...{ name: 'the overlay of a limit', file: 'layers/web-1.json', answer: 'tells', optional: true },
    read(path) {
      const told: string[] = [];
      new Layers(dirname(path), { warn: (fields: object) => told.push(JSON.stringify(fields)) } as never);
      return told;
    },
  },
  {
    ...{ name: 'a record of the supervisor', file: 'held/web-1.json', answer: 'tells', optional: true },
    read: (_path, directory) => new RecordStore(directory, 'boot').load().damaged,
  },
  {
    ...{ name: 'what is missing of an output', file: 'output/web-1.lost', answer: 'tells', optional: true },
    read(path, directory) {
      const told: string[] = [];
      new Outputs({
        runtime: directory,
        onProblem: (problem) => told.push(problem.replace('web-1.lost', path)),
      }).recover([]);
      return told;
    },
  },
  {
    ...{ name: 'what forwarding was before', file: 'forwarding.before', answer: 'ignores' },
    read(_path, directory) {
      try {
        rememberIn(directory)({ path: 'net/ipv4/ip_forward', before: '0', after: '1' });
      } catch (error) {
        // It reads past a directory and cannot replace it: the agent sets it aside at its start.
        if (!(error instanceof Error && 'code' in error && error.code === 'EISDIR')) throw error;
      }
    },
  },
  {
    ...{ name: 'the list of kernel modules', file: 'modules.dep', answer: 'ignores' },
    read: (path, directory) => missingModules({ modules: dirname(path), loaded: directory }),
  },
  {
    ...{ name: 'the status of crun', file: 'state/web-1/status', answer: 'ignores' },
    read: (_path, directory) => hasEnded(directory, 'web-1'),
  },
  { name: 'the pid file of a runtime', file: 'pid', answer: 'ignores', read: (path) => readPidFile(path) },
];

for (const { name: what, make } of THINGS)
  for (const { name, file, answer, optional, read } of READERS)
    test(`${name}: ${what}`, async (t) => {
      const directory = mkdtempSync(join(root, 'd-'));
      const path = join(directory, file);
      mkdirSync(dirname(path), { recursive: true });
      await make(path);
      const quiet = answer === 'ignores' || (optional === true && what === 'nothing');
      if (quiet) return void (await t.notThrowsAsync(async () => read(path, directory)));
      if (answer === 'tells') {
        const told = read(path, directory) as string[];
        t.true(told.length === 1 && told[0]?.includes(path), JSON.stringify(told));
        return;
      }
      const error = await t.throwsAsync(async () => read(path, directory), { any: true });
      const { code, message, hint, data } = reportOf(error);
      t.not(code, 'internal');
      t.true(`${message} ${JSON.stringify(data ?? {})}`.includes(path), message);
      t.not(hint, '');
    });
