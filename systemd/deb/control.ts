export interface PackageFacts {
  readonly version: string;
  readonly architecture: string;
  readonly description: string;
  /** Unix time in seconds. */
  readonly date: number;
  readonly installedKib: number;
}

const MAINTAINER = 'berth maintainers <berth@berth.invalid>';

/** DEBIAN/control. */
export function control({ version, architecture, description, installedKib }: PackageFacts): string {
  return `${[
    'Package: berth',
    `Version: ${version}`,
    `Architecture: ${architecture}`,
    `Maintainer: ${MAINTAINER}`,
    `Installed-Size: ${installedKib}`,
    'Depends: nodejs (>= 20.19), libc6 (>= 2.29), nftables, iproute2, crun',
    'Recommends: systemd (>= 254)',
    // Driver qemu is for amd64.
    `Suggests: ${architecture === 'amd64' ? 'qemu-system-x86, ' : ''}skopeo, zstd, squashfs-tools, busybox-static, xz-utils, bash-completion`,
    'Section: admin',
    'Priority: optional',
    `Description: ${synopsis(description)}`,
    ' berth gives every workload of a Linux host - process, container, microVM or',
    ' VM - a cgroup with limits, a network namespace with address, bandwidth and',
    ' firewall, and a place in the ledger of what the host can hold. Schedulers',
    ' drive it over a websocket, people with the berth command; it exports metrics',
    ' for Prometheus.',
  ].join('\n')}\n`;
}

/** changelog.Debian, before compression. */
export function changelog({ version, date }: PackageFacts): string {
  // RFC 5322, as policy 4.4 wants it; toUTCString says GMT where that wants an offset.
  const when = new Date(date * 1000).toUTCString().replace('GMT', '+0000');
  return `berth (${version}) unstable; urgency=medium\n\n  * Release ${version}.\n\n -- ${MAINTAINER}  ${when}\n`;
}

/** copyright, in the machine-readable form (DEP 5). */
export function copyright(): string {
  return `Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: berth

Files: *
Copyright: 2026 the berth authors
License: Apache-2.0

Files: usr/lib/berth/node_modules/*
Copyright: Niels Martignène <niels.martignene@protonmail.com>
License: MIT

License: Apache-2.0
 On Debian systems the full text of the Apache License, Version 2.0 is in
 /usr/share/common-licenses/Apache-2.0.

License: MIT
 The full text is in /usr/lib/berth/node_modules/koffi/LICENSE.txt.
Comment: usr/lib/berth/*.js and usr/lib/berth/code/*.js also contain the production
 dependencies named in package.json (node-cron, pino, prom-client, smol-toml, systeminformation, ws, yaml,
 zod), each under the MIT, ISC, BSD-3-Clause or Apache-2.0 license.
`;
}

export function lintianOverrides(): string {
  return `# Guarded by /run/systemd/system; debhelper, whose snippets would do the same, is not used.
berth: maintainer-script-calls-systemctl *
`;
}

// Policy 3.4.1: below 80 characters, no article, no full stop.
function synopsis(description: string): string {
  const [first = description] = description.split(':');
  return first.slice(0, 79);
}
