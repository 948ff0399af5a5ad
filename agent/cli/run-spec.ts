// The specification that the options of `berth run` ask for. Here an option only has to be of its kind; what is in range, and what
// goes together, the agent says.
import { randomInt } from 'node:crypto';
import { basename } from 'node:path';
import { BerthError } from '../../protocol/errors.js';
import { imageFromShortName, parseImage } from '../model/image-reference.js';
import { mergePatch } from '../model/spec-change.js';
import { patchOf } from './change-flags.js';
import type { Context } from './command.js';
import {
  capabilityOf,
  countOf,
  durationOf,
  graceOf,
  groupOf,
  limitOf,
  mountOf,
  pathOf,
  portOf,
  type Section,
  secretOf,
  sharedMemoryOf,
  tmpfsOf,
} from './run-values.js';
import { variablesOf } from './variables.js';

export interface RunSpec {
  /** Without an id. */
  readonly spec: Readonly<Record<string, unknown>>;
  /** For an id that a person recognizes. */
  readonly word: string;
}

type Asked = Pick<Context, 'args' | 'option' | 'values' | 'flag' | 'host'>;

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
  const exec = { command, ...given(asked, 'user', 'user'), ...read(asked, 'workdir', 'cwd', pathOf) };
  return { what: { driver: 'exec', exec }, word: wordOf(basename(command[0])) };
}

function imageOf(asked: Asked, name: string, command: readonly string[]): { what: Section; word: string } {
  const image = imageFromShortName(name);
  const entrypoint = asked.option('entrypoint');
  const oci = {
    ...(entrypoint === undefined ? {} : { entrypoint: [entrypoint] }),
    ...some('command', command),
    ...given(asked, 'user', 'user'),
    ...read(asked, 'workdir', 'cwd', pathOf),
  };
  const driver = asked.option('driver') ?? 'oci';
  const what = { driver, image, ...given(asked, 'pull', 'pull'), ...section('oci', oci) };
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
    ...read(asked, 'env-file', 'envFile', pathOf),
    ...some('secrets', asked.values('secret').map(secretOf)),
    ...some('groups', asked.values('group-add').map(groupOf)),
    ...some('mounts', mountsOf(asked)),
    ...section('network', network),
    ...section('capabilities', {
      ...some('drop', asked.values('cap-drop').map(capabilityOf('cap-drop'))),
      ...some('add', asked.values('cap-add').map(capabilityOf('cap-add'))),
    }),
    ...section('rlimits', Object.fromEntries(asked.values('ulimit').map(limitOf))),
    ...section('stop', { ...given(asked, 'stop-signal', 'signal'), ...read(asked, 'stop-timeout', 'grace', graceOf) }),
    ...section('health', healthOf(asked)),
    ...(asked.flag('read-only') ? { readOnlyRootfs: true } : {}),
    ...(asked.flag('init') ? { init: true } : {}),
  };
}

function mountsOf(asked: Asked): Section[] {
  return [
    ...asked.values('volume').map(mountOf),
    ...asked.values('tmpfs').map(tmpfsOf),
    ...asked.values('shm-size').slice(-1).map(sharedMemoryOf),
  ];
}

function healthOf(asked: Asked): Section {
  const how = {
    ...read(asked, 'health-interval', 'interval', durationOf),
    ...read(asked, 'health-timeout', 'timeout', durationOf),
    ...read(asked, 'health-retries', 'retries', countOf),
    ...read(asked, 'health-start-period', 'startPeriod', durationOf),
  };
  const command = asked.option('health-cmd');
  if (command !== undefined) return { command: ['/bin/sh', '-c', command], ...how };
  if (Object.keys(how).length === 0) return {};
  throw new BerthError('usage', '--health-cmd is missing: the other --health options say how often it runs');
}

function given(asked: Asked, option: string, field: string): Section {
  const value = asked.option(option);
  return value === undefined ? {} : { [field]: value };
}

/** What the option says, as `as` reads it. */
function read(asked: Asked, option: string, field: string, as: (option: string, text: string) => unknown): Section {
  const text = asked.option(option);
  return text === undefined ? {} : { [field]: as(option, text) };
}

function section(field: string, value: Section): Section {
  return Object.keys(value).length === 0 ? {} : { [field]: value };
}

function some(field: string, values: readonly unknown[]): Section {
  return values.length === 0 ? {} : { [field]: values };
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
