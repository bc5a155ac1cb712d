#!/bin/bash
# boot.sh ROOT: boots systemd as the first process of a PID namespace that we are the first of, with a tree
# of its own at ROOT (an empty directory): the machine's /usr, read-only, and what is in ROOT/../overlay,
# which is copied over the rest. For 28-service.t, inside the lab.
set -eu
root=$1
overlay=${root%/*}/overlay
mount --make-rprivate /
mount -t tmpfs -o mode=0755 tmpfs "$root"
cd "$root"
mkdir -p usr etc/systemd/system proc sys dev run tmp var root home mnt
mount --bind /usr usr
mount -o remount,bind,ro usr
for link in bin sbin lib lib32 lib64 libx32; do
	[[ ! -L /$link ]] || cp -a "/$link" .
done
mount -t proc proc proc
# nothing of the machine is written to: not by systemd either
mount --bind proc/sys proc/sys
mount -o remount,bind,ro proc/sys
mount -t sysfs -o ro sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=0755 tmpfs dev
for node in null zero full random urandom tty; do
	: >"dev/$node"
	mount --bind "/dev/$node" "dev/$node"
done
mkdir dev/shm dev/pts
ln -s pts/ptmx dev/ptmx
mount -t tmpfs -o mode=0755 tmpfs run
mount -t tmpfs -o mode=1777 tmpfs tmp
cp -a /etc/ld.so.* /etc/nsswitch.conf etc/
printf '%s\n' root:x:0:0::/root:/bin/sh nobody:x:65534:65534::/:/bin/false >etc/passwd
printf '%s\n' root:x:0: nogroup:x:65534: systemd-journal:x:101: >etc/group
echo 0123456789abcdef0123456789abcdef >etc/machine-id
cp -a "$overlay/." .
# the new tree alone, so that what systemd mounts for a unit has a mount point as its root
pivot_root . mnt
cd /
umount -l mnt
exec env -i PATH=/usr/sbin:/usr/bin container=lab /usr/lib/systemd/systemd --system \
	--unit=lab.target --log-target=journal --show-status=no
