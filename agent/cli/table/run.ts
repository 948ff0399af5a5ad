// `berth run`: the words of docker run.
import { IMAGE_DRIVERS, PULL_POLICIES } from '../../model/image-spec.js';
import type { Command } from '../command.js';
import { CHANGE_OPTIONS } from './change-options.js';
import { CLASSES, timeout } from './options.js';

/** Of a new workload: there is none to take away. */
const LABEL = 'set a label; may be repeated';

export const RUN_COMMANDS: readonly Command[] = [
  {
    path: ['run'],
    group: 'Workloads',
    summary: 'Run an image, or a program of the host, as a new workload',
    details: [
      'With an IMAGE (debian:13, docker://HOST/PATH:TAG, oci:/DIR:TAG) the arguments behind it are those of its entrypoint, as with docker. After -- stands a program of the host, which runs in a sandbox of its own. Options stand before the image or the --.',
      'Follows the output until the workload ends. Exit code: that of its program; 128 + N after signal N. If berth itself fails, the exit code is 1 to 6 and the error is on standard error. Ctrl-C stops the workload; a second one ends this command at once. The workload stays when it has ended, unless --rm is given.',
      '--driver qemu boots the image in a microVM. The node needs `drivers.qemu.kernel` first (docs/microvms.md). The guest has 128Mi of memory; -m limits guest and QEMU together and does not change that. For another size write the specification with --dry-run, set `qemu.memory` in it, then run `berth workload create -f vm.yaml`.',
      'Standard input does not go to the workload: `berth workload exec -it` is for that.',
    ],
    args: [
      { name: 'IMAGE', about: 'an image; or -- and a program of the host' },
      { name: 'ARGUMENT', about: 'of the image or the program', optional: true, many: true },
    ],
    optionsFirst: true,
    options: [
      {
        name: 'name',
        value: 'ID',
        about: 'id of the workload; otherwise the name of the image or program and four letters',
      },
      { name: 'tenant', value: 'TENANT', about: 'whose it is (default: default)' },
      {
        name: 'driver',
        value: 'DRIVER',
        about: 'run the image in a container or in a microVM (default: oci)',
        choices: IMAGE_DRIVERS,
      },
      { name: 'class', value: 'CLASS', about: 'how its resources are promised', choices: CLASSES },
      ...CHANGE_OPTIONS.map((option) => (option.name === 'label' ? { ...option, short: 'l', about: LABEL } : option)),
      {
        name: 'publish',
        short: 'p',
        value: 'HOST:WORKLOAD',
        about:
          'a port of the host that leads to a port of the workload, with /udp where it is not TCP; may be repeated',
      },
      { name: 'network', value: 'MODE', about: 'how it is attached', choices: ['routed', 'bridge', 'none', 'host'] },
      {
        name: 'volume',
        short: 'v',
        value: 'SOURCE:TARGET',
        about:
          'a directory or file of the host, beneath drivers.mounts, or the name of a volume; with :ro for read-only; may be repeated',
      },
      {
        name: 'env',
        short: 'e',
        value: 'NAME[=VALUE]',
        about: 'a variable of its environment; NAME alone takes its value from this shell; may be repeated',
      },
      {
        name: 'env-file',
        value: 'FILE',
        about: 'a file of NAME=VALUE lines on the node, beneath drivers.mounts; the agent reads it at each start',
      },
      {
        name: 'secret',
        value: 'NAME',
        about:
          'a secret of the node as the file /run/secrets/NAME; with ,target=PATH ,mode=0400 ,uid=N ,gid=N; may be repeated',
      },
      {
        name: 'tmpfs',
        value: 'TARGET',
        about: 'a directory in memory; with :size=64Mi,mode=1777,uid=N,gid=N,ro,noexec; may be repeated',
      },
      { name: 'shm-size', value: 'SIZE', about: 'size of /dev/shm' },
      {
        name: 'user',
        short: 'u',
        value: 'USER',
        about: 'USER or USER:GROUP of the image, by name or number; a program: a user of the host',
      },
      { name: 'group-add', value: 'GROUP', about: 'an additional group, by name or number; may be repeated' },
      { name: 'workdir', short: 'w', value: 'DIRECTORY', about: 'where its program starts' },
      { name: 'entrypoint', value: 'PROGRAM', about: 'instead of the entrypoint of the image' },
      { name: 'hostname', value: 'NAME', about: 'instead of its id' },
      { name: 'read-only', about: 'it cannot write to the root filesystem of its image' },
      { name: 'init', about: 'its first process reaps orphans and passes signals on' },
      {
        name: 'cap-add',
        value: 'NAME',
        about: 'a capability such as NET_ADMIN that drivers.capabilities has; may be repeated',
      },
      { name: 'cap-drop', value: 'NAME', about: 'take a capability away, or ALL; may be repeated' },
      {
        name: 'ulimit',
        value: 'NAME=SOFT[:HARD]',
        about: 'a limit of each process, e.g. nofile=1024:4096; may be repeated',
      },
      { name: 'stop-signal', value: 'SIGNAL', about: 'asks its program to end, e.g. SIGINT' },
      { name: 'stop-timeout', value: 'SECONDS', about: 'between the stop signal and the kill' },
      { name: 'health-cmd', value: 'COMMAND', about: '/bin/sh -c COMMAND inside it; exit code 0: it is ready' },
      { name: 'health-interval', value: 'DURATION', about: 'pause after each probe (default: 10s)' },
      { name: 'health-timeout', value: 'DURATION', about: 'of one probe (default: 3s)' },
      { name: 'health-retries', value: 'N', about: 'failed probes in a row until it is not ready (default: 3)' },
      { name: 'health-start-period', value: 'DURATION', about: 'after its start, in which failures do not count' },
      { name: 'pull', value: 'POLICY', about: 'when the image is fetched (default: missing)', choices: PULL_POLICIES },
      { name: 'rm', about: 'delete the workload when it has ended; not with --detach' },
      { name: 'detach', short: 'd', about: 'print the id as soon as it runs, and leave it running' },
      { ...timeout, about: 'with --detach: wait at most this long until it runs' },
      { name: 'dry-run', about: 'print the specification as YAML, and do nothing' },
    ],
    ownSignals: true,
    examples: [
      'berth run --rm debian:13 date',
      'berth run -d --name web --memory 256Mi --cpu 0.5 -p 8080:80 docker://registry.example.com/team/web:v1',
      "berth run -d --health-cmd 'test -e /tmp/ready' --restart on-failure:5 --cap-drop ALL --tmpfs /tmp debian:13 sleep infinity",
      'berth run --driver qemu debian:13 uname -r',
      'berth run --driver qemu --name vm-1 --dry-run debian:13 sleep infinity > vm.yaml',
      'berth run --tenant acme -- /usr/bin/python3 -m http.server 80',
      'berth run --dry-run debian:13 > web.yaml',
    ],
    load: () => import('../run/run.js'),
  },
];
