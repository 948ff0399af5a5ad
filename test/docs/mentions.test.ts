// A command, a key, a metric or a file that a text names and that does not exist costs its reader an hour at night.
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { find, isGroup } from '../../agent/cli/parse.js';
import { specJsonSchema } from '../../agent/cli/spec-help.js';
import { COMMANDS } from '../../agent/cli/table/all.js';
import { GLOBAL } from '../../agent/cli/table/options.js';
import { configJsonSchema } from '../../agent/config/document.js';
import { METHODS } from '../../agent/control/methods.js';
import { resultSchemas } from '../../agent/control/result-document.js';
import { ADOPTED_FAMILIES } from '../../agent/metrics/adopted-families.js';
import { defined } from '../dashboards/families.js';
import { type Mention, mentions, texts } from './mentions.js';

const told = ({ where, text }: Mention, why: string): string => `${where}: \`${text}\`: ${why}`;

type Schema = Readonly<Record<string, unknown>>;

/** Whether a schema has a value at `path`, in any of its alternatives; a table that takes any key has every name. */
function hasKey(path: readonly string[], root: Schema, at: unknown = root): boolean {
  if (typeof at !== 'object' || at === null) return false;
  const schema = at as Schema;
  if (typeof schema.$ref === 'string') {
    const target = schema.$ref
      .split('/')
      .slice(1)
      .reduce<unknown>((value, key) => (value as Schema | undefined)?.[key], root);
    return hasKey(path, root, target);
  }
  const others = [schema.anyOf, schema.oneOf, schema.allOf].flatMap((list) => (Array.isArray(list) ? list : []));
  if (others.some((other) => hasKey(path, root, other))) return true;
  const [key, ...rest] = path;
  if (key === undefined) return true;
  const properties = schema.properties as Schema | undefined;
  // KIND in `density.kind.KIND.surcharge` stands for any.
  if (/^[A-Z]+$/.test(key) && Object.values(properties ?? {}).some((next) => hasKey(rest, root, next))) return true;
  return [properties?.[key], schema.additionalProperties, schema.items].some(
    (next, which) => next !== undefined && hasKey(which === 2 ? path : rest, root, next),
  );
}

const CONFIG = configJsonSchema();
const SPEC = specJsonSchema() as Schema;
const ANSWERS = resultSchemas((name) => ({ $ref: `#/${name}` })) as Schema;
const SECTIONS = new Set(Object.keys((CONFIG.properties ?? {}) as object));

/** What is wrong with a command line of berth; undefined when it is one. */
function wrongCommand(line: string): string | undefined {
  const words = line.split(/\s+/).slice(1);
  const first = words[0] ?? '';
  if (!/^[a-z][a-z-]*$/.test(first) || first === 'help') return undefined;
  const command = find(COMMANDS, words);
  const plain = words.filter((word) => /^[a-z-]+$/.test(word));
  if (command === undefined)
    return isGroup(COMMANDS, plain.slice(0, 1)) && plain.length === 1 ? undefined : 'no such command';
  for (const word of words.slice(command.path.length)) {
    if (word === '--') return undefined;
    const name = /^\[?--([a-z][a-z0-9._-]*)/.exec(word)?.[1];
    if (name === undefined) continue;
    if (name.includes('.')) {
      if (!hasKey(name.split('.'), CONFIG)) return `no key ${name}`;
    } else if (![...command.options, ...GLOBAL].some((option) => option.name === name)) return `no option --${name}`;
  }
  return undefined;
}

test('every command of berth that a text names is in the table of commands, with its options', (t) => {
  const lines = mentions().filter(({ text }) => /^berth [a-z]/.test(text) && !text.includes('${'));
  t.true(lines.length > 150, `${lines.length} commands were found`);
  const wrong = lines.flatMap((line) => {
    const why = wrongCommand(line.text);
    return why === undefined ? [] : [told(line, why)];
  });
  t.deepEqual([...new Set(wrong)], []);
});

test('a command that is none is noticed', (t) => {
  t.is(wrongCommand('berth node empty'), 'no such command');
  t.is(wrongCommand('berth workload list --colour red'), 'no option --colour');
  t.is(wrongCommand('berth agent --network.pol 10.0.0.0/8'), 'no key network.pol');
  t.is(wrongCommand('berth workload list --json'), undefined);
});

/** Words before a dot that begin keys, methods and events. */
const NAMESPACES = new Set([
  ...SECTIONS,
  ...['resources', 'network', 'restart', 'health'],
  ...Object.keys(METHODS).map((name) => name.split('.')[0] ?? ''),
]);

test('every dotted name is a key of configuration or specification, a method, an event, or a field of an answer', (t) => {
  const sources = [...texts()].filter(([where]) => where.endsWith('.ts')).map(([, text]) => text);
  const quoted = new Set(
    sources.flatMap((text) => [...text.matchAll(/'([a-z_]+\.[a-z_]+)'/g)].map(([, name]) => name)),
  );
  const isKnown = (name: string): boolean => {
    const path = name.split('.');
    const isField = Object.values(ANSWERS).some((type) => hasKey(path, ANSWERS, type));
    return isField || hasKey(path, CONFIG) || hasKey(path, SPEC) || name in METHODS || quoted.has(name);
  };
  const names = mentions().flatMap((mention) => {
    const name = /^([a-z][a-z_]*(?:\.[a-z][a-z0-9_]*)+)(?: = .*)?$/i.exec(mention.text)?.[1];
    const isFile = name === undefined || /\.(ts|js|md|json|service|toml|slice|jsonl)$/.test(name);
    return !isFile && NAMESPACES.has(name.split('.')[0] ?? '') ? [{ ...mention, name }] : [];
  });
  t.true(names.length > 150, `${names.length} names were found`);
  t.deepEqual([...new Set(names.filter(({ name }) => !isKnown(name)).map((one) => told(one, 'no such name')))], []);
  t.false(isKnown('network.pol') || isKnown('node.empty'));
});

test('every family of metrics that a text names is exported', (t) => {
  // Their names are made of those of our own workloads.
  const known = new Set([...defined(), ...ADOPTED_FAMILIES.map(({ name }) => name)]);
  const named = mentions().flatMap((mention) =>
    [...mention.text.matchAll(/\bberth_[a-z0-9_]+[a-z0-9]\b/g)].map(([name]) => ({ ...mention, name })),
  );
  t.true(named.length > 40, `${named.length} metrics were found`);
  const wrong = named
    .filter(({ where }) => where.endsWith('.md') || where.startsWith('dashboards'))
    .filter(({ name }) => !known.has(name) && !known.has(name.replace(/_(bucket|sum|count)$/, '')))
    // Those of the Node.js process are named by prom-client.
    .filter(({ name }) => !/^berth_(nodejs|process)_/.test(name))
    .map((one) => told(one, `no family ${one.name}`));
  t.deepEqual([...new Set(wrong)], []);
});

const UNITS = ['berth', 'berth.service', 'berth-workloads', 'berth-workloads.service', 'berth.slice'];
const VERBS = [
  'cat',
  'daemon-reload',
  'disable',
  'edit',
  'enable',
  'kill',
  'reload',
  'restart',
  'set-property',
  'show',
  'start',
  'status',
  'stop',
];

test('systemctl is told verbs that it has, of units that the package has', (t) => {
  const lines = mentions().filter(({ text }) => /^systemctl /.test(text));
  t.true(lines.length > 8, `${lines.length} were found`);
  const wrong = lines.filter(({ text }) => {
    const [verb = '', unit] = text
      .split(/\s+/)
      .slice(1)
      .filter((word) => !word.startsWith('-'));
    const foreign = unit !== undefined && !unit.startsWith('berth');
    return !VERBS.includes(verb) || (unit !== undefined && !foreign && !UNITS.includes(unit));
  });
  t.deepEqual(
    wrong.map((line) => told(line, 'no such verb or unit')),
    [],
  );
});

/** Keys that exist where their module is loaded only. */
const BY_MODULE = /^net\.(bridge|netfilter|ipv6|ipv4\.neigh)\./;

test('sysctl is told keys that this kernel has', (t) => {
  const keys = [...texts()].flatMap(([where, text]) =>
    [...text.matchAll(/sysctl (?:-[a-z]+ )?((?:[a-z0-9_-]+\.)+[a-z0-9_-]+)(?==|`)/g)].map(([, key = '']) => ({
      where,
      text: key,
    })),
  );
  t.true(keys.length > 3, `${keys.length} were found`);
  const wrong = keys.filter(
    ({ text }) => !BY_MODULE.test(text) && !existsSync(`/proc/sys/${text.replaceAll('.', '/')}`),
  );
  t.deepEqual(
    wrong.map((key) => told(key, 'no such sysctl')),
    [],
  );
});

test('every script of npm that a text names is in package.json', (t) => {
  const manifest = readFileSync(fileURLToPath(new URL('../../../package.json', import.meta.url)), 'utf8');
  const { scripts } = JSON.parse(manifest) as { scripts: Record<string, string> };
  const named = mentions().flatMap((mention) => {
    const script = /^npm run (?:--silent )?([a-z-]+)/.exec(mention.text)?.[1];
    return script === undefined ? [] : [{ ...mention, script }];
  });
  t.true(named.length > 5);
  t.deepEqual(
    named.filter(({ script }) => scripts[script] === undefined).map((one) => told(one, 'no such script')),
    [],
  );
});

test('a file below /usr/lib/berth, /etc/berth or a unit that a text names is one that the package or the agent makes', (t) => {
  const KNOWN =
    /^\/(usr\/lib\/berth\/((berth|daemon|worker|epoll-thread|inventory-thread|kvm-guest|unpack-program|supervisor)\.js)?|etc\/berth\/?(berth\.toml|berth\.d\/?.*|secrets\/?.*|[a-z-]+\.(token|pem|key|crt))?|usr\/share\/doc\/berth\/(README\.Debian|copyright|changelog\.gz|sbom\.cdx\.json|[a-z-]+\.md|examples))$/;
  const paths = [...texts()]
    .filter(([where]) => !/\.ts$/.test(where))
    .flatMap(([where, text]) =>
      [...text.matchAll(/\/(?:usr\/lib\/berth|etc\/berth|usr\/share\/doc\/berth)\/?[a-zA-Z0-9_./-]*[a-zA-Z0-9/]/g)].map(
        ([path]) => ({ where, text: path }),
      ),
    );
  t.true(paths.length >= 8, `${paths.length} were found`);
  t.deepEqual(
    [...new Set(paths.filter(({ text }) => !KNOWN.test(text)).map((path) => told(path, 'no such file')))],
    [],
  );
});
