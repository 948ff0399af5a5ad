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
`;

const POSTRM = `if [ "$1" = purge ]; then
	rm -rf /var/lib/berth
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
