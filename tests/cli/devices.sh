#!/usr/bin/env bash
# The machine's own devices, and what programs do with their memory.   devices.sh GONZO GUESTS
# They are nowhere but here, so what Linux would say was taken from remap_pfn_range, do_fault and what
# its calls say of VM_PFNMAP, VM_IO and VM_DONTEXPAND.
GONZO=$1 GUESTS=$2
. "$(dirname "$0")/lib.sh"
export LC_ALL=C

# What both devices do. Takes $device, $minor, $memory, $flags, and the kilobytes that are resident of
# two shared pages and of two private ones, of which one is written to.
common() {
  local shared=$1 copied=$2
  cat <<END
/dev/$device: 20666, 240:$minor
statx: 20666, 240:$minor
fstat: 20666, 240:$minor
can be removed: 0
as a directory: ENOTDIR
in /dev: 1
shared, for writing: EACCES
write: EBADF
write only: EACCES
at first: gonzo: page 3 of $memory
write: 12
then: from a call
read past the end: 0
write past the end: ENOSPC
read over the end: 3
bad address: EFAULT
lseek: 4096
read there: 8
maps: 0-4 rw-s 1000 inode /dev/$device
the guest sees: gonzo: page 1 of $memory
and: from a call
the driver sees: from the guest
from the driver: 16
the guest sees: from the driver
smaps: Rss:$(printf "%20s" "$shared") kB
smaps: VmFlags: rd wr sh mr mw me ms $flags
the child sees: from the driver
after the child: from the child
the driver sees: from the child
read only: 0
writing: SIGSEGV 2
writable again: 0
writing: ok
the driver sees: wrom the child
msync: EINVAL
write from it: 4
unmap: 0
the guest sees: gonzo: page 4 of $memory
the guest sees: a copy
the driver sees: gonzo: page 4 of $memory
behind it: changed
smaps: Rss:$(printf "%20s" "$copied") kB
smaps: Anonymous:             4 kB
the child sees: a copy
after the child: a copy
unmap: 0
END
}

lifetime() {
  cat <<END
after close: still there
by another file: still there
while the parent maps it: still there
after the last: gonzo: page 7 of $memory
END
}

# By faults, page by page.
by_faults='faults: 16
beyond the end: SIGBUS 2
read by process_vm_readv: 1
read by /proc/self/mem: 1
drop: 0
again: g
remove: ENODEV
grow: ok
there: g'

# All at once.
at_once='too long: EINVAL
over the end: EINVAL
past the end: EINVAL
faults: 0
grow: EFAULT
lock: 0
drop: EINVAL
cold: EINVAL
free: EINVAL
populate: EINVAL
into forks: EINVAL
into dumps: EINVAL
wipe: EINVAL
read by process_vm_readv: EFAULT
read by /proc/self/mem: EIO
mincore: 0
in core: 1
locked: Rss:                   0 kB
locked: VmFlags: rd wr sh mr mw me ms pf io de dd 
shrunk: 1
moved: 1
the old place: SIGSEGV 1
the new: G
a hole: 0
it: SIGSEGV 1'

# shows EXPECTED: the guest's output, of each kind that there is.
shows() {
  for kind in "" -static -m32 -m32-static; do
    [ -x "$GUESTS/devices$kind" ] || continue
    checks=$((checks + 1))
    timeout 250 "$GONZO" run "$GUESTS/devices$kind" "$device" >"$work/out" 2>"$work/err"
    silent "$device$kind"
    diff <(echo "$1") "$work/out" >"$work/difference" || {
      fail "$device$kind"
      cat "$work/difference"
    }
  done
}

device=gonzo-vmalloc minor=0 memory="vmalloc'ed memory" flags=
shows "$(common 8 8; echo "$by_faults"; lifetime)"
device=gonzo-pfnmap minor=1 memory="contiguous memory" flags="pf io de dd "
shows "$(common 0 4; echo "$at_once"; lifetime)"

# Only root is told where the kernel's memory lies; the guest is who the runner is.
if [ "$(id -u)" = 0 ] && [ -e /proc/vmallocinfo ]; then
  "$GONZO" run sh -c 'cat /proc/vmallocinfo; exec 3</dev/gonzo-vmalloc
    cat /proc/vmallocinfo; grep VmallocUsed /proc/meminfo; exec 3<&-
    cat /proc/vmallocinfo; grep VmallocUsed /proc/meminfo' >"$work/out"
  equal "vmallocinfo" "0xffffc90000000000-0xffffc90000011000   69632 make_vmalloc_buffer pages=16 vmalloc user N0=16
VmallocUsed:          64 kB
VmallocUsed:           0 kB" "$(cat "$work/out")"
fi

finish
