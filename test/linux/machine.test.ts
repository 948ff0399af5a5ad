// Numbers that the kernel and libc are called by, compared with the headers of both machines, as far as they are installed here.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { MACHINES } from '../../linux/machine.js';
import { CALLS as ATTACKED } from '../isolation/attacker.js';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const SOURCES = ['linux', 'systemd', 'cgroups', 'netns', 'agent'] as const;
type Name = keyof typeof MACHINES;

/** Where Debian has the headers of each machine, its own or those for a cross compiler; arm64 takes its system calls from asm-generic. */
const HEADERS: Readonly<Record<Name, { readonly calls: readonly string[]; readonly directories: readonly string[] }>> =
  {
    x64: {
      calls: ['/usr/include/x86_64-linux-gnu/asm/unistd_64.h', '/usr/x86_64-linux-gnu/include/asm/unistd_64.h'],
      directories: ['asm', 'bits', 'sys'].map((name) => `/usr/include/x86_64-linux-gnu/${name}`),
    },
    arm64: {
      calls: ['/usr/include/asm-generic/unistd.h', '/usr/aarch64-linux-gnu/include/asm-generic/unistd.h'],
      directories: [
        ...['asm', 'bits', 'sys'].map((name) => `/usr/include/aarch64-linux-gnu/${name}`),
        ...['asm', 'bits', 'sys'].map((name) => `/usr/aarch64-linux-gnu/include/${name}`),
      ],
    },
  };
const SHARED = ['/usr/include/asm-generic', '/usr/include/linux'];

/** open(2) has other numbers for these on arm64 than on x86-64, and so has `constants` of node:fs. */
const DIFFERENT = ['O_DIRECTORY', 'O_NOFOLLOW', 'O_DIRECT', 'O_LARGEFILE'];

/** Of berth: the group nobody is in. sys/param.h has another one, for accounts that need none. */
const OWN = 'NOGROUP';

const DEFINITION = /^\s*(?:#\s*define\s+([A-Z][A-Z0-9_]+)\s+|([A-Z][A-Z0-9_]+)\s*=\s*)(.+?)(?:,|\s*\/\*.*|\s*)$/;
const CONTROL = /^_IO([RW]?)\s*\(\s*'(.)'\s*,\s*(\w+)\s*(?:,\s*(?:unsigned\s+)?int\s*)?\)$/;

/** Of a literal of C, or an ioctl of nothing or of an int (asm-generic/ioctl.h); undefined: something else. */
function literalOf(text: string): number | undefined {
  const [, way, letter, number] = CONTROL.exec(text) ?? [];
  if (letter !== undefined && number !== undefined) {
    const low = (letter.charCodeAt(0) << 8) | Number(number);
    return way === '' ? low : ((way === 'W' ? 0x4004 : 0x8004) * 0x1_0000 + low) >>> 0;
  }
  const [, literal] = /^\(?(0x[0-9a-fA-F]+|\d+)U?L*\)?$/.exec(text) ?? [];
  if (literal !== undefined) return /^0\d/.test(literal) ? Number.parseInt(literal, 8) : Number(literal);
  const [, shifted] = /^\(1U? << (\d+)\)$/.exec(text) ?? [];
  return shifted === undefined ? undefined : 2 ** Number(shifted);
}

function definitionsIn(directories: readonly string[]): ReadonlyMap<string, ReadonlySet<number>> {
  const found = new Map<string, Set<number>>();
  for (const directory of directories.filter(existsSync))
    for (const name of readdirSync(directory).filter((one) => one.endsWith('.h')))
      for (const line of readFileSync(join(directory, name), 'latin1').split('\n')) {
        const [, defined, listed, text = ''] = DEFINITION.exec(line) ?? [];
        const [constant, value] = [defined ?? listed, literalOf(text)];
        if (constant === undefined || value === undefined) continue;
        found.set(constant, (found.get(constant) ?? new Set()).add(value));
      }
  return found;
}

interface Constant {
  readonly file: string;
  readonly name: string;
  readonly value: number;
}

/** `const NAME = 0o4000;` of the sources. */
function constants(): Constant[] {
  return SOURCES.flatMap((directory) =>
    readdirSync(join(ROOT, directory), { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.ts'))
      .flatMap((file) =>
        [
          ...readFileSync(join(ROOT, directory, file), 'utf8').matchAll(
            /^(?:export )?const ([A-Z][A-Z0-9_]+) = (0[xo])?([0-9a-fA-F_]+);$/gm,
          ),
        ].map(([, name = '', base = '', digits = '']) => ({
          ...{ file: `${directory}/${file}`, name },
          value: Number(`${base}${digits.replaceAll('_', '')}`),
        })),
      ),
  );
}

function callsOf(machine: Name): ReadonlyMap<string, number> | undefined {
  const file = HEADERS[machine].calls.find(existsSync);
  if (file === undefined) return undefined;
  const lines = readFileSync(file, 'latin1').matchAll(/^#define __NR(?:3264)?_(\w+)\s+(\d+)$/gm);
  return new Map([...lines].map(([, name = '', number]) => [name, Number(number)]));
}

for (const machine of Object.keys(MACHINES) as Name[])
  test(`${machine}: system calls have the numbers of the kernel's headers`, (t) => {
    const headers = callsOf(machine);
    const everywhere = constants().filter(({ name }) => name.startsWith('SYS_'));
    t.true(everywhere.length >= 4);
    // Without the package linux-libc-dev there is nothing to compare with.
    if (headers === undefined) return;
    const named = everywhere.map(({ name, value }): [string, number] => [name.slice(4).toLowerCase(), value]);
    for (const [name, number] of [
      ...Object.entries(MACHINES[machine].calls),
      ...Object.entries(ATTACKED[machine] ?? {}),
      ...named,
    ])
      t.is<number | undefined, number | undefined>(number, headers.get(name), name);
  });

for (const machine of Object.keys(MACHINES) as Name[])
  test(`${machine}: a constant of the sources has the value of the header that defines it`, (t) => {
    const { directories } = HEADERS[machine];
    const own = definitionsIn(directories);
    const shared = definitionsIn(SHARED);
    // Without its own headers it has those that all machines share.
    const compared = constants().flatMap(({ file, name, value }) => {
      const values = own.get(name) ?? shared.get(name);
      return values === undefined || name === OWN
        ? []
        : [{ where: `${file}: ${name} = ${value}`, right: values.has(value) }];
    });
    if (existsSync('/usr/include/linux')) t.true(compared.length >= 30, `${compared.length} were compared`);
    t.deepEqual(
      compared.filter(({ right }) => !right).map(({ where }) => where),
      [],
    );
  });

test('no source has a number for a flag of open(2) that arm64 has another one for', (t) => {
  t.deepEqual(
    constants().filter(({ name }) => DIFFERENT.includes(name)),
    [],
  );
});
