/** What the lab host is made of. Any change here makes another image: its content hash is the image's name. */
export interface ImageRecipe {
  readonly version: number;
  readonly suite: string;
  readonly packages: readonly string[];
  readonly aptOptions: readonly string[];
  readonly dpkgOptions: readonly string[];
  /** Written before the packages are installed: what their scripts read. */
  readonly earlyFiles: readonly ImageFile[];
  readonly files: readonly ImageFile[];
  /** Units that only cost boot time or noise here. */
  readonly masked: readonly string[];
  readonly enabled: Readonly<Record<string, readonly string[]>>;
  readonly diskGiB: number;
}

export interface ImageFile {
  readonly path: string;
  readonly text: string;
  readonly mode?: number;
}

export const READY_LINE = 'berth-lab ready';

export function imageRecipe(): ImageRecipe {
  return {
    version: 2,
    suite: 'trixie',
    packages: [
      ...['systemd', 'systemd-sysv', 'dbus', 'udev', 'kmod', 'linux-image-amd64', 'zstd', 'openssh-server'],
      ...['iproute2', 'nftables', 'iputils-ping', 'curl', 'iperf3', 'procps', 'util-linux', 'e2fsprogs'],
      ...['nodejs', 'python3-minimal', 'crun', 'qemu-system-x86', 'seabios', 'prometheus'],
      ...['busybox-static', 'gzip', 'cpio'],
      // Its policy.json is of the other package.
      ...['skopeo', 'golang-github-containers-common'],
    ],
    aptOptions: ['Acquire::Languages "none"', 'Acquire::Retries "3"'],
    dpkgOptions: [
      'force-unsafe-io',
      ...['doc', 'man', 'locale', 'info'].map((folder) => `path-exclude=/usr/share/${folder}/*`),
    ],
    earlyFiles: [
      // Only what this one machine needs: the default packs every storage driver, and unpacking that is slow here.
      { path: 'etc/initramfs-tools/conf.d/berth-lab', text: 'MODULES=list\n' },
      { path: 'usr/share/initramfs-tools/modules.d/berth-lab', text: 'virtio_pci\nvirtio_blk\next4\n' },
    ],
    files: hostFiles(),
    masked: [
      ...['apt-daily.timer', 'apt-daily-upgrade.timer', 'dpkg-db-backup.timer', 'e2scrub_all.timer', 'fstrim.timer'],
      ...['e2scrub_reap.service', 'man-db.timer', 'logrotate.timer', 'systemd-timesyncd.service'],
      ...['getty@tty1.service', 'serial-getty@ttyS0.service', 'getty-static.service', 'systemd-pstore.service'],
      ...['systemd-networkd-wait-online.service', 'keyboard-setup.service', 'console-setup.service'],
      // Tests start Prometheus themselves, on their own configuration.
      'prometheus.service',
    ],
    enabled: {
      'multi-user.target': ['systemd-networkd.service', 'ssh.service', 'berth-lab-ready.service'],
    },
    diskGiB: 8,
  };
}

function hostFiles(): readonly ImageFile[] {
  return [
    { path: 'etc/hostname', text: 'berth-lab\n' },
    { path: 'etc/hosts', text: '127.0.0.1 localhost\n127.0.1.1 berth-lab\n::1 localhost ip6-localhost\n' },
    { path: 'etc/fstab', text: '/dev/vda / ext4 errors=remount-ro 0 1\n' },
    // An empty stamp newer than /usr keeps first-boot jobs (ldconfig and more) from running.
    { path: 'etc/.updated', text: '' },
    { path: 'var/.updated', text: '' },
    { path: 'etc/resolv.conf', text: 'nameserver 10.0.2.3\n' },
    { path: 'etc/modules-load.d/berth-lab.conf', text: 'kvm_amd\n' },
    {
      // Debian's own network daemon, as on users' hosts, and not a script: what it does to new links must show here.
      path: 'etc/systemd/network/10-lab.network',
      text: `[Match]
Name=eth0

[Network]
Address=10.0.2.15/24
Gateway=10.0.2.2
LinkLocalAddressing=no
IPv6AcceptRA=no
`,
    },
    {
      path: 'etc/systemd/journald.conf.d/berth-lab.conf',
      text: '[Journal]\nStorage=persistent\nSystemMaxUse=64M\nRateLimitBurst=0\n',
    },
    {
      // One multiplexed connection carries many sessions; PAM and post-quantum key exchange cost seconds in here;
      // sshd must not punish a client whose connections ended with a power cut.
      path: 'etc/ssh/sshd_config.d/berth-lab.conf',
      text: `UseDNS no
UsePAM no
PermitRootLogin prohibit-password
PasswordAuthentication no
KexAlgorithms curve25519-sha256
Ciphers chacha20-poly1305@openssh.com
HostKey /etc/ssh/ssh_host_ed25519_key
MaxSessions 200
MaxStartups 200
PerSourcePenalties no
PrintLastLog no
`,
    },
    {
      path: 'etc/systemd/system/berth-lab-ready.service',
      text: `[Unit]
Description=Tell the serial console that ssh answers
After=ssh.service systemd-networkd.service

[Service]
Type=oneshot
ExecStart=/bin/sh -c 'echo "${READY_LINE} $(cat /proc/sys/kernel/random/boot_id)"'
StandardOutput=tty
TTYPath=/dev/console

[Install]
WantedBy=multi-user.target
`,
    },
  ];
}
