// What each method does, for the generated documents. Beside the contract and not in it: the command loads methods.ts
// at every start and has no use for prose.

import type { ErrorCode } from '../../protocol/errors.js';
import { MOST_IMAGE_HOLDERS } from '../model/image-view.js';
import { MOST_HOLDERS } from '../model/licence.js';
import { LIMITS } from './limits.js';
import type { MethodName } from './methods.js';

export interface MethodDescription {
  readonly does: string;
  /** Beyond those every method can answer with. */
  readonly errors: readonly ErrorCode[];
}

/** Of a stream to what runs. */
const INSIDE: readonly ErrorCode[] = [
  'not_found',
  'workload_not_running',
  'workload_frozen',
  'workload_ending',
  'too_many_streams',
];

/** Of a virtual machine that was suspended. */
const RETURN: readonly ErrorCode[] = ['snapshot_incompatible', 'snapshot_damaged', 'address_in_use'];

/** What a spec asks for, and this host does not have (`check` of agent/workload/admission.ts). */
const CHECK: readonly ErrorCode[] = [
  'invalid_spec',
  'unknown_driver',
  'controller_missing',
  'limit_unsupported',
  'device_missing',
  'network_missing',
  'binary_missing',
  'image_missing',
  'image_unknown',
  'secret_missing',
  'ksm_unavailable',
  'hugepages_missing',
  'licence_unknown',
];
/** What keeps a new start out of the queue of the start governor. */
const START: readonly ErrorCode[] = ['start_queue_full'];
const ADMIT: readonly ErrorCode[] = ['admission_refused', 'address_pool_exhausted', 'port_in_use', 'cordoned'];
/** What a change of a workload that exists can answer. */
const CHANGE: readonly ErrorCode[] = [
  ...CHECK,
  'not_found',
  'conflict',
  'immutable_field',
  'admission_refused',
  'port_in_use',
  'invalid_state',
  'shrink_refused',
];

export const DESCRIPTIONS: { readonly [M in MethodName]: MethodDescription } = {
  'session.hello': {
    does: 'States who speaks. A scheduler sends it first; scopes narrow what the configuration of the node grants (empty: all of that). The epoch is durable before the answer; older sessions of the same scheduler are closed with 4001.',
    errors: ['stale_epoch'],
  },
  'session.ping': { does: 'Answers with the clock of the node, Unix milliseconds.', errors: [] },
  'node.describe': {
    does: 'The node: version, drivers, counts, conditions; under `drain` how far a drain is, null without one; under `starts` how many starts settle and may, what waits for its permit, and why not more; under `session` what this session may do.',
    errors: [],
  },
  'node.capacity': {
    does: 'The ledger: what there is, may be committed, is committed, set aside and used; windows of time in which other figures count, open and to come; ceilings of the kernel; reservations; what drivers need beside their guests, configured and measured; with `density.prediction` what is expected to be used, and the overcommit that would allow, with what it rests on; who has which cpus. What is of tenants outside the scope is left out. With `limit` the rows of so many tenants, by name: `next` is the `cursor` of the next page; rows of no tenant are on the first page.',
    errors: [],
  },
  'node.top': {
    does: 'Who uses what: the host, starts, and each workload in scope with its state, its place in the queue of starts, its cores, memory and pressure between the last two samples (`metrics.interval`). Reads nothing, so that it may be asked often. Filters and pages as of `workload.list`.',
    errors: [],
  },
  'node.cordon': {
    does: 'Admits nothing new from now on; what runs goes on.',
    errors: [],
  },
  'node.uncordon': {
    does: 'Admits again, and lifts a drain: `resumed` workloads that it stopped are admitted anew and start as before, the highest class and priority first. A workload that was frozen is frozen again. A workload that cannot start any more stays stopped; its `error` has the reason.',
    errors: [],
  },
  'node.drain': {
    does: 'Cordons the node and stops workloads: class by class, the lowest first, the lowest priority first within a class, 16 at a time. Answers when that is durable; `node.describe` shows under `drain` how far it is, and events tell the rest. The drain continues after a restart of the agent and after a reboot, until `node.uncordon`. `tenant` and `selector` choose the workloads to drain; `keepClass` keeps this class and the classes above it. `grace` and `deadline` are milliseconds, at most 7 days. `grace` replaces the grace period of each workload. After `deadline` berth kills what still runs; half a minute later the drain is `incomplete` as long as something is left. A second call replaces the parameters of the current drain. A DrainView has `phase` (draining, incomplete, drained, lifting), the counts `total`, `stopped`, `stopping` and `waiting`, `deadlineAt` (Unix milliseconds), and under `left` the first ten workloads that are stopping. With `dryRun` nothing changes: `plan` names the workloads in the order in which they would be asked, `more` counts those beyond the first thousand.',
    errors: [],
  },
  'node.reload': {
    does: 'Takes quotas, limits of tenants, licences, ratios, the start governor and the pressure ladder of the configuration as it is in the files now; answers when they are in force. `restart` names sections that differ and wait for a restart, `unmet` tenants whose memory cannot go down to the new limit yet.',
    errors: ['config_invalid'],
  },
  'node.doctor': {
    does: 'Runs the checks of the host; what they found is told again for two seconds.',
    errors: [],
  },
  'node.cleanup': {
    does: 'Removes what this installation owns and nothing is attached to; with `dryRun` it removes nothing, and `plan` says for each object whose it is, what would be done and why.',
    errors: [],
  },
  'node.tune': {
    does: 'Lifts ceilings of the kernel for density.max_workloads, live and in /etc/sysctl.d/60-berth.conf, never lowers one, and keeps the old values; `plan` says what would be changed, `rollback` puts everything back.',
    errors: ['rollback_missing', 'state_damaged'],
  },
  'workload.fits': {
    does: 'Would it be admitted, and if not, why, and who would have to go? How many more of this shape are there room for, and what stops them? With `preempt`, `preemption` says who would be evicted for it by workload.create with `preempt`, in which order, and what would stand in the way even so. Changes nothing.',
    errors: CHECK,
  },
  'workload.create': {
    does: 'Admits a workload and answers when the wish is durable; events tell the rest. The same id with the same spec is a success that changes nothing. Room set aside for this id is used; with `reservation` it must be that one. With `preempt`, and where density.preemption of the node allows it, workloads of a lower class or priority, of tenants in scope, are stopped where there is no room; it starts when they are gone. A refusal says in `preemption` why that would not do.',
    errors: [
      ...CHECK,
      ...ADMIT,
      ...START,
      'conflict',
      'reservation_not_found',
      'reservation_expired',
      'reservation_committed',
      'reservation_foreign',
    ],
  },
  'workload.reserve': {
    does: 'Sets room, addresses and ports aside for a workload of this id for `ttl` milliseconds (1 s to 24 h), durably before the answer. The same again by the same scheduler renews the time. workload.create with this id uses it.',
    errors: [...CHECK, ...ADMIT, 'conflict', 'reservation_foreign'],
  },
  'workload.release': {
    does: 'Gives a reservation back, by its id or its token.',
    errors: ['reservation_not_found', 'reservation_expired', 'reservation_committed', 'reservation_foreign'],
  },
  'workload.update': {
    does: 'Changes resources, labels, priority, restart, or ports, reachable, bandwidth, egress and connections of the network of a workload while it runs. Memory is lowered by steps; if the session ends meanwhile, or the workload is to stop, nothing has changed. With `ifGeneration` only if the workload is of that generation, else `conflict` names the fields that differ; a change that is there already is a success all the same. With `dryRun` nothing changes, and `refused` is the error that the change would get.',
    errors: CHANGE,
  },
  'workload.patch': {
    does: 'As `workload.update`, with a JSON merge patch (RFC 7386) of the stored specification: an object is merged, null takes a field back to its default, everything else replaces. The result is checked as a whole. Read, merge and change are one step.',
    errors: CHANGE,
  },
  'workload.delete': {
    does: 'Stops and removes it. Answers when the wish is durable; `workload.deleted` says when nothing is left. `now` skips the grace period.',
    errors: ['not_found'],
  },
  'workload.get': {
    does: 'One workload, with what the kernel says of it.',
    errors: ['not_found'],
  },
  'workload.list': {
    does: 'All workloads in scope, or those of a tenant, driver, class or state, by id. `selector` is an equality selector on labels as Kubernetes has it: `app=web,tier!=db,release,!canary`; a workload without the label satisfies `!=`, too. With `limit` a page of them: `next` is the `cursor` of the next page, and absent on the last one. A workload that is there all the while is on one page, whatever comes and goes meanwhile.',
    errors: [],
  },
  'workload.start': {
    does: 'Starts a stopped workload after a new admission; a suspended one resumes from its snapshot. Thaws a frozen one. Ends the pause before the next try of a restart policy. The answer is what is durable then, `pending` for a new start; events tell what becomes of it.',
    errors: [...CHECK, ...ADMIT, ...START, ...RETURN, 'not_found', 'invalid_state'],
  },
  'workload.stop': {
    does: 'Stops it and keeps its sandbox and place.',
    errors: ['not_found', 'invalid_state'],
  },
  'workload.restart': {
    does: 'Stops and starts it. One that does not run is started, as by workload.start.',
    errors: [...CHECK, ...ADMIT, ...START, ...RETURN, 'not_found', 'invalid_state'],
  },
  'workload.freeze': {
    does: 'Suspends it where it stands. One that does not run yet starts first; one that has ended is `invalid_state`.',
    errors: ['not_found', 'invalid_state'],
  },
  'workload.thaw': {
    does: 'Lets a frozen one go on. One that has ended is `invalid_state`.',
    errors: ['not_found', 'invalid_state'],
  },
  'workload.logs': {
    does: 'A piece of its output; pass `next` back as `offset` to go on. `limit` is in bytes. With `tail` it begins so many lines before the end, with `since` at the first bytes that came at that time or later; with both, at the later of the two. stdout and stderr are one stream, in the order in which the workload wrote. With `times: true` the answer has `times`: the position and the time of each read of the supervisor, at most 1000. A piece with more ends early; go on from `next`. Positions count all that was ever written, over rotations; `missing` counts the bytes from `offset` on that are no longer kept. With `encoding` `base64` the bytes come unchanged in `base64`, and `text` is empty; with `auto` so where they are no UTF-8.',
    errors: ['not_found'],
  },
  'workload.exec': {
    does: 'Runs a program inside a running workload: in its namespaces, below its cgroup, with its user, capabilities and seccomp filter, never with more. Answers with a stream (see Streams) as soon as the program has its standard input and output. It ends with the stream, and so does all that it has started. `user` is another user only where the workload may become one; `env` is added to that of the workload. `tty` ({ columns, rows }) gives it a terminal instead of pipes; without `stdin: true` standard input is empty. A session needs the grants that the workload has.',
    errors: [...INSIDE, 'exec_unsupported', 'exec_failed', 'binary_missing'],
  },
  'workload.copy': {
    does: 'Copies files, directories and symbolic links out of a running workload (`direction` `from`: a tar archive comes as standard output) or into it (`to`: a tar archive is the input). A program of berth does so with the mounts, root, user and capabilities of the main process of the workload, in its cgroup: a path means what it means for the workload. `to`: into the directory `path`; or, if only its parent is there, under that name. Modes and times are kept, set-user-id bits are not; new files belong to the user of the workload. A device, a FIFO or a name with `..` in the archive ends it with exit code 1; what came before stays. Out of a directory berth skips devices, FIFOs and sockets and names them on standard error; the exit code stays 0. /proc, /sys and /dev are skipped. If a file cannot be read or written, the exit code is 1. A session needs the grants that the workload has.',
    errors: [...INSIDE, 'exec_unsupported', 'exec_failed', 'binary_missing'],
  },
  'workload.console': {
    does: 'The serial console of a virtual machine, as a stream (see Streams): what the guest writes from now on, and keys to it. One session at a time can attach. The guest does not wait for a slow reader: what is not taken is left out, and a line says how many bytes. A session needs the grants that the workload has.',
    errors: [...INSIDE, 'console_unsupported', 'console_in_use'],
  },
  'workload.snapshot': {
    does: 'Writes the state of a virtual machine to a directory of this node, durable when it answers. Without `keepRunning` the workload then stops with the cause `suspended`, holds no room, and its next start lets the guest go on where it was, with its address. With `keepRunning` the guest pauses while berth writes, then goes on; the snapshot stays until somebody deletes it or its workload. What cannot be saved is `snapshot_unsupported`; after any other error the guest goes on and nothing is left.',
    errors: ['not_found', 'invalid_state', 'snapshot_unsupported', 'snapshot_failed'],
  },
  'snapshot.list': {
    does: 'Snapshots of virtual machines on this node, by workload and name, each with what a host must have in common with it (`fit`). A session with scopes sees those of its tenants. In pages, as `workload.list`.',
    errors: [],
  },
  'snapshot.delete': {
    does: 'Deletes snapshot `name` of a workload. A suspended workload that would go on from it boots with its next start.',
    errors: ['not_found', 'invalid_state'],
  },
  'stream.input': {
    does: 'Bytes for a stream, in base64, as many as credit was given for; with `end` nothing comes after them.',
    errors: ['stream_unknown', 'stream_overrun'],
  },
  'stream.credit': {
    does: 'Says that so many bytes of output are taken: the agent sends as many more.',
    errors: ['stream_unknown'],
  },
  'stream.resize': {
    does: 'The terminal of the peer has another size. Without a terminal it does nothing.',
    errors: ['stream_unknown'],
  },
  'stream.signal': {
    does: 'Sends a signal to the program of a stream: SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGKILL, SIGUSR1, SIGUSR2, SIGSTOP, SIGCONT or SIGWINCH.',
    errors: ['stream_unknown'],
  },
  'stream.close': {
    does: 'Hangs up: the program gets SIGHUP, and what is left of it 3 s later is killed. `stream.end` follows.',
    errors: ['stream_unknown'],
  },
  'volume.list': {
    does: 'The volumes of the tenants of the session, or of one tenant, with the workloads whose specification mounts them. A volume is made at the start of the first workload that mounts it, in the state directory of the agent, and has no quota.',
    errors: [],
  },
  'volume.delete': {
    does: 'Deletes a volume with all that is in it. Refused while the specification of a workload mounts it, whether it runs or not (`volume_in_use`, with `users`).',
    errors: ['volume_unknown', 'volume_in_use'],
  },
  'volume.prune': {
    does: 'Deletes the volumes that no workload mounts, of the tenants of the session or of one of them. `dryRun` says which.',
    errors: [],
  },
  'image.list': {
    does: `Images of this node, by digest: names, bytes, when it was pulled and last used, and which workloads use it: the first ${MOST_IMAGE_HOLDERS} by id, and how many more there are in \`moreUsers\`; under \`pulling\` pulls under way. Images are shared by all tenants. A session with scopes sees those that its workloads have, by the names by which they have them. In pages, as \`workload.list\`.`,
    errors: [],
  },
  'image.pull': {
    does: 'Fetches and unpacks an image, so that a workload that names it starts without waiting. Answers when the image is here as a whole; the event `image.pulling` tells how far it is. `"pull": "always"` (default) asks the source what the tag means now, `missing` fetches only what is not here. Sessions and workloads that ask for the same image wait for one pull, which ends when nobody waits any more: a session that ends does not wait. A directory or archive of the host (`oci:`, `oci-archive:`, `docker-archive:`) needs the grant that a workload with that image needs.',
    errors: ['image_pull_failed', 'image_invalid', 'binary_missing', 'disk_full'],
  },
  'image.delete': {
    does: 'Takes a name from an image, and deletes the image with its last name; `sha256:DIGEST` names an image with all its names. Refused for the last name of an image that a workload has (`image_in_use`, with `users`). Layers that other images have stay.',
    errors: ['image_unknown', 'image_in_use'],
  },
  'image.prune': {
    does: 'Deletes images that no workload has used for `unusedFor` milliseconds (24 hours where it is left out; 0: all that no workload uses now). With `dryRun` it says which, and how many bytes that would free. While a pull is under way, what is freed goes when it ends. A session with scopes is told the bytes alone.',
    errors: [],
  },
  'cni.call': {
    does: 'A verb of CNI (specification 1.1.0), as the CNI plugin has it from a container runtime: `command`, `containerId`, `netns`, `ifname` and `args` are the variables CNI_*, `config` is the standard input. An attachment is a workload of driver external, with the label `cni.network`. What CNI calls an error is a result as well: `code` is its number, 0 without one, and `output` the JSON text to print. For sessions of all tenants that are granted `external.namespace`.',
    errors: [],
  },
  'engine.list': {
    does: 'Engines that berth knows (other managers of workloads on this host): whether each answers (`up`), is found by the names of cgroups (`names`), does not answer (`unreachable`, with `why`), is `absent` or `off`; what berth may do there (`authority`), its socket, and how many workloads it runs. A session with scopes is told how many of its tenants run, and neither `why` nor `socket`.',
    errors: [],
  },
  'engine.get': {
    does: 'An engine with its workloads: id, name, image, labels, tenant, limits, use, `cgroup` and `within`. `within` names the container or workload that contains it, if the ledger counts that one instead. Names, images and labels come from the engine; berth removes control characters and shortens them. `cgroup` is the path below the cgroup mount. In pages by name, as `workload.list`. A session with scopes sees the workloads of its tenants.',
    errors: ['not_found'],
  },
  'tenant.list': {
    does: 'Tenants that are configured, were set or have workloads: quotas, guaranteed shares, licences, limits of their cgroup, each with where it comes from, and what they have; with `tenant` that one alone. In pages by name, as `workload.list`.',
    errors: [],
  },
  'tenant.set': {
    does: 'Changes quotas, guaranteed shares, licences and limits of a tenant at once, over what the configuration says; null takes a value back. Durable before the answer. A quota below its use stops new starts; with `evict` workloads are stopped, lowest class and priority first, until it holds. A name that nobody has used yet needs `create`.',
    errors: ['tenant_unknown', 'invalid_quota', 'guarantee_too_large', 'licence_unknown'],
  },
  'tenant.delete': {
    does: 'Takes back all that tenant.set has set. Not while it has workloads or reservations.',
    errors: ['tenant_unknown', 'tenant_in_use', 'tenant_in_file'],
  },
  'licence.list': {
    does: `Pools of licences: how many, leased by whom, in use by whom: the first ${MOST_HOLDERS} by id, and how many more there are in \`moreHolders\`. In pages by name, as \`workload.list\`.`,
    errors: [],
  },
  'licence.lease': {
    does: 'Lends floating licences to this node for `ttl` milliseconds, instead of those that this scheduler has lent before; a count of 0 takes them back. Durable before the answer. When they run out nothing new starts on them; what runs is reported.',
    errors: ['licence_unknown', 'invalid_state'],
  },
  'licence.audit': {
    does: 'Grants and returns of licences since `since` (Unix milliseconds), oldest first, as far back as they are kept. With `limit` a page of them: `next` is the `cursor` of the next page, a position in all that was ever written, and absent on the last one.',
    errors: [],
  },
  'events.subscribe': {
    does: 'Sends kept events after the cursor `since`, then new ones, as notifications `event`. `cursor` is the newest at this moment; `gap` says that events before `from` are no longer kept. A second call starts over from its own `since`.',
    errors: [],
  },
  'events.ack': {
    does: 'Remembers, for this scheduler, that everything up to `cursor` has been dealt with; it never goes back. session.hello tells it after a reconnect.',
    errors: ['invalid_state'],
  },
};

/** What any method can answer with. */
export const COMMON_ERRORS: readonly ErrorCode[] = [
  'invalid_params',
  'not_permitted',
  'rate_limited',
  'message_too_large',
  'reply_too_large',
  'shutting_down',
  'disk_full',
  'os_error',
  'internal',
];

export const CLOSE_CODES: readonly { readonly code: number; readonly meaning: string }[] = [
  { code: 1001, meaning: 'the agent is stopping' },
  { code: 1003, meaning: 'a binary message; messages are text' },
  { code: 1009, meaning: 'a message above the limit' },
  { code: 1013, meaning: 'a slow reader; connect again and subscribe from the last cursor' },
  { code: 4001, meaning: 'a newer epoch of this scheduler has connected' },
  { code: 4002, meaning: 'nothing was heard for three pings' },
  { code: 4003, meaning: `a dialled scheduler did not say \`session.hello\` within ${LIMITS.helloMs / 1000} s` },
];
