// Commands about workloads.
import type { Command, OptionDef } from '../command.js';
import { CHANGE_OPTIONS } from './change-options.js';
import {
  detach,
  dryRun,
  file,
  id,
  listEngine,
  listOrder,
  listOutput,
  output,
  preempt,
  selection,
  someIds,
  timeout,
} from './options.js';

const change = (
  verb: 'freeze' | 'thaw' | 'start' | 'stop' | 'restart',
  summary: string,
  details: readonly string[],
  more: readonly OptionDef[] = [],
): Command => ({
  path: ['workload', verb],
  group: 'Workloads',
  summary,
  details,
  args: [someIds],
  options: [...selection, ...more, dryRun, detach, timeout],
  examples: [`berth workload ${verb} web-1`, `berth workload ${verb} -l app=web,tier!=db --dry-run`],
  load: async () => {
    const { changeCommand } = await import('../run/change.js');
    return { run: changeCommand(verb) };
  },
});

export const WORKLOAD_COMMANDS: readonly Command[] = [
  {
    path: ['workload', 'create'],
    group: 'Workloads',
    summary: 'Create and start workloads',
    details: [
      'Waits until each workload runs, or has run to its end with code 0, and prints one line for it. Several workloads are created in order; one that fails does not keep back the next. Creating one that exists with the same specification is a success.',
      'With --preempt, and where density.preemption allows it, one that does not fit has others stopped, as `berth fits --preempt` lists them. They get their time to stop, stay as stopped workloads with the cause `preempted`, and can be started again where there is room; it starts when they are gone.',
      'The specification is described by `berth help spec`.',
    ],
    args: [],
    options: [file, preempt, detach, timeout],
    examples: [
      'berth workload create -f web.json',
      'berth workload create -f web.json --preempt',
      'generate-spec | berth workload create -f - --detach',
    ],
    load: () => import('../run/create.js'),
  },
  {
    path: ['workload', 'update'],
    group: 'Workloads',
    summary: 'Change resources, labels, priority, restart policy, ports, bandwidth or egress of live workloads',
    details: [
      'With options each of them changes its field and nothing else; with -f the whole specification of one workload is replaced. A field that cannot change while it runs is an error, and nothing changes. Lowering memory takes as long as the kernel needs to reclaim it.',
      'With --dry-run the fields that would change are printed, and why the change would be refused.',
    ],
    args: [someIds],
    options: [
      { ...file, needed: false, about: 'the whole new specification; `-` reads standard input' },
      ...CHANGE_OPTIONS,
      ...selection,
      dryRun,
    ],
    examples: [
      'berth workload update web-1 --memory 512Mi --cpu 1.5',
      'berth workload update web-1 web-2 --label release=7 --label canary- --dry-run',
      'berth workload update web-1 --restart on-failure:5 --pids none',
      'berth workload update -l app=web --priority 200',
      'berth workload update web-1 -f web.json',
    ],
    load: () => import('../run/update.js'),
  },
  {
    path: ['workload', 'spec'],
    group: 'Workloads',
    summary: 'Print the specification of a workload, as `create` and `update` take it',
    details: [
      'With every default filled in, and sizes in bytes. For a role that only reads, values of environments are hidden.',
    ],
    args: [id],
    options: [output],
    examples: ['berth workload spec web-1 > web.json', 'berth workload spec web-1 -o yaml'],
    load: () => import('../run/spec.js'),
  },
  {
    path: ['workload', 'diff'],
    group: 'Workloads',
    summary: 'Show in which fields a workload differs from a specification',
    details: [
      'Says what `update -f` would change, and why the change would be refused. Exit code 0 without a difference, 1 with one, and another one after an error. Values of environments are not shown.',
    ],
    args: [id],
    options: [{ ...file, about: 'the specification to compare with; `-` reads standard input' }],
    examples: ['berth workload diff web-1 -f web.yaml'],
    load: () => import('../run/diff.js'),
  },
  {
    path: ['workload', 'edit'],
    group: 'Workloads',
    summary: 'Change a workload in an editor',
    details: [
      'Opens the specification as YAML in $VISUAL, $EDITOR or vi, and makes the change when the editor is closed. A file that is not changed changes nothing. What is wrong is written on top, and the editor is opened again; closed without a change, it ends with the error, and the file is kept.',
      'If the workload has been changed meanwhile, the fields that differ are named, and saving again replaces them.',
    ],
    args: [id],
    options: [],
    examples: ['berth workload edit web-1', 'EDITOR=nano berth workload edit web-1'],
    load: () => import('../run/edit.js'),
  },
  {
    path: ['workload', 'delete'],
    group: 'Workloads',
    summary: 'Stop workloads and remove everything they have',
    details: ['Waits until nothing is left of them.'],
    args: [someIds],
    options: [
      { name: 'now', about: 'kill at once instead of asking with SIGTERM first' },
      { name: 'all', about: 'every workload of this host but networks of other runtimes (CNI)' },
      ...selection,
      dryRun,
      detach,
      timeout,
    ],
    examples: [
      'berth workload delete web-1 web-2',
      'berth workload delete -l app=web --dry-run',
      'berth workload delete --all --now',
    ],
    load: () => import('../run/delete.js'),
  },
  {
    path: ['workload', 'list'],
    group: 'Workloads',
    summary: 'List workloads',
    details: [
      'CPU (cores) and memory are shown as request/limit.',
      'With --watch the table is followed by a line for each workload that changes; `gone` is one that was deleted, or does not match any more. With --watch and --json each line is a JSON document: `{"workload": {...}}`, or `{"gone": "ID"}`. `berth top` redraws a table instead.',
    ],
    args: [],
    options: [
      ...selection,
      listOutput,
      listOrder,
      listEngine,
      { name: 'watch', short: 'w', about: 'go on with a line for each change, until interrupted' },
    ],
    examples: [
      'berth workload list -l app=web --watch',
      'berth workload list --state failed',
      'berth workload list --engine docker',
      'berth workload list -o wide --sort memory',
      'berth workload list -l app=web --tenant acme',
      "berth workload list --json | jq '.workloads[].id'",
    ],
    load: () => import('../run/list.js'),
  },
  {
    path: ['workload', 'show'],
    group: 'Workloads',
    summary: 'Show one workload: state, how it ended, limits, address, paths',
    details: [],
    args: [id],
    options: [],
    examples: ['berth workload show web-1', 'berth workload show web-1 --json'],
    load: () => import('../run/show.js'),
  },
  change('start', 'Start stopped workloads', ['Waits until each of them runs.']),
  change('stop', 'Stop workloads but keep them', ['Waits until each of them has ended.']),
  change(
    'restart',
    'Stop and start workloads',
    [
      'Waits until the workload runs again. With several workloads, berth restarts one at a time, or --max-unavailable at a time. It restarts the next one when the last one runs and its health probe succeeds, or has ended with code 0. If a workload does not come back within --timeout, the command stops and names the workloads that it did not restart.',
    ],
    [
      {
        name: 'max-unavailable',
        value: 'NUMBER',
        about: 'of several workloads, restart so many at a time (default: 1)',
      },
    ],
  ),
  change('freeze', 'Halt all processes of workloads, keeping their memory', []),
  change('thaw', 'Let frozen workloads run on', []),
  {
    path: ['workload', 'logs'],
    group: 'Workloads',
    summary: 'Print the output of workloads',
    details: [
      'Writes what a workload wrote, unchanged, to standard output, from the oldest line that is kept: a rotated part is printed, too. Of several workloads each line stands behind `ID | `. With --json output that is no UTF-8 is in `base64`, and `text` is empty.',
      'stdout and stderr of a workload are one stream, in the order of the writes; no option separates them. The time of a line is when berth read it. Output of an older version of berth has no times: --timestamps prints `-`, and --since prints such a file whole or not at all.',
    ],
    args: [someIds],
    options: [
      { name: 'follow', short: 'f', about: 'go on until the workloads have ended' },
      { name: 'tail', short: 'n', value: 'LINES', about: 'only the last lines of each' },
      {
        name: 'since',
        value: 'WHEN',
        about: 'only output since WHEN: 10m, 2h, or 2026-01-31T14:05:00Z',
      },
      { name: 'timestamps', short: 't', about: 'the time before each line, in UTC' },
      ...selection,
    ],
    examples: [
      'berth workload logs web-1 -f --tail 100',
      'berth workload logs web-1 --since 10m --timestamps',
      'berth workload logs -l app=web --tail 20',
    ],
    load: () => import('../run/logs.js'),
  },
  {
    path: ['workload', 'exec'],
    group: 'Workloads',
    summary: 'Run a program inside a workload',
    details: [
      'The program has the namespaces, the user and the privileges of the workload, and counts towards its limits. It ends with this command, and so does all that it has started. Exit code: that of the program; 128 + N after signal N; 127: it was not found; 126: it cannot be run. If berth itself fails, the exit code is 1 to 6 and the error is on standard error.',
      'Without -t standard output and standard error are apart, and Ctrl-C is sent to the program as SIGINT; the second one ends the command. With -t, keys go to the program one by one. -t needs standard input to be a terminal.',
    ],
    args: [
      id,
      { name: 'COMMAND', about: 'the program and its arguments; -- before it keeps its options apart', many: true },
    ],
    options: [
      { name: 'interactive', short: 'i', about: 'standard input is for the program' },
      { name: 'tty', short: 't', about: 'give the program a terminal' },
      {
        name: 'user',
        short: 'u',
        value: 'USER',
        about: 'driver exec: a user of the host; driver oci: UID or UID:GID; only if the workload can change its user',
      },
      {
        name: 'env',
        short: 'e',
        value: 'NAME[=VALUE]',
        about: 'add a variable to the environment; NAME alone takes its value from this shell; may be repeated',
      },
      { name: 'workdir', short: 'w', value: 'DIRECTORY', about: 'instead of the working directory of the workload' },
    ],
    ownSignals: true,
    examples: [
      'berth workload exec web-1 -- cat /etc/hosts',
      'berth workload exec -it web-1 -- /bin/sh',
      'echo data | berth workload exec -i web-1 -- cat',
    ],
    load: () => import('../run/exec.js'),
  },
  {
    path: ['workload', 'cp'],
    group: 'Workloads',
    summary: 'Copy files and directories between this machine and a workload',
    details: [
      'One side is ID:PATH in a running workload. The other side is a local path, or - for a tar archive on standard input or output. If DST is a directory, SRC goes into it. If not, DST is the new name, and the parent directory of DST must exist. SRC/. copies the contents of SRC without the directory itself. Between two workloads: `berth cp A:/FILE - | berth cp - B:/DIR`.',
      'The workload needs no tar. A program of berth reads and writes as the main process of the workload does: same root, user and capabilities, so a symbolic link cannot lead out. It counts towards the limits of the workload. berth keeps modes and times; it does not keep owners and set-user-id bits.',
      'Out of a directory berth skips device files, FIFOs and sockets, names them on standard error and exits with 0; it skips /proc, /sys and /dev. Into a workload such an entry of an archive ends the copy. Exit code 1: berth could not read or write a file, and standard error names it.',
    ],
    args: [
      { name: 'SRC', about: 'what is copied: ID:PATH, a path here, or -' },
      { name: 'DST', about: 'where to: ID:PATH, a path here, or -' },
    ],
    options: [],
    examples: [
      'berth workload cp web-1:/etc/hosts .',
      'berth workload cp site/. web-1:/srv',
      'berth workload cp web-1:/data - | gzip > data.tar.gz',
    ],
    load: () => import('../run/copy.js'),
  },
  {
    path: ['workload', 'console'],
    group: 'Workloads',
    summary: 'Attach to the serial console of a virtual machine (driver qemu)',
    details: [
      'Prints what the guest writes from now on; `berth workload logs ID` has the earlier output. On a terminal, each key goes to the guest, and Ctrl-] detaches; the guest continues to run. Without a terminal, standard input goes to the guest, and Ctrl-C detaches. One session at a time can attach.',
    ],
    args: [id],
    options: [],
    ownSignals: true,
    examples: ['berth workload console vm-1', 'echo reboot | berth workload console vm-1'],
    load: () => import('../run/console.js'),
  },
  {
    path: ['workload', 'wait'],
    group: 'Workloads',
    summary: 'Wait until workloads are running, ready, exited or deleted',
    details: [
      'Exit code 1 when one failed instead, when it can no longer get there, or after the timeout (`deadline_exceeded`), which is one for all of them. Exit code 4 when a selection matches nothing.',
    ],
    args: [someIds],
    options: [
      ...selection,
      {
        name: 'for',
        value: 'WHAT',
        about: 'what to wait for',
        choices: ['running', 'ready', 'exited', 'deleted'],
        fallback: 'exited',
      },
      { name: 'timeout', value: 'DURATION', about: 'wait at most this long (default: for ever)' },
    ],
    examples: [
      'berth workload wait web-1 --for running --timeout 30s',
      'berth workload wait -l job=nightly --for exited',
    ],
    load: () => import('../run/wait.js'),
  },
  {
    path: ['fits'],
    group: 'Workloads',
    summary: 'Would it be admitted, and if not, why (changes nothing)',
    details: [
      'Exit code 3 when one of them would be refused. Each is asked about by itself. Says which dimension refuses first, which workloads of a lower class or priority would have to go, and how many more of this shape there is room for. With --preempt, who would be stopped for it by `berth workload create --preempt`, in this order; exit code 0 when that would do.',
    ],
    args: [],
    options: [file, preempt, { name: 'room', about: 'a table of how many more there is room for, by dimension' }],
    examples: ['berth fits -f web.json', 'berth fits -f web.json --room', 'berth fits -f web.json --preempt'],
    load: () => import('../run/fits.js'),
  },
];
