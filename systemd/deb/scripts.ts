// Maintainer scripts (Debian policy, chapter 6). None of them touches a workload, and only a purge without workloads ends the
// supervisor.

const HEAD = '#!/bin/sh\nset -e\n\n';

const POSTINST = `if [ "$1" = configure ]; then
	mkdir -p /etc/berth/berth.d
	install -d -m 0700 /etc/berth/secrets
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

const POSTRM = String.raw`tree() {
	for root in /sys/fs/cgroup/berth.slice/berth-workloads.service /sys/fs/cgroup/unified/berth.slice/berth-workloads.service; do
		[ ! -d "$root" ] || echo "$root"
	done
}

# Names of the workloads that have a living process.
living() {
	tree | while read -r root; do
		for events in "$root"/*/*/cgroup.events; do
			! grep -qs '^populated 1' "$events" || basename "$(dirname "$events")"
		done
	done
}

# Names of the workloads whose network namespace has a process in it, of whatever cgroup: containers that joined a sandbox of driver
# external, and processes that left their cgroup.
inhabited() {
	used=$(stat -L -c %i /proc/[0-9]*/ns/net 2>/dev/null | sort -u)
	for name in /run/netns/berth-*; do
		inode=$(stat -L -c %i "$name" 2>/dev/null) || continue
		! echo "$used" | grep -qx "$inode" || basename "$name" | sed 's/^berth-//'
	done
}

# restore PATH BEFORE AFTER: writes BEFORE, unless somebody else has changed the value since.
restore() {
	[ "$(cat "/proc/sys/$1" 2>/dev/null)" != "$3" ] || echo "$2" > "/proc/sys/$1" || true
}

# What berth doctor --fix lifted, and its file.
restore_ceilings() {
	conf=/etc/sysctl.d/60-berth.conf
	kept=/var/lib/berth/sysctl.rollback.json
	[ -e "$kept" ] || return 0
	sed -n 's/^.*"values":{\([^}]*\)}}$/\1/p' "$kept" | tr -d '"' | tr ',' '\n' | while IFS=: read -r key value; do
		restore "$(echo "$key" | tr . /)" "$value" "$(sed -n "s/^$key = //p" "$conf" 2>/dev/null | tail -n 1)"
	done
	if grep -q '"file":null' "$kept"; then
		rm -f "$conf"
	else
		printf '%b' "$(sed -n 's/^{"version":1,"file":"\(.*\)","values":{.*$/\1/p' "$kept" | sed 's/\\"/"/g')" > "$conf"
	fi
}

# What the agent turned on (agent/network/forwarding-before.ts), the last first.
restore_forwarding() {
	[ -e /run/berth/forwarding.before ] || return 0
	if nft list ruleset 2>/dev/null | grep -q 'hook forward'; then
		echo 'berth: forwarding stays on: other rules of this host hook into it'
		return 0
	fi
	sed '1!G;h;$!d' /run/berth/forwarding.before | while read -r path before after; do
		restore "$path" "$before" "$after"
	done
}

if [ "$1" = remove ] || [ "$1" = purge ]; then
	rm -rf /var/cache/berth
fi
if [ "$1" = purge ]; then
	left=$( (living; inhabited) | sort -u)
	if [ -n "$left" ]; then
		# Their firewall is all that stands between them and the network; their records say whose it is.
		echo "berth: workloads still run: $(echo $left)"
		echo 'berth: they, their firewall, the supervisor and /var/lib/berth stay. To end them all:'
		for root in $(tree); do
			echo "berth:   for d in $root/*/*/; do echo 1 > \"$d/cgroup.kill\"; done"
		done
		echo 'berth:   ip netns pids berth-NAME   names processes that another runtime started in a sandbox; end these there.'
		echo 'berth: then install berth again and purge it.'
	else
		if [ -d /run/systemd/system ]; then
			systemctl stop berth.service berth-workloads.service 2>/dev/null || true
		fi
		id=$(sed -n 's/.*"id":"\([0-9a-f]*\)".*/\1/p' /var/lib/berth/installation.json 2>/dev/null || true)
		for family in inet bridge; do
			# One without a chain of this name is of an earlier version, or of another installation.
			if nft list chain $family berth "owner_$id" > /dev/null 2>&1 || ! nft list table $family berth 2>/dev/null | grep -q 'chain owner_'; then
				nft delete table $family berth 2>/dev/null || true
			fi
			nft delete table $family "berth-$id" 2>/dev/null || true
		done
		restore_ceilings
		restore_forwarding
		rm -rf /var/lib/berth /run/berth /run/berth-agents
		rmdir --ignore-fail-on-non-empty /etc/berth/berth.d /etc/berth/secrets /etc/berth 2>/dev/null || true
	fi
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
