import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { EXPOSURE } from '../../systemd/exposure.js';
import { differences, scoreIn } from './exposure.js';

const units = fileURLToPath(new URL('../../../systemd/units/', import.meta.url));

function analyse(unit: string, ...args: readonly string[]): string {
  const all = ['security', '--offline=yes', '--no-pager', ...args, `${units}${unit}`];
  return execFileSync('systemd-analyze', all, { encoding: 'utf8', stdio: 'pipe' });
}

function hasAnalyse(): boolean {
  try {
    return execFileSync('systemd-analyze', ['--version'], { encoding: 'utf8' }).includes('systemd');
  } catch {
    return false;
  }
}

const measured = hasAnalyse() ? test : test.skip;

for (const [unit, { worst }] of Object.entries(EXPOSURE)) {
  measured(`${unit}: no more exposed than stated, and every open finding has its reason`, (t) => {
    const score = scoreIn(analyse(unit));
    t.true(score <= worst, `${score} > ${worst}`);
    t.deepEqual(differences(unit, analyse(unit, '--json=short')), []);
  });
}

test('a directive that is lost and a reason that is stale are both found', (t) => {
  const row = (name: string, set: boolean) => ({ name, set, exposure: set ? null : '0.2' });
  const table = { worst: 1, summary: '', open: [{ findings: ['PrivateTmp', 'SystemCallFilter=~*'], why: 'x' }] };
  const told = (...rows: object[]) => differences('x', JSON.stringify(rows), table).map((line) => line.split(' ')[1]);
  t.deepEqual(told(row('PrivateTmp=', false), row('SystemCallFilter=~@swap', false)), []);
  t.deepEqual(told(row('PrivateTmp=', true), row('SystemCallFilter=~@swap', false)), ['PrivateTmp']);
  t.deepEqual(told(row('PrivateTmp=', false), row('SystemCallFilter=~@swap', false), row('NoNewPrivileges=', false)), [
    'NoNewPrivileges=',
  ]);
});

test('no unit has a directive that gives it a mount namespace', (t) => {
  const directives =
    /^(?:Private(?:Devices|Mounts|Tmp|IPC)|Protect(?:System|Home|Proc|ControlGroups|Kernel\w+)|ProcSubset|(?:ReadOnly|ReadWrite|Inaccessible|Exec|NoExec|Bind|BindReadOnly)Paths|TemporaryFileSystem|MountFlags|RootDirectory|RootImage|MountImages|ExtensionImages|DynamicUser)=/m;
  for (const unit of Object.keys(EXPOSURE)) t.notRegex(readFileSync(`${units}${unit}`, 'utf8'), directives, unit);
});
