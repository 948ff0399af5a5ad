// /etc/resolv.conf and /etc/hosts of a container.
import { readFile } from 'node:fs/promises';
import { codeOf } from '../../../linux/errors.js';
import type { Sandbox } from '../../workload/record.js';

/** systemd-resolved keeps the real servers in the first one; its /etc/resolv.conf names 127.0.0.53. */
const RESOLV_FILES = ['/run/systemd/resolve/resolv.conf', '/etc/resolv.conf'];

/** The host's resolver configuration as it is, or, for a network of its own, without servers on the host's loopback. */
export async function resolvConf(ownNetwork: boolean, files: readonly string[] = RESOLV_FILES): Promise<string> {
  if (!ownNetwork) return (await readOptional(files.at(-1) ?? '')) ?? '';
  for (const file of files) {
    const text = withoutLoopback((await readOptional(file)) ?? '');
    if (/^nameserver/m.test(text)) return text;
  }
  return '';
}

export function withoutLoopback(text: string): string {
  return text
    .split('\n')
    .filter((line) => !/^\s*nameserver\s+(127\.|::1(\s|$))/.test(line) && !/^\s*[#;]/.test(line))
    .join('\n');
}

export function hostsFile(id: string, sandbox: Sandbox): string {
  return `127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n${sandbox.address ?? '127.0.1.1'}\t${id}\n`;
}

async function readOptional(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}
