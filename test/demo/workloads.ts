// The specs of the demo, small enough for a lab under emulation.

const exec = (id: string, tenant: string, command: readonly string[], memory: string) => ({
  id,
  tenant,
  driver: 'exec',
  resources: { cpu: { request: 0.1, limit: 0.5, weight: 100 }, memory: { limit: memory }, pids: 32 },
  exec: { command },
});

/** Twelve small web servers of two tenants. */
export const services = ['acme', 'globex'].flatMap((tenant) =>
  [1, 2, 3, 4, 5, 6].map((n) =>
    exec(
      `${tenant}-web-${n}`,
      tenant,
      ['/bin/busybox', 'httpd', '-f', '-p', '80', '-h', '/srv/berth-demo/www'],
      '32Mi',
    ),
  ),
);

export const containers = ['acme', 'globex'].map((tenant) => ({
  id: `${tenant}-box`,
  tenant,
  driver: 'oci',
  resources: { cpu: { request: 0.1 }, memory: { limit: '64Mi' }, pids: 64 },
  oci: { rootfs: '/srv/berth-demo/rootfs', command: ['/bin/busybox', 'httpd', '-f', '-p', '80', '-h', '/www'] },
}));

export const microvm = (kernel: string, initrd: string) => ({
  id: 'acme-vm',
  tenant: 'acme',
  driver: 'qemu',
  resources: { cpu: { request: 0.5 } },
  qemu: { kernel, initrd, memory: '128Mi' },
});

/** Doubles a string until the kernel stops it. */
export const hog = exec(
  'globex-hog',
  'globex',
  ['/bin/sh', '-c', 'x=0123456789abcdef; while :; do x=$x$x; done'],
  '24Mi',
);

/** Two hosts' worth of quota for one tenant. */
export const tooMuch = { ...exec('acme-extra', 'acme', ['/bin/sleep', '60'], '32Mi') };

/** What the containers and the web servers serve. */
export const PREPARE = `set -e
mkdir -p /srv/berth-demo/www /srv/berth-demo/rootfs/bin /srv/berth-demo/rootfs/www
echo "hello from a process" > /srv/berth-demo/www/index.html
echo "hello from a container" > /srv/berth-demo/rootfs/www/index.html
cp /bin/busybox /srv/berth-demo/rootfs/bin/busybox
ln -sf busybox /srv/berth-demo/rootfs/bin/sh
chmod -R a+rX /srv/berth-demo`;
