// Every error a person or a scheduler can meet. Codes are never reused or renamed; docs/errors.md is made from here.
interface ErrorKind {
  /** Exit code of the command (design: 1 failed, 2 usage, 3 refused, 4 not found, 5 cannot connect, 6 not permitted). */
  readonly exit: 1 | 2 | 3 | 4 | 5 | 6;
  /** JSON-RPC 2.0 error code; -32000..-32099 is the range the specification leaves to servers. */
  readonly rpc: number;
  /** What to do, when the place that throws has nothing better to say. */
  readonly hint: string;
}

export const ERRORS = {
  invalid_spec: { exit: 2, rpc: -32602, hint: 'Correct the named field; `berth help spec` shows the shape.' },
  invalid_params: { exit: 2, rpc: -32602, hint: 'Correct the named parameter.' },
  invalid_request: { exit: 2, rpc: -32600, hint: 'Send one JSON-RPC 2.0 request object per message.' },
  parse_error: { exit: 2, rpc: -32700, hint: 'Send valid JSON.' },
  unknown_method: { exit: 2, rpc: -32601, hint: 'The methods are listed in /usr/share/doc/berth/protocol.md.' },
  unknown_command: { exit: 2, rpc: -32000, hint: 'Run `berth help`.' },
  usage: { exit: 2, rpc: -32000, hint: 'Run `berth help COMMAND`.' },
  config_invalid: { exit: 2, rpc: -32001, hint: 'Run `berth config check`; `berth config default` prints every key.' },
  unknown_driver: { exit: 2, rpc: -32002, hint: 'Run `berth help spec`, which has an example for each driver.' },
  conflict: { exit: 1, rpc: -32003, hint: 'Use `berth workload update`, or delete it first.' },
  invalid_state: { exit: 1, rpc: -32004, hint: 'Look at `berth workload show ID` and try again when it has settled.' },
  immutable_field: { exit: 2, rpc: -32005, hint: 'Delete the workload and create it anew with the changed field.' },
  not_found: { exit: 4, rpc: -32010, hint: 'See `berth workload list`.' },
  admission_refused: { exit: 3, rpc: -32020, hint: 'See `berth node capacity`.' },
  address_pool_exhausted: { exit: 3, rpc: -32021, hint: 'Delete workloads or widen network.pool.' },
  port_in_use: { exit: 3, rpc: -32023, hint: 'Choose another host port, or free this one.' },
  start_queue_full: { exit: 3, rpc: -32071, hint: 'Try again after retryAfterMs, or place it on another host.' },
  cordoned: {
    exit: 3,
    rpc: -32022,
    hint: 'Use another node, or run `berth node uncordon`; this also starts workloads that a drain has stopped.',
  },
  binary_missing: { exit: 1, rpc: -32030, hint: 'Install the named program on this host.' },
  controller_missing: {
    exit: 1,
    rpc: -32031,
    hint: 'This host lacks the named cgroup v2 controller; see `berth doctor`.',
  },
  image_missing: {
    exit: 1,
    rpc: -32032,
    hint: 'Put the file or directory where the named field says, with the permissions that the message names.',
  },
  image_unknown: {
    exit: 4,
    rpc: -32094,
    hint: 'See `berth image list`; `berth image pull NAME` fetches it, and so does a spec with `"pull": "missing"`.',
  },
  image_invalid: {
    exit: 1,
    rpc: -32095,
    hint: 'Correct what the message names: the image itself, or on this node the program or the limit (images.max_size, images.max_files).',
  },
  image_pull_failed: {
    exit: 1,
    rpc: -32096,
    hint: 'Check the name, the network, and the credentials and policy of this host (/etc/containers).',
  },
  image_in_use: { exit: 1, rpc: -32097, hint: 'Delete the workloads that use it first.' },
  volume_in_use: { exit: 1, rpc: -32098, hint: 'Delete the workloads that mount it first; see `berth volume list`.' },
  volume_unknown: {
    exit: 4,
    rpc: -32099,
    hint: 'Run `berth volume list`. For a volume of another tenant than `default` add `--tenant TENANT`.',
  },
  secret_missing: {
    exit: 1,
    rpc: -32081,
    hint: 'Create the file /etc/berth/secrets/TENANT/NAME (`secrets.directory`; a regular file, at most 64 KiB), or load the credential `secrets_TENANT_NAME` with LoadCredential=.',
  },
  device_missing: { exit: 1, rpc: -32033, hint: 'See `berth doctor`.' },
  address_in_use: { exit: 1, rpc: -32034, hint: 'Free the named object or choose another id.' },
  owned_by_another: {
    exit: 1,
    rpc: -32091,
    hint: 'Choose another id, or end the workload in the named installation; `berth cleanup --dry-run` lists what is whose.',
  },
  shrink_refused: { exit: 1, rpc: -32048, hint: 'Free memory inside the workload first, or choose a higher limit.' },
  network_missing: { exit: 1, rpc: -32049, hint: 'See section [network] of the configuration of this node.' },
  pool_conflict: {
    exit: 1,
    rpc: -32050,
    hint: 'Choose another network for the named key of section [network], or take the other one off the host.',
  },
  network_setup_failed: {
    exit: 1,
    rpc: -32051,
    hint: 'The message names the bridge, or what nft said; see `berth doctor`.',
  },
  limit_unsupported: {
    exit: 1,
    rpc: -32057,
    hint: 'Leave the named limit out of the spec, or boot a kernel that has it.',
  },
  ksm_unavailable: { exit: 1, rpc: -32055, hint: 'Leave resources.memory.ksm out.' },
  hugepages_missing: {
    exit: 1,
    rpc: -32056,
    hint: 'Set more aside: `sysctl vm.nr_hugepages=N`, best at boot, while memory is in one piece.',
  },
  reservation_not_found: { exit: 4, rpc: -32060, hint: 'It was released, or never made; reserve again.' },
  reservation_expired: { exit: 3, rpc: -32061, hint: 'Reserve again, or create without naming the reservation.' },
  reservation_committed: { exit: 1, rpc: -32062, hint: 'The workload exists; see `berth workload show ID`.' },
  reservation_foreign: { exit: 6, rpc: -32063, hint: 'Wait until it expires, or have its owner release it.' },
  tenant_unknown: { exit: 4, rpc: -32064, hint: 'See `berth tenant list`; `--create` makes a new one.' },
  tenant_in_use: { exit: 1, rpc: -32065, hint: 'Delete its workloads and reservations first.' },
  tenant_in_file: { exit: 1, rpc: -32066, hint: 'Take [tenant.NAME] out of the configuration of this node.' },
  invalid_quota: { exit: 2, rpc: -32067, hint: 'Correct the named field; `berth help tenant set` shows the settings.' },
  guarantee_too_large: {
    exit: 3,
    rpc: -32068,
    hint: 'Guarantee less, to this tenant or to others; see `berth node capacity` for what there is.',
  },
  licence_unknown: { exit: 2, rpc: -32069, hint: 'Add [licence.NAME] to the configuration of this node.' },
  rollback_missing: {
    exit: 4,
    rpc: -32070,
    hint: 'Nothing was changed by `berth doctor --fix` that could be put back.',
  },
  snapshot_unsupported: {
    exit: 1,
    rpc: -32085,
    hint: 'berth saves guests of drivers qemu and firecracker without image and hugepages, of qemu also without vsock; with --keep-running also without an image that the guest writes to. It saves no clones. To stop a workload without a snapshot: `berth workload stop ID`. See docs/microvms.md.',
  },
  snapshot_failed: {
    exit: 1,
    rpc: -32084,
    hint: 'The guest goes on. Look for the message of the VMM in `berth workload logs ID`, and for free space: `df -h /var/lib/berth`.',
  },
  snapshot_incompatible: {
    exit: 3,
    rpc: -32082,
    hint: 'Put back what the message names. A suspended workload boots at its next start after `berth workload delete-snapshot WORKLOAD NAME`; the saved state is then lost.',
  },
  snapshot_damaged: {
    exit: 1,
    rpc: -32083,
    hint: 'Run `berth workload delete-snapshot WORKLOAD NAME`: a suspended workload then boots at its next start. A clone needs another snapshot: `berth workload snapshots` lists them.',
  },
  start_failed: { exit: 1, rpc: -32035, hint: 'See `berth workload logs ID`.' },
  workload_not_running: { exit: 1, rpc: -32072, hint: 'Start it: `berth workload start ID`.' },
  workload_frozen: { exit: 1, rpc: -32073, hint: 'Thaw it: `berth workload thaw ID`.' },
  workload_ending: { exit: 1, rpc: -32074, hint: 'Try again when it runs again; see `berth workload show ID`.' },
  console_unsupported: {
    exit: 1,
    rpc: -32029,
    hint: 'Only virtual machines of driver qemu have a console; `berth workload exec` runs a program inside others.',
  },
  console_in_use: {
    exit: 1,
    rpc: -32028,
    hint: 'Detach the other session; `berth events --workload ID --type workload.console` shows who attached.',
  },
  exec_unsupported: { exit: 1, rpc: -32075, hint: 'Drivers exec and oci run a program inside a workload.' },
  exec_failed: {
    exit: 1,
    rpc: -32076,
    hint: 'Check that the program exists in the workload and that its user may run it; the message quotes the runtime or the kernel.',
  },
  stream_unknown: { exit: 4, rpc: -32077, hint: 'The stream has ended, or it is of another session.' },
  stream_overrun: { exit: 1, rpc: -32078, hint: 'Send no more bytes than stream.credit has allowed.' },
  too_many_streams: { exit: 1, rpc: -32079, hint: 'End programs inside workloads that nobody needs, and try again.' },
  deadline_exceeded: { exit: 1, rpc: -32036, hint: 'The host is slow or stuck; see `berth doctor` and the journal.' },
  os_error: { exit: 1, rpc: -32037, hint: 'The kernel refused; the message names operation, object and errno.' },
  disk_full: {
    exit: 1,
    rpc: -32090,
    hint: 'Free space or inodes on the named file system. Stop and delete work meanwhile.',
  },
  state_damaged: { exit: 1, rpc: -32038, hint: 'The file was set aside beside its place; nothing else was lost.' },
  supervisor_unavailable: { exit: 1, rpc: -32039, hint: 'Run `systemctl start berth-workloads`.' },
  network_unavailable: {
    exit: 1,
    rpc: -32058,
    hint: 'Try again when `berth doctor` no longer has the condition network_unavailable.',
  },
  not_root: { exit: 6, rpc: -32040, hint: 'Run the agent as root, or as the systemd service.' },
  not_permitted: { exit: 6, rpc: -32041, hint: 'Use credentials whose scope covers this tenant.' },
  stale_epoch: { exit: 6, rpc: -32042, hint: 'A newer instance of this scheduler is connected; step back.' },
  socket_in_use: { exit: 1, rpc: -32043, hint: 'Another agent is running; `systemctl status berth`.' },
  cannot_connect: { exit: 5, rpc: -32044, hint: 'Is the agent running? `systemctl status berth`, or pass --connect.' },
  rate_limited: { exit: 1, rpc: -32045, hint: 'Send fewer requests at once.' },
  message_too_large: { exit: 2, rpc: -32046, hint: 'Split the request.' },
  reply_too_large: {
    exit: 2,
    rpc: -32080,
    hint: 'Ask for less at once: a `limit` (workload.list), one tenant, one state, or entries since a later moment.',
  },
  shutting_down: { exit: 1, rpc: -32047, hint: 'Try again when the agent is back.' },
  internal: {
    exit: 1,
    rpc: -32603,
    hint: 'This is a defect of berth; please report it with what `journalctl -u berth` says.',
  },
} as const satisfies Record<string, ErrorKind>;

export type ErrorCode = keyof typeof ERRORS;

/** An error with a stable code, a sentence and a hint. `data` holds figures for machines (a refusal's dimension). */
export class BerthError extends Error {
  readonly code: ErrorCode;
  readonly hint: string;
  readonly data: Readonly<Record<string, unknown>> | undefined;

  constructor(
    code: ErrorCode,
    message: string,
    options: { hint?: string; data?: Readonly<Record<string, unknown>>; cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'BerthError';
    this.code = code;
    this.hint = options.hint ?? ERRORS[code].hint;
    this.data = options.data;
  }
}

/** The shape in which an error leaves the agent: over the wire, in --json, in a workload's record. */
export interface ErrorReport {
  readonly code: ErrorCode;
  readonly message: string;
  readonly hint: string;
  readonly data?: Readonly<Record<string, unknown>>;
}
