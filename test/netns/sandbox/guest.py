# Plays the guest behind a tap: TAP MAC ADDRESS6 KIND FRAMES. Sends so many frames of the kind, each with another made-up address,
# says `sent`, and from then on answers for its own address.
import fcntl, os, socket, struct, sys

name, mac_text, address6, kind, frames = sys.argv[1:6]
mac = bytes.fromhex(mac_text.replace(":", ""))
gateway = bytes.fromhex("ee" * 6)
own, router = socket.inet_pton(socket.AF_INET6, address6), socket.inet_pton(socket.AF_INET6, "fe80::1")
every = socket.inet_pton(socket.AF_INET6, "ff02::2")
TUNSETIFF, TAP, NO_PI, VNET_HEADER = 0x400454CA, 0x2, 0x1000, 0x4000
HEADER = bytes(10)
tap = os.open("/dev/net/tun", os.O_RDWR)
fcntl.ioctl(tap, TUNSETIFF, struct.pack("16sH22x", name.encode(), TAP | NO_PI | VNET_HEADER))


def total(data):
    data += bytes(len(data) % 2)
    n = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    n = (n & 0xFFFF) + (n >> 16)
    return ~((n & 0xFFFF) + (n >> 16)) & 0xFFFF


def send(source, to, protocol, body, hops=255):
    os.write(tap, HEADER + gateway + mac + b"\x86\xdd" + struct.pack("!IHBB", 6 << 28, len(body), protocol, hops) + source + to + body)


def icmp(source, to, body):
    body = body[:2] + bytes(2) + body[4:]
    check = total(source + to + struct.pack("!II", len(body), 58) + body)
    send(source, to, 58, body[:2] + struct.pack("!H", check) + body[4:])


def made_up(n):
    return socket.inet_pton(socket.AF_INET6, "fe80::%x" % (0x1000 + n))


def solicit(n):
    icmp(made_up(n), router, struct.pack("!BBHI", 135, 0, 0, 0) + router + b"\x01\x01" + mac)


def solicit_routed(n):
    who = socket.inet_pton(socket.AF_INET6, "2001:db8::%x" % (0x1000 + n))
    icmp(who, router, struct.pack("!BBHI", 135, 0, 0, 0) + router + b"\x01\x01" + mac)


def solicit_router(n):
    icmp(made_up(n), every, struct.pack("!BBHI", 133, 0, 0, 0) + b"\x01\x01" + mac)


def echo(n):
    icmp(made_up(n), router, struct.pack("!BBHHH", 128, 0, 0, 1, n))


def forward(n):
    send(own, made_up(n), 17, struct.pack("!HHHH", 1000, 2000, 8, 0xFFFF), 64)


kinds = {"solicit": solicit, "solicit_routed": solicit_routed, "solicit_router": solicit_router, "echo": echo, "forward": forward}
for n in range(int(frames)):
    kinds[kind](n)
print("sent", flush=True)
while True:
    frame = os.read(tap, 65536)[len(HEADER):]
    if frame[12:14] != b"\x86\xdd" or frame[20] != 58:
        continue
    source, body = frame[22:38], frame[54:]
    if body[0] == 135 and body[8:24] == own:
        icmp(own, source, struct.pack("!BBHI", 136, 0, 0, 0x60000000) + own + b"\x02\x01" + mac)
    elif body[0] == 128:
        icmp(own, source, b"\x81\x00\x00\x00" + body[4:])
