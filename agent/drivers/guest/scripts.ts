// What a guest runs before and beside the program of its image: scripts for busybox, the same for every microVM. What differs lies
// on a second drive, which `configuration.ts` writes.

/** Where the guest finds its second drive unpacked. */
export const SETTINGS = '/berth';
/** Within the root filesystem of the image: a tmpfs, with busybox and what starts the program. */
export const INSIDE = '/dev/.berth';
/** What the guest says last: the exit code of its program. See `last-words.ts`. */
export const LAST_WORDS = 'berth: the program ended with exit code';

/** Before the reason why the program is not even begun. */
export const CANNOT_START = 'berth: the guest cannot start:';
/** Name of the virtio-serial port by which berth asks for something. */
export const CONTROL_PORT = 'berth.control';

// Process 1. Drives are known by their first bytes, as their order is not the same for every VMM.
export const INIT = `#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev 2>/dev/null
exec </dev/null >/dev/console 2>&1
fail() {
  echo "${CANNOT_START} $1"
  stty -F /dev/console sane
  reboot -f
}
for module in $(cat /modules/order); do
  insmod /modules/$module.ko || echo "berth: the kernel does not take its module $module"
done
rm -rf /modules
tries=0
root= settings=
while [ -z "$root" ] || [ -z "$settings" ]; do
  for drive in /dev/vd?; do
    [ -b "$drive" ] || continue
    case $(head -c 6 "$drive" | tr -c '[:alnum:]' .) in
      hsqs*) root=$drive ;;
      070701) settings=$drive ;;
    esac
  done
  tries=$((tries + 1))
  [ $tries -lt 250 ] || fail 'its drives do not appear'
  usleep 20000
done
cd ${SETTINGS} && cpio -i <"$settings" 2>/dev/null || fail 'its settings cannot be read'
. ./settings
cd /
mount -t squashfs -o ro "$root" /lower || fail 'its kernel cannot mount squashfs'
mount -t tmpfs -o "mode=0755,size=$WRITABLE" top /top || fail 'no tmpfs'
mkdir /top/upper /top/work
mount -t overlay -o lowerdir=/lower,upperdir=/top/upper,workdir=/top/work overlay /root || fail 'its kernel cannot mount overlay'
cd /root && mkdir -p proc sys dev etc ./"$DIRECTORY"
mount -t proc -o nosuid,nodev,noexec proc /root/proc
mount -t sysfs -o nosuid,nodev,noexec sys /root/sys
mount -t devtmpfs -o nosuid dev /root/dev
mkdir -p /root/dev/pts /root/dev/shm /root${INSIDE}
mount -t devpts -o nosuid,noexec,gid=5,mode=0620,ptmxmode=0666 devpts /root/dev/pts
mount -t tmpfs -o nosuid,nodev,mode=1777 shm /root/dev/shm
mount -t tmpfs -o mode=0755 berth /root${INSIDE}
for link in fd:/proc/self/fd stdin:/proc/self/fd/0 stdout:/proc/self/fd/1 stderr:/proc/self/fd/2; do
  ln -s "\${link#*:}" "/root/dev/\${link%%:*}" 2>/dev/null
done
touch /root${INSIDE}/busybox
mount --bind /bin/busybox /root${INSIDE}/busybox
cp ${SETTINGS}/start ${SETTINGS}/passwd ${SETTINGS}/group /root${INSIDE}/
mkfifo -m 0666 /root${INSIDE}/ready /root${INSIDE}/go
for name in resolv.conf hosts hostname; do
  rm -f /root/etc/$name
  cp ${SETTINGS}/$name /root/etc/$name
done
hostname "$NAME"
for name in passwd group; do [ -e /root/etc/$name ] || : >/root/etc/$name; done
[ -z "$READ_ONLY" ] || mount -o remount,ro /root
ip link set lo up
if [ -n "$ADDRESS" ]; then
  tries=0
  while [ ! -e /sys/class/net/eth0 ]; do
    tries=$((tries + 1))
    [ $tries -lt 250 ] || fail 'its network card does not appear'
    usleep 20000
  done
  ip link set eth0 up
  ip addr add "$ADDRESS" dev eth0
  if [ -n "$GATEWAY" ]; then
    ip route add "$GATEWAY" dev eth0
    ip route add default via "$GATEWAY" dev eth0
  fi
fi
exec /bin/init </dev/null >/dev/null 2>&1
`;

/** Process 1 afterwards is init of busybox: it reaps orphans, and gives its children all signals as they are by default. */
export const INITTAB = `::once:/run
::once:/control
::ctrlaltdel:/end
`;

// su(1) takes the supplementary groups from /etc/group: there are files for it there until it has become the user. The last words begin a
// line, whatever the program has left of its last one.
export const RUN = `#!/bin/busybox sh
exec </dev/null >/dev/console 2>&1
stty -F /dev/console -opost
inside() { chroot /root ${INSIDE}/busybox "$@"; }
for name in passwd group; do inside mount --bind ${INSIDE}/$name /etc/$name; done
{
  read -r _ </root${INSIDE}/ready
  for name in passwd group; do inside umount /etc/$name; done
  echo >/root${INSIDE}/go
} &
inside sh -c 'echo $$ >${INSIDE}/pid; exec ${INSIDE}/busybox su -s ${INSIDE}/start berth'
code=$?
printf '\\n%s %s\\n' "${LAST_WORDS}" "$code" >/dev/console
stty -F /dev/console sane
sync
reboot -f
`;

// From the host, a line for each request. The port is one that the host keeps open: a read waits.
export const CONTROL = `#!/bin/busybox sh
port=
for one in /sys/class/virtio-ports/*; do
  [ "$(cat "$one/name" 2>/dev/null)" != ${CONTROL_PORT} ] || port=/dev/\${one##*/}
done
[ -n "$port" ] || exec sleep 2147483647
until [ -s /root${INSIDE}/pid ]; do usleep 50000; done
while read -r word value; do
  case $word in
    signal) kill -s "$value" "$(cat /root${INSIDE}/pid)" ;;
  esac
done <"$port"
`;

/** Ctrl-Alt-Del, with which Firecracker asks for the end. */
export const END = `#!/bin/busybox sh
. ${SETTINGS}/settings
kill -s "$SIGNAL" "$(cat /root${INSIDE}/pid)"
`;
