// The environment of a spec: which of three places wins, and what a file of variables may say.
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { givenEnvironment, keepGiven, keptGiven, parseEnvFile } from '../../../agent/drivers/env-file.js';
import { specOf, temporary } from './fixture.js';

const GOOD: Readonly<Record<string, readonly [text: string, variables: Readonly<Record<string, string>>]>> = {
  nothing: ['', {}],
  'comments and empty lines': ['# A=1\n\n  \n   # B=2\n', {}],
  'values as they stand': [
    `A=1\nB= two words # no comment \nC="quoted"\nD=x=y\nE=\n`,
    {
      ...{ A: '1', B: ' two words # no comment ', C: '"quoted"', D: 'x=y', E: '' },
    },
  ],
  'no last newline, indented': ['  A=1', { A: '1' }],
  'lines of Windows': ['A=1\r\n\r\nB=2\r\n', { A: '1', B: '2' }],
  'a name twice: the last': ['A=1\nA=2\n', { A: '2' }],
  'a name of the prototype': ['__proto__=1\n', JSON.parse('{"__proto__": "1"}')],
};
for (const [name, [text, variables]] of Object.entries(GOOD))
  test(`a file of variables: ${name}`, (t) => t.deepEqual(parseEnvFile(text, '/f'), variables));

const BAD: Readonly<Record<string, readonly [text: string, line: number]>> = {
  'a name alone': ['A=1\nzq-password\n', 2],
  'no name': ['\n\n=zq-password\n', 3],
  'a name that is none': ['1A=zq-password', 1],
  'a shell line': ['export A=zq-password', 1],
  'a NUL': ['A=zq\0password', 1],
  'a name that is too long': [`${'A'.repeat(257)}=zq-password`, 1],
};
for (const [name, [text, line]] of Object.entries(BAD))
  test(`a file of variables is refused for ${name}, without what it says`, (t) => {
    const error = t.throws(() => parseEnvFile(text, '/srv/web.env'));
    t.regex(error?.message ?? '', new RegExp(`envFile: /srv/web.env:${line} must be NAME=VALUE`));
    t.notRegex(error?.message ?? '', /zq/);
  });

const exec = (more: object) =>
  specOf({ driver: 'exec', exec: { command: ['/x'], env: { B: 'exec', C: 'exec' } }, ...more });

test('env is over the section of the driver, which is over the file', async (t) => {
  const directory = await temporary(t);
  const envFile = join(directory, 'web.env');
  await writeFile(envFile, 'A=file\nB=file\nC=file\n');
  const spec = exec({ envFile, env: { C: 'env' } });
  const given = await givenEnvironment(spec, [directory]);
  t.deepEqual(given, { A: 'file', B: 'exec', C: 'env' });
  await keepGiven(directory, given);
  await writeFile(envFile, 'A=other\n');
  t.deepEqual(await keptGiven(spec, directory), given);
  t.deepEqual(await keptGiven(exec({}), directory), { B: 'exec', C: 'exec' });
  // As much as a spec may have, of characters that JSON writes with six.
  const large = { ...given, LARGE: '\u0001'.repeat(1 << 20) };
  await keepGiven(directory, large);
  t.deepEqual(await keptGiven(spec, directory), large);
});

test('the file must be a regular file of at most 64 KiB beneath a tree, reached without a link', async (t) => {
  const directory = await temporary(t);
  const at = (name: string): string => join(directory, name);
  await writeFile(at('large'), `A=${'x'.repeat(64 << 10)}`);
  await writeFile(at('full'), `A=${'x'.repeat((64 << 10) - 2)}`);
  await symlink('full', at('link'));
  await mkdir(at('directory'));
  const read = (envFile: string) => givenEnvironment(exec({ envFile }), [directory]).then(Object.keys, String);
  t.deepEqual(await read(at('full')), ['A', 'B', 'C']);
  t.regex(String(await read(at('large'))), /envFile: .*large must have at most 65536 bytes/);
  await writeFile(at('paths'), `PATH=${Array(129).fill('/a').join(':')}`);
  t.regex(String(await read(at('paths'))), /envFile: .*paths: PATH must have at most 128 directories/);
  t.regex(String(await read(at('link'))), /envFile: .*link leads through a symbolic link/);
  t.regex(String(await read(at('directory'))), /envFile: .*directory must be a regular file/);
  t.regex(String(await read(at('none'))), /envFile: .*none is not there/);
  t.regex(String(await read('/etc/passwd')), /envFile: \/etc\/passwd is in no tree/);
});
