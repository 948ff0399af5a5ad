import { execFileSync } from 'node:child_process';
import test from 'ava';
import { readTopology } from '../../../agent/host/topology.js';

test('this machine is read as lscpu reads it', (t) => {
  const lines = execFileSync('lscpu', ['-p=CPU,CORE,SOCKET,NODE'], { encoding: 'utf8' }).trim().split('\n');
  const theirs = lines.filter((line) => !line.startsWith('#')).map((line) => line.split(',').map(Number));
  const ours = readTopology().cpus.map(({ id, core, node }) => [id, core, node]);
  t.deepEqual(
    ours,
    theirs.map(([cpu, core, , node]) => [cpu, core, node ?? 0]),
  );
});
