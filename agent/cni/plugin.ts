// The program that a runtime runs for each verb. Perl, because a runtime waits for its start: README.md has the figures.

/** Marks a file as ours, for the commands that write and remove it. */
export const PLUGIN_MARK = '# Written by: berth cni install';

/** Seconds that the plugin waits for an agent that is away, and for the answer. A kubelet gives up after two minutes. */
const PATIENCE_S = { absent: 30, whole: 90 } as const;

/** The text of the plugin for the agent that listens on `socket`. */
export function pluginText(socket: string): string {
  return TEXT.replace('@SOCKET@', () => socket.replace(/[\\']/g, '\\$&'))
    .replace('@MARK@', () => PLUGIN_MARK)
    .replace('@ABSENT@', String(PATIENCE_S.absent))
    .replace('@WHOLE@', String(PATIENCE_S.whole));
}

/**
 * It needs no module, so that perl-base is more than enough: the numbers are those of Linux (AF_UNIX 1, SOCK_STREAM 1).
 * `output` of the answer is JSON without control characters: in the JSON of the reply only quotes and backslashes of it are escaped.
 */
const TEXT = String.raw`#!/usr/bin/perl
@MARK@
# The CNI plugin of berth: hands what the runtime has said to the agent, and prints what the agent answers.
use strict;
use warnings;

my $socket = '@SOCKET@';
my ($absent, $whole) = (@ABSENT@, @WHOLE@);
my @versions = qw(0.3.0 0.3.1 0.4.0 1.0.0 1.1.0);
my $command = $ENV{CNI_COMMAND} // '';
my $config = do { local $/; <STDIN> } // '';
my ($version) = $config =~ /"cniVersion"\s*:\s*"([0-9.]+)"/;
$version = '1.1.0' unless grep { $_ eq ($version // '') } @versions;

sub quoted {
  my ($text) = @_;
  $text =~ s/(["\\])/\\$1/g;
  $text =~ s/([\x00-\x1f])/sprintf '\\u%04x', ord $1/ge;
  return qq("$text");
}

sub failed {
  my ($code, $message) = @_;
  print qq({"cniVersion":"$version","code":$code,"msg":), quoted($message), "}\n";
  exit 1;
}

if ($command eq 'VERSION') {
  print '{"cniVersion":"1.1.0","supportedVersions":[', join(',', map { quoted($_) } @versions), "]}\n";
  exit 0;
}

my %said = (command => $command, containerId => $ENV{CNI_CONTAINERID}, netns => $ENV{CNI_NETNS},
  ifname => $ENV{CNI_IFNAME}, args => $ENV{CNI_ARGS}, config => $config);
for my $name (keys %said) {
  my $copy = $said{$name} // '';
  failed($name eq 'config' ? 6 : 4, "$name is not UTF-8") unless utf8::decode($copy);
}
failed(6, 'the network configuration is longer than 900000 bytes') if length $config > 900_000;
my $params = join ',', map { quoted($_) . ':' . quoted($said{$_} // '') } sort keys %said;
my $request = qq({"jsonrpc":"2.0","id":1,"method":"cni.call","params":{$params}});

# A websocket frame of a client is masked; a mask of zeros changes nothing.
sub frame {
  my ($opcode, $body) = @_;
  my $size = length $body;
  my $length = $size < 126 ? pack('C', 0x80 | $size) : $size < 65536 ? pack('Cn', 0xfe, $size) : pack('CQ>', 0xff, $size);
  return pack('C', 0x80 | $opcode) . $length . "\0\0\0\0" . $body;
}

sub send_all {
  my ($peer, $bytes) = @_;
  while (length $bytes) {
    my $sent = syswrite $peer, $bytes;
    return 0 unless $sent;
    substr($bytes, 0, $sent) = '';
  }
  return 1;
}

# The reply of the agent; undef: it is not there, or went away. Its verbs may be repeated, so asking again is safe.
sub ask {
  socket(my $peer, 1, 1, 0) or return;
  connect($peer, pack('Sa108', 1, $socket)) or return;
  send_all($peer, "GET / HTTP/1.1\r\nHost: berth\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    . "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n"
    . "Sec-WebSocket-Protocol: berth.v1\r\n\r\n") or return;
  my ($bytes, $open) = ('', 0);
  while (1) {
    if (!$open && $bytes =~ s/\A(.*?)\r\n\r\n//s) {
      my $head = $1;
      failed(999, "the agent refuses the connection: $head") unless $head =~ m{\AHTTP/1\.1 101 };
      $open = 1;
      send_all($peer, frame(1, $request)) or return;
    }
    while ($open && length $bytes >= 2) {
      my ($opcode, $size) = unpack 'CC', $bytes;
      my $from = $size == 126 ? 4 : $size == 127 ? 10 : 2;
      last if length $bytes < $from;
      $size = unpack 'x2n', $bytes if $size == 126;
      $size = unpack 'x2Q>', $bytes if $size == 127;
      last if length $bytes < $from + $size;
      my $body = substr $bytes, $from, $size;
      substr($bytes, 0, $from + $size) = '';
      return if $opcode == 0x88;
      send_all($peer, frame(10, $body)) or return if $opcode == 0x89;
      return $body if $opcode == 0x81 && $body =~ /\A\{"jsonrpc":"2\.0","id":1,/;
    }
    my $got = sysread $peer, $bytes, 65536, length $bytes;
    next if !defined $got && $!{EINTR};
    return unless $got;
  }
}

local $SIG{PIPE} = 'IGNORE';
local $SIG{ALRM} = sub { failed(11, "the agent of berth has not answered within $whole s ($socket)") };
alarm $whole;
my $until = time + ($command eq 'STATUS' ? 0 : $absent);
while (1) {
  my $reply = ask();
  my $why = defined $reply ? '' : "the agent of berth does not answer on $socket";
  if (defined $reply) {
    if (my ($code, $output) = $reply =~ /"result":\{"code":(\d+),"output":"((?:[^"\\]|\\.)*)"\}/s) {
      $output =~ s/\\(.)/$1/gs;
      print $output, "\n" if length $output;
      exit($code == 0 ? 0 : 1);
    }
    my ($message) = $reply =~ /"message":"((?:[^"\\]|\\.)*)"/;
    $why = $message // 'an answer without a result';
    $why =~ s/\\(.)/$1/gs;
    failed(999, $why) unless $reply =~ /"code":"(?:shutting_down|rate_limited|supervisor_unavailable)"/;
  }
  failed($command eq 'STATUS' ? 50 : 11, $why) if time >= $until;
  select undef, undef, undef, 0.1;
}
`;
