// libvirt: a machine scope for each virtual machine or LXC domain, found by its name.
import type { Engine } from './engine.js';
import { propertiesOf, quoted } from './shell.js';

export const libvirt: Engine = {
  // systemd writes "-" in the name of a machine as \x2d: machine-qemu\x2d1\x2dNAME.scope. The number is that of one boot.
  idIn: (directory) => {
    const [, escaped] = /^machine-(?:qemu|lxc)(?:\\x2d|-)\d+(?:\\x2d|-)(.+)\.scope$/.exec(directory) ?? [];
    // Bytes, of which a character may have several.
    return escaped?.replaceAll(/(?:\\x[0-9a-f]{2})+/g, (run) =>
      Buffer.from(run.replaceAll('\\x', ''), 'hex').toString('utf8'),
    );
  },
  command: ({ id }, { memory, ...others }) =>
    [
      ...(memory === undefined ? [] : [`virsh memtune ${quoted(id)} --hard-limit ${Math.ceil(memory / 1024)} --live`]),
      ...(others.cpu === undefined
        ? []
        : [
            `virsh schedinfo ${quoted(id)} --live --set global_period=100000 global_quota=${Math.round(others.cpu * 100_000)}`,
          ]),
      ...(others.pids === undefined
        ? []
        : [`# libvirt has no limit of processes; ${propertiesOf({ pids: others.pids })}`]),
    ].join(' && '),
};
