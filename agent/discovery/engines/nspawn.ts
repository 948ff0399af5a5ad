// systemd-nspawn: a service for each machine, found by the name of its cgroup.
import { type Engine, idBy } from './engine.js';
import { propertiesOf, quoted } from './shell.js';

export const nspawn: Engine = {
  idIn: idBy(/^systemd-nspawn@(.+)\.service$/),
  command: ({ id }, change) =>
    `systemctl set-property --runtime ${quoted(`systemd-nspawn@${id}.service`)} ${propertiesOf(change)}`,
};
