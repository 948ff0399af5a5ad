// Maintainer scripts (Debian policy, chapter 6). The holder and the workloads are touched by none of them.

const HEAD = '#!/bin/sh\nset -e\n\n';

const POSTINST = `if [ "$1" = configure ]; then
	mkdir -p /etc/berth/berth.d
	if [ -d /run/systemd/system ]; then
		systemctl daemon-reload || true
		if [ -n "$2" ]; then
			# An upgrade: the agent only, and only if it runs.
			systemctl try-restart berth.service || true
		fi
	fi
fi
`;

const PRERM = `if [ "$1" = remove ] && [ -d /run/systemd/system ]; then
	systemctl --no-reload disable --now berth.service || true
fi
if [ "$1" = remove ]; then
	# Ready network slots are nobody's. Workloads, and what they need, stay.
	ip -o link show 2>/dev/null | sed -n 's/^[0-9]*: \\([^@:]*\\).*alias berth-slot.*/\\1/p' | while read -r link; do
		ip link delete "$link" || true
	done
	for name in /run/netns/berth--slot-*; do
		name=$(basename "$name")
		ip -n "$name" link show eth0 >/dev/null 2>&1 || ip netns delete "$name" 2>/dev/null || true
	done
fi
`;

const POSTRM = `if [ "$1" = purge ]; then
	rm -rf /var/lib/berth
	# Without the records nobody knows whose the elements of the firewall are.
	nft delete table inet berth 2>/dev/null || true
	nft delete table bridge berth 2>/dev/null || true
	rmdir --ignore-fail-on-non-empty /etc/berth/berth.d /etc/berth 2>/dev/null || true
fi
if [ -d /run/systemd/system ]; then
	systemctl daemon-reload || true
fi
`;

/** File name in DEBIAN/ -> text. */
export const maintainerScripts: Readonly<Record<string, string>> = {
  postinst: HEAD + POSTINST,
  prerm: HEAD + PRERM,
  postrm: HEAD + POSTRM,
};
