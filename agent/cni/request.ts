// What a runtime gives a plugin: the environment, and the network configuration on standard input.
import { LINK_NAME } from '../model/external-spec.js';
import { CniFault } from './fault.js';

export const COMMANDS = ['ADD', 'DEL', 'CHECK', 'GC', 'STATUS', 'VERSION'] as const;
export type Command = (typeof COMMANDS)[number];

/** The words of the specification, in another case; empty: the variable is not set. */
export interface CniRequest {
  readonly command: string;
  readonly containerId: string;
  readonly netns: string;
  readonly ifname: string;
  readonly args: string;
  /** The JSON document of standard input. */
  readonly config: string;
}

/** What the program prints, and whether it is an error. Its exit code is 0 or 1. */
export interface CniAnswer {
  /** 0, or the `code` of the error. */
  readonly code: number;
  readonly output: string;
}

/** As `utils.ValidateContainerID` of libcni, with an end. */
const CONTAINER = /^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,255}$/;
/** `plainPath` of a spec says more; this is what the variable must be. */
const MOST_PATH = 4096;
const MOST_ARGS = 4096;

export interface Target {
  readonly containerId: string;
  readonly ifname: string;
}

/** Throws CniFault `environment`, naming the variable. */
export function targetOf({ containerId, ifname }: Target): Target {
  if (!CONTAINER.test(containerId))
    throw wrong('CNI_CONTAINERID', containerId, 'must be 1-256 of [a-zA-Z0-9_.-], beginning with a letter or digit');
  if (!LINK_NAME.test(ifname))
    throw wrong('CNI_IFNAME', ifname, 'must be 1-15 of [A-Za-z0-9_.-], beginning with a letter or digit, and not lo');
  return { containerId, ifname };
}

/** Throws CniFault `environment`. */
export function netnsOf({ netns }: Pick<CniRequest, 'netns'>): string {
  if (netns.startsWith('/') && netns.length <= MOST_PATH && !netns.includes('\0')) return netns;
  throw wrong('CNI_NETNS', netns, 'must be the path of a network namespace');
}

/** `K8S_POD_NAMESPACE=a;K8S_POD_NAME=b`. Throws CniFault `environment`. */
export function argsOf({ args }: Pick<CniRequest, 'args'>): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  if (args.length > MOST_ARGS) throw wrong('CNI_ARGS', args, `must have at most ${MOST_ARGS} characters`);
  for (const pair of args.split(';').filter((one) => one !== '')) {
    const at = pair.indexOf('=');
    if (at < 1) throw wrong('CNI_ARGS', pair, 'must be KEY=VALUE, several separated by ";"');
    found.set(pair.slice(0, at), pair.slice(at + 1));
  }
  return found;
}

export function wrong(variable: string, value: string, rule: string): CniFault {
  const shown = JSON.stringify(value.slice(0, 64));
  return new CniFault('environment', `${variable} ${rule} (it is ${value === '' ? 'not set' : shown})`);
}
