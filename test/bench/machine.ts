// The machine in words, without its name: whoever reads a figure wants to know what it was measured on.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { cpus, loadavg, release, totalmem } from 'node:os';

/** E.g. `2 cores AMD EPYC (family 25, virtual), 24 GiB, Linux 6.18.44, Node 20.20.2, iproute2 6.1.0`. */
export function machineInWords(): string {
  const [first] = cpus();
  const info = readFileSync('/proc/cpuinfo', 'utf8');
  const family = /^cpu family\s*: (\d+)/m.exec(info)?.[1];
  const virtual = /^flags\s*:.*\bhypervisor\b/m.test(info) ? 'virtual' : 'bare metal';
  const detail = [family === undefined ? undefined : `family ${family}`, virtual].filter((word) => word !== undefined);
  return [
    `${cpus().length} cores ${first?.model.trim() ?? 'of unknown make'} (${detail.join(', ')})`,
    `${Math.round(totalmem() / 2 ** 30)} GiB`,
    `Linux ${/^[\d.]+\d/.exec(release())?.[0] ?? 'unknown'}`,
    `Node ${process.versions.node}`,
    iproute(),
  ]
    .filter((word) => word !== undefined)
    .join(', ');
}

/** The load averages of 1, 5 and 15 minutes, e.g. `0.10 0.04 0.01`. */
export function loadInWords(): string {
  return loadavg()
    .map((value) => value.toFixed(2))
    .join(' ');
}

function iproute(): string | undefined {
  try {
    const version = /iproute2-([\d.]+)/.exec(execFileSync('ip', ['-V'], { encoding: 'utf8' }))?.[1];
    return version === undefined ? undefined : `iproute2 ${version}`;
  } catch {
    return undefined;
  }
}
