import { createHash } from 'node:crypto';

/** What goes into the guest of a microVM test: Debian's cloud kernel and an initrd of one busybox and modules. */
export interface GuestRecipe {
  readonly version: number;
  readonly suite: string;
  readonly packages: readonly string[];
  /** Modules wanted; what they depend on is found in the modules themselves. */
  readonly modules: readonly string[];
  readonly files: Readonly<Record<string, string>>;
}

export function guestRecipe(): GuestRecipe {
  return {
    version: 3,
    suite: 'trixie',
    packages: ['linux-image-cloud-amd64', 'busybox-static'],
    modules: ['virtio_mmio', 'virtio_net', 'virtio_blk', 'virtio_balloon', 'vmw_vsock_virtio_transport'],
    files: { 'www/index.html': 'hello from guest\n' },
  };
}

/** Pure: the content hash that names a cached build. */
export function contentHash(content: unknown): string {
  return createHash('sha256').update(JSON.stringify(content)).digest('hex').slice(0, 16);
}

/**
 * Pure: the order in which modules can be loaded, each after what it depends on. `dependsOf` reads one module's
 * own list, so that neither depmod nor an installed kernel is needed.
 */
export function loadOrder(wanted: readonly string[], dependsOf: (name: string) => readonly string[]): string[] {
  const order: string[] = [];
  const visit = (name: string, trail: readonly string[]) => {
    if (trail.includes(name)) throw new Error(`modules depend on each other: ${[...trail, name].join(' -> ')}`);
    if (order.includes(name)) return;
    for (const needed of dependsOf(name)) visit(needed, [...trail, name]);
    order.push(name);
  };
  for (const name of wanted) visit(name, []);
  return order;
}

/** The guest's /init. It has no shell but busybox, and modules must be loaded by name and in order. */
export function guestInit(modules: readonly string[]): string {
  return `#!/bin/busybox sh
B=/bin/busybox
$B mount -t proc proc /proc
$B mount -t sysfs sys /sys
$B mount -t devtmpfs dev /dev 2>/dev/null
ip=
for word in $($B cat /proc/cmdline); do
  case $word in ip=*) ip=\${word#ip=} ;; esac
done
for module in ${modules.join(' ')}; do
  $B insmod /modules/$module.ko || echo "berth-guest: insmod $module failed"
done
$B ip link set lo up
if [ -n "$ip" ]; then
  IFS=: read -r address server gateway mask host device rest <<END
$ip
END
  device=\${device:-eth0}
  n=0
  while [ ! -e /sys/class/net/$device ] && [ $n -lt 100 ]; do $B usleep 20000; n=$((n + 1)); done
  $B ip link set $device up
  $B ifconfig $device $address netmask \${mask:-255.255.255.0}
  # The gateway may be outside the address's own net (/32 leases): say that it is on the link first.
  if [ -n "$gateway" ]; then
    $B ip route add $gateway dev $device
    $B ip route add default via $gateway dev $device
  fi
  echo "berth-guest $device $address"
fi
$B httpd -p 80 -h /www
echo "berth-guest ready"
while :; do $B sleep 3600; done
`;
}
