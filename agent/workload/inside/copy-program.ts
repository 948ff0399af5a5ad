// Copies files into a workload or out of it, as a tar stream on standard input or output. It is Perl because the program of the workload's own
// root may have no tar, and one of the host that is already running needs nothing of that root. It joins the mounts and takes on root
// directory, user, groups and capabilities of the main process, before it opens anything: links lead nowhere else than they do for the workload.
// It stays out of the workload's process namespace, where nobody can see or trace it.
// Arguments: `from` or `to`, pid and start time of the main process, the path, the name of the first entry.
import { MACHINES } from '../../../linux/machine.js';

const CALLS = Object.values(MACHINES)
  .map(({ uname, calls: { setns, prctl, capset } }) => `${uname} => [${setns}, ${prctl}, ${capset}]`)
  .join(', ');

export const COPY_PROGRAM = String.raw`use strict;
use warnings;
use POSIX ();
use Fcntl qw(:DEFAULT :mode);

my ($direction, $pid, $start, $path, $as) = @ARGV;
my $BLOCK = 512;
my $PIECE = 65536;
my $MOST_EXTENSION = 1 << 20;
my $partial = 0;
$SIG{__DIE__} = sub { chomp(my $why = $_[0]); fail($why) };

# A line each: names are the workload's, and may have line breaks or what a terminal obeys.
sub told { my ($text) = @_; $text =~ s/([\x00-\x1f\x7f])/sprintf '\\x%02x', ord $1/ge; print STDERR "berth: $text\n" }
sub fail { told($_[0]); POSIX::_exit(1) }
sub warning { told($_[0]); $partial = 1 }

# The numbers of system calls for which Perl has no word.
my %CALLS = (${CALLS});
my $calls = $CALLS{(POSIX::uname())[4]} or fail('this processor is not supported');
my ($SETNS, $PRCTL, $CAPSET) = @$calls;
sub system_call { my ($name, @call) = @_; syscall(shift @call, @call) >= 0 or fail("$name: $!") }
sub content { open(my $file, '<', $_[0]) or fail('the workload has ended'); local $/; my $all = <$file>; close $file; return $all }

# What the main process of the workload is: its root, its user, its capabilities. Its directory in /proc stays its own, whoever gets the pid.
sub enter {
  sysopen(my $proc, "/proc/$pid", O_RDONLY | O_DIRECTORY) or fail('the workload has ended');
  my $main = '/proc/self/fd/' . fileno($proc);
  content("$main/stat") =~ /\)[^)]*\z/ or fail('the workload has ended');
  (split ' ', $&)[20] == $start or fail('the workload has ended');
  sysopen(my $root, "$main/root", O_RDONLY | O_DIRECTORY) or fail("the root of the workload: $!");
  sysopen(my $mounts, "$main/ns/mnt", O_RDONLY) or fail("the mounts of the workload: $!");
  sysopen(my $users, "$main/ns/user", O_RDONLY) or fail("the users of the workload: $!");
  if ((stat $users)[1] != (stat '/proc/self/ns/user')[1]) { system_call('setns', $SETNS, fileno($users), 0x10000000) }
  # Read from here on, ids are those of the user namespace.
  my $status = content("$main/status");
  my ($uid) = $status =~ /^Uid:\s+\d+\s+(\d+)/m;
  my ($gid) = $status =~ /^Gid:\s+\d+\s+(\d+)/m;
  my ($groups) = $status =~ /^Groups:[ \t]*([\d ]*)$/m;
  my ($held) = $status =~ /^CapEff:\s+([0-9a-f]{16})$/m;
  system_call('setns', $SETNS, fileno($mounts), 0x00020000);
  chdir($root) && chroot('.') or fail("the root of the workload: $!");
  close $_ for $proc, $root, $mounts, $users;
  # Not to be traced by others of its user, and nothing more for what it might run.
  system_call('prctl', $PRCTL, 4, 0, 0, 0, 0);
  system_call('prctl', $PRCTL, 38, 1, 0, 0, 0);
  my @wanted = $groups =~ /\d/ ? split(' ', $groups) : ($gid);
  $) = join ' ', $gid, @wanted;
  $! = 0;
  POSIX::setgid($gid) or fail("setgid $gid: $!");
  POSIX::setuid($uid) or fail("setuid $uid: $!");
  my ($high, $low) = map { hex } unpack('A8 A8', $held);
  # Another user than root has lost them all with setuid, and gets none back.
  if ($uid != 0) { ($high, $low) = (0, 0) }
  my $header = pack 'LL', 0x20080522, 0;
  my $data = pack 'L6', $low, $low, 0, $high, $high, 0;
  system_call('capset', $CAPSET, $header, $data);
  my ($first, @others) = split ' ', $);
  $> == $uid && $< == $uid && $first == $gid or fail('the user of the workload is not taken on');
  # None of its own is left, as where setgroups(2) is denied.
  join(' ', sort @others) eq join(' ', sort @wanted) or fail('the groups of the workload are not taken on');
  umask 0;
}

sub put {
  my $at = 0;
  while ($at < length $_[0]) {
    my $count = syswrite(STDOUT, $_[0], length($_[0]) - $at, $at);
    defined $count or ($!{EINTR} ? next : POSIX::_exit(1));
    $at += $count;
  }
}

sub octal {
  my ($value, $length) = @_;
  $value = 0 if $value < 0;
  return sprintf('%0*o', $length - 1, $value) . "\0" if $value < 8**($length - 1);
  return "\x80" . substr(("\0" x $length) . pack('Q>', $value), 1 - $length);
}

sub header {
  my ($name, $type, $target, $mode, $size, $mtime, $uid, $gid) = @_;
  for (['L', $name], ['K', $target]) {
    my ($kind, $text) = @$_;
    next if length $text <= 100;
    header('././@LongLink', $kind, '', 0644, length($text) + 1, 0, 0, 0);
    put($text . "\0" x ($BLOCK - length($text) % $BLOCK));
  }
  my $block = pack('a100 a8 a8 a8 a12 a12 a8 a1 a100 a8 a32 a32 a8 a8 a155 x12',
    $name, octal($mode, 8), octal($uid, 8), octal($gid, 8), octal($size, 12), octal($mtime, 12), ' ' x 8, $type, $target,
    "ustar  \0", '', '', '', '', '');
  substr($block, 148, 8) = sprintf("%06o\0 ", unpack('%32C*', $block));
  put($block);
}

sub file_out {
  my ($file, $name, $top) = @_;
  # Whatever has taken its place meanwhile: not followed, and not waited for.
  sysopen(my $from, $file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK) or return ($top ? fail("$file: $!") : warning("$file: $!"));
  my @found = stat $from;
  S_ISREG($found[2]) or return warning("$file: it is no regular file any more");
  my $left = $found[7];
  header($name, '0', '', $found[2] & 01777, $left, @found[9, 4, 5]);
  my $pad = -$left % $BLOCK;
  while ($left > 0) {
    my $count = sysread($from, my $bytes, $left < $PIECE ? $left : $PIECE);
    if (!$count) {
      warning("$file: " . (defined $count ? 'it has become shorter' : $!) . ': zeros stand for what is missing');
      while ($left > 0) { my $zeros = $left < $PIECE ? $left : $PIECE; put("\0" x $zeros); $left -= $zeros }
      last;
    }
    put($bytes);
    $left -= $count;
  }
  close $from;
  put("\0" x $pad);
}

my %SKIPPED = map { $_ => 1 } '/proc', '/sys', '/dev';

sub walk {
  my ($file, $name, $top) = @_;
  my @found = lstat $file or return ($top ? fail("$file: $!") : warning("$file: $!"));
  my @rest = @found[9, 4, 5];
  my $mode = $found[2] & 01777;
  if (S_ISREG($found[2])) { file_out($file, $name, $top) }
  elsif (S_ISLNK($found[2])) {
    my $target = readlink $file;
    defined $target or return warning("$file: $!");
    header($name, '2', $target, 0777, 0, @rest);
  }
  elsif (S_ISDIR($found[2])) {
    opendir(my $list, $file) or return ($top ? fail("$file: $!") : warning("$file: $!"));
    header("$name/", '5', '', $mode, 0, @rest);
    my @names = sort grep { $_ ne '.' && $_ ne '..' } readdir $list;
    closedir $list;
    for (@names) {
      my $below = $file eq '/' ? "/$_" : "$file/$_";
      walk($below, "$name/$_", 0) unless $SKIPPED{$below};
    }
  }
  elsif ($top) { fail("$file: it is no file, directory or symbolic link") }
  else { told("$file: left out: it is no file, directory or symbolic link") }
}

sub take {
  my ($length) = @_;
  my $all = '';
  while (length $all < $length) {
    my $count = sysread(STDIN, $all, $length - length $all, length $all);
    next if !defined $count && $!{EINTR};
    last if !$count;
  }
  return $all;
}

sub need {
  my ($length) = @_;
  my $all = take($length);
  length $all == $length or fail('the archive ends in the middle');
  return $all;
}

sub number {
  my ($field) = @_;
  if (ord($field) & 0x80) { my $value = 0; $value = $value * 256 + ord for split //, substr $field, 1; return $value }
  my ($digits) = $field =~ /^[ \0]*([0-7]*)[ \0]*\z/ or fail('the archive is damaged: a number is none');
  return oct($digits || 0);
}

sub extension {
  my ($size) = @_;
  $size <= $MOST_EXTENSION or fail('the archive has a name that is too long');
  my $text = need($size);
  need(-$size % $BLOCK);
  return $text;
}

# Parts of a name below the destination.
sub parts {
  my ($name) = @_;
  $name =~ /\0/ and fail('the archive is damaged: a name has a NUL');
  my @parts = grep { $_ ne '' && $_ ne '.' } split m{/}, $name;
  grep { $_ eq '..' } @parts and fail("$name: the archive leaves its directory");
  return @parts;
}

sub into {
  # Inside a directory that is there; otherwise under the name that is given.
  my ($base, $own, $strip) = ($path, undef, undef);
  if (!-d $path) {
    $path =~ m{/\z} and fail("$path: there is no such directory");
    ($base, $own) = $path =~ m{^(.*)/([^/]+)\z} or fail("$path: it is no absolute path");
    $base = '/' if $base eq '';
    -d $base or fail("$base: there is no such directory");
  }
  my $place = sub {
    my @parts = parts($_[0]);
    if (defined $own) {
      $strip = @parts ? $parts[0] : '' if !defined $strip;
      if ($strip ne '') {
        @parts && $parts[0] eq $strip or fail("$path: it is no directory, and the archive has more than one entry");
        shift @parts;
      }
      unshift @parts, $own;
    }
    my $at = $base eq '/' ? '' : $base;
    my @missing = @parts;
    pop @missing;
    for (@missing) { $at .= "/$_"; -d $at or mkdir $at, 0755 or fail("$at: $!") }
    return @parts ? "$at/$parts[-1]" : $base;
  };
  my @directories;
  my ($long, $link, %pax);
  for (my $count = 0; ; $count++) {
    my $block = take($BLOCK);
    length $block == 0 && $count == 0 and fail('nothing was sent');
    length $block == $BLOCK or fail('the archive ends in the middle');
    last if $block !~ /[^\0]/;
    my ($name, $mode, $size, $mtime, $sum, $type, $target, $magic, $prefix) = unpack('Z100 a8 x16 a12 a12 a8 a1 Z100 a6 x82 Z155', $block);
    substr($block, 148, 8) = ' ' x 8;
    number($sum) == unpack('%32C*', $block) or fail('the archive is damaged, or no tar archive');
    $name = "$prefix/$name" if $magic eq "ustar\0" && $prefix ne '';
    $size = number($size);
    if ($type eq 'L') { ($long = extension($size)) =~ s/\0.*//s; next }
    if ($type eq 'K') { ($link = extension($size)) =~ s/\0.*//s; next }
    if ($type eq 'g') { extension($size); next }
    if ($type eq 'x') {
      my $text = extension($size);
      while ($text =~ /\G(\d{1,7}) /gc) {
        my $record = substr $text, pos($text), $1 - length($1) - 1;
        pos($text) += length $record;
        $record =~ /^([^=]+)=(.*)\n\z/s and $pax{$1} = $2;
      }
      next;
    }
    $name = $pax{path} // $long // $name;
    $target = $pax{linkpath} // $link // $target;
    $size = $pax{size} if defined $pax{size} && $pax{size} =~ /^\d{1,15}\z/;
    ($long, $link, %pax) = ();
    $mode = number($mode) & 01777;
    my $at = $place->($name);
    if ($type eq '5') {
      -d $at or mkdir $at, 0700 or fail("$at: $!");
      push @directories, [$at, $mode, number($mtime)] if $at ne $base;
    }
    elsif ($type =~ /[07\0]/) {
      -d $at && !-l $at and fail("$at: it is a directory");
      unlink $at or $!{ENOENT} or fail("$at: $!");
      sysopen(my $to, $at, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600) or fail("$at: $!");
      my $left = $size;
      while ($left > 0) {
        my $bytes = need($left < $PIECE ? $left : $PIECE);
        my $written = 0;
        while ($written < length $bytes) {
          my $count = syswrite($to, $bytes, length($bytes) - $written, $written);
          defined $count or fail("$at: $!");
          $written += $count;
        }
        $left -= length $bytes;
      }
      chmod $mode, $to or fail("$at: $!");
      close $to or fail("$at: $!");
      utime number($mtime), number($mtime), $at;
      need(-$size % $BLOCK);
    }
    elsif ($type eq '2' || $type eq '1') {
      unlink $at or $!{ENOENT} or fail("$at: $!");
      ($type eq '2' ? symlink($target, $at) : link($place->($target), $at)) or fail("$at: $!");
    }
    else { fail("$at: it is a device or a FIFO: berth copies files, directories and symbolic links") }
  }
  for (reverse @directories) { my ($at, $mode, $mtime) = @$_; chmod $mode, $at or fail("$at: $!"); utime $mtime, $mtime, $at }
  # What a writer pads the archive with.
  1 while length take($PIECE);
}

# Loads Errno before the root is another.
exists $!{ENOENT} or fail('Errno is missing');
enter();
if ($direction eq 'to') { into() }
else {
  $path =~ s{(?<=.)/+\z}{};
  walk($path, $as, 1);
  put("\0" x (2 * $BLOCK));
}
POSIX::_exit($partial);
`;
