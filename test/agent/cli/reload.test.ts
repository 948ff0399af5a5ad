import test from 'ava';
import { BerthError } from '../../../protocol/errors.js';
import { berth, fakeAgent } from './fake.js';

test('node reload: what is in force, what waits for a restart, and what cannot be yet', async (t) => {
  const reloaded = { restart: ['network', 'paths'], unmet: [{ tenant: 'acme', why: '9Mi of 8Mi are in use' }] };
  const agent = fakeAgent({ 'node.reload': () => reloaded });
  const { exit, out: stdout } = await berth(['node', 'reload'], { agent });
  t.is(exit, 0);
  t.is(
    stdout,
    'configuration reloaded\nchanged, and taken by `systemctl restart berth` only: network, paths\n' +
      'tenant acme: memory cannot go down yet: 9Mi of 8Mi are in use\n',
  );
});

test('node reload: a configuration that is not valid is exit code 2, with the reason', async (t) => {
  const refuse = (): never => {
    throw new BerthError('config_invalid', 'density.max_workloads: expected a number');
  };
  const { exit, err: stderr } = await berth(['node', 'reload'], { agent: fakeAgent({ 'node.reload': refuse }) });
  t.is(exit, 2);
  t.regex(stderr, /density\.max_workloads: expected a number/);
});
