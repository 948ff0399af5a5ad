// The specification that the options of `berth run` ask for. Here an option only has to be of its kind; what is in range, and what
// goes together, the agent says.
import { randomInt } from 'node:crypto';
import { basename } from 'node:path';
import { BerthError } from '../base/errors.js';
import { imageFromShortName, parseImage } from '../model/image-reference.js';
import { mergePatch } from '../model/spec-change.js';
import { patchOf } from './change-flags.js';
import type { Context } from './command.js';
import { variablesOf } from './variables.js';

export interface RunSpec {
  /** Without an id. */
  readonly spec: Readonly<Record<string, unknown>>;
  /** For an id that a person recognizes. */
  readonly word: string;
}

type Asked = Pick<Context, 'args' | 'option' | 'values' | 'flag' | 'host'>;
type Section = Readonly<Record<string, unknown>>;

const MOST_WORD = 40;
const LETTERS = 'abcdefghijklmnopqrstuvwxyz0123456789';

/** `IMAGE [ARGUMENT...]`, or `-- COMMAND...` for a program of the host. Throws `usage`. */
export function runSpec(asked: Asked): RunSpec {
  const [first = '', ...rest] = asked.args;
  const { what, word } =
    first === '--' ? programOf(asked, rest) : imageOf(asked, first, rest[0] === '--' ? rest.slice(1) : rest);
  const spec = mergePatch({ ...what, ...commonOf(asked) }, patchOf(asked) ?? {});
  return { spec: spec as Section, word };
}

/** `debian-x7k2` */
export function newId(word: string): string {
  const end = Array.from({ length: 4 }, () => LETTERS[randomInt(LETTERS.length)]).join('');
  return `${word}-${end}`;
}

function programOf(asked: Asked, command: readonly string[]): { what: Section; word: string } {
  if (command[0] === undefined) throw new BerthError('usage', 'COMMAND is missing after --');
  for (const name of ['pull', 'entrypoint', 'driver'])
    if (asked.option(name) !== undefined) throw new BerthError('usage', `--${name} goes with an image only`);
  const user = asked.option('user');
  const exec = { command, ...(user === undefined ? {} : { user }) };
  return { what: { driver: 'exec', exec }, word: wordOf(basename(command[0])) };
}

function imageOf(asked: Asked, name: string, command: readonly string[]): { what: Section; word: string } {
  const image = imageFromShortName(name);
  const [entrypoint, user, pull] = ['entrypoint', 'user', 'pull'].map((option) => asked.option(option));
  const oci = {
    ...(entrypoint === undefined ? {} : { entrypoint: [entrypoint] }),
    ...(command.length === 0 ? {} : { command }),
    ...(user === undefined ? {} : { user }),
  };
  const driver = asked.option('driver') ?? 'oci';
  const what = { driver, image, ...(pull === undefined ? {} : { pull }), ...section('oci', oci) };
  const parsed = parseImage(image);
  const path = parsed?.transport === 'docker' ? parsed.repository : (parsed?.path ?? '');
  return { what, word: wordOf(basename(path)) };
}

function commonOf(asked: Asked): Section {
  const network = {
    ...given(asked, 'network', 'mode'),
    ...some('ports', asked.values('publish').map(portOf)),
  };
  return {
    ...given(asked, 'tenant', 'tenant'),
    ...given(asked, 'class', 'class'),
    ...given(asked, 'hostname', 'hostname'),
    ...section('env', variablesOf(asked.values('env'), asked.host.env)),
    ...some('mounts', asked.values('volume').map(mountOf)),
    ...section('network', network),
    ...(asked.flag('read-only') ? { readOnlyRootfs: true } : {}),
    ...(asked.flag('init') ? { init: true } : {}),
  };
}

function given(asked: Asked, option: string, field: string): Section {
  const value = asked.option(option);
  return value === undefined ? {} : { [field]: value };
}

function section(field: string, value: Section): Section {
  return Object.keys(value).length === 0 ? {} : { [field]: value };
}

function some(field: string, values: readonly unknown[]): Section {
  return values.length === 0 ? {} : { [field]: values };
}

function portOf(text: string): Section {
  const [, host, guest, protocol = 'tcp'] = /^(\d{1,5}):(\d{1,5})(?:\/(tcp|udp))?$/.exec(text) ?? [];
  if (host === undefined) throw wrong('publish', 'HOST:WORKLOAD, two ports, with /udp where it is not TCP', text);
  return { host: Number(host), guest: Number(guest), protocol };
}

function mountOf(text: string): Section {
  const [, source, target, access] = /^([^:]+):(\/[^:]*)(?::(ro|rw))?$/.exec(text) ?? [];
  // A word without a slash is the name of a volume, as docker has it.
  if (source === undefined || (!source.startsWith('/') && source.includes('/')))
    throw wrong(
      'volume',
      'SOURCE:TARGET, an absolute path or the name of a volume and an absolute path, with :ro for read-only',
      text,
    );
  const what = source.startsWith('/') ? { type: 'bind', source } : { type: 'volume', name: source };
  return { ...what, target, ...(access === 'ro' ? { readOnly: true } : {}) };
}

/** Of what an id may have; there is always one. */
function wordOf(name: string): string {
  const word = name
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .slice(0, MOST_WORD)
    .replaceAll(/^-+|-+$/g, '');
  return word === '' ? 'run' : word;
}

function wrong(option: string, rule: string, text: string): BerthError {
  return new BerthError('usage', `--${option} must be ${rule}; it is ${JSON.stringify(text)}`);
}
