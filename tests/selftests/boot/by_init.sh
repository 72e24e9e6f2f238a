#!/bin/sh
# SPDX-License-Identifier: MIT
# pvkit-init by init=, on a root that an initramfs of another's making has mounted: what of
# /dev, /proc, /sys and /run is there already does not matter, nor does anything of it get
# lost, and the words for the real init reach it.
# vm: outside timeout=300
. "${0%/*}/../../lib/ktap.sh"
. "${0%/*}/lib.sh"

plan 19

# the real init, which says what it was given, and becomes busybox's
userland root <<'END'
cat /run/said
echo "/ is $(is /), below is $(is /run/pvkit-init/lower)"
for d in /proc /sys /dev /run; do
	echo "$d: $(is $d), of $(awk -v where=$d '$2 == where' /proc/mounts | wc -l)"
done
echo "/run and /dev have: $(cat /run/note /dev/note 2>/dev/null | tr '\n' ' ')"
echo "old roots: $(ls -d /mnt/* 2>/dev/null)"
n=0
for p in /proc/[0-9]*; do
	read -r name <$p/comm && [ "$name" = pvkit-guard ] && n=$((n + 1))
done 2>/dev/null
echo "guards: $n"
poweroff
END
mkdir -p root/mnt root/etc/pvkit
rm root/sbin/init
cat >root/sbin/init <<'END'
#!/bin/sh
echo "process $$ got:$(printf ' <%s>' "$@") $FOR_INIT" >/run/said
exec /bin/busybox init
END
chmod 755 root/sbin/init
cp "$INIT" root/sbin/pvkit-init
ln -s busybox root/bin/printf
ext4_image root ext4.img
echo 'it is the other one' >root/etc/other
sed -i 's|^cat /run/said|cat /etc/other /run/said|' root/etc/service
squashfs_image root squashfs.img
printf '[recovery]\nroot = /dev/vdb\n' >root/etc/pvkit/init.conf
squashfs_image root recovery.img

# given an initramfs that mounts it, and what the command line has in mounts=, and leaves
# something there
others_initramfs init.cpio --module ext4 --module squashfs --module overlay <<'END'
until $bb mount -o ro /dev/vda /newroot; do
	$bb usleep 100000
done
case $mounts in
all)
	$bb mount -t sysfs sys /sys
	$bb mount -t tmpfs run /run
	echo 'left by the initramfs' >/run/note
	echo 'this too' >/dev/note
	for d in dev proc sys run; do
		$bb mount --move /$d /newroot/$d
	done
	$bb mount --make-rshared /newroot
	;;
*) $bb umount /dev /proc ;;
esac
END
line() {
	sed -n "$1p" "$OUT"
}

# when nothing but the root is mounted, an ext4 that is to be read only, and a guard is wanted
machine init.cpio --disk ext4.img --append root=/dev/vda --append init=/sbin/pvkit-init \
	--append FOR_INIT=environment --append pvkit.guard=yes --append -- --append single \
	--append 3
check_eq 'ext4: the real init is process 1, with its words and its environment' \
	'process 1 got: <single> <3> environment' "$(line 1)"
check_eq 'ext4: the root is as it was' '/ is /dev/vda ext4 ro, below is ' "$(line 2)"
check_eq 'ext4: what was missing is mounted, once' \
	'/proc: proc proc rw, of 1 /sys: sysfs sysfs rw, of 1 /dev: devtmpfs devtmpfs rw, of 1 /run: tmpfs tmpfs rw, of 1 ' \
	"$(sed -n 3,6p "$OUT" | tr '\n' ' ')"
check_eq 'ext4: the guard is there' 'guards: 5' "$(line 9)"
check_eq 'ext4: the console says what was done' \
	'pvkit-init: normal, no source says otherwise; root=/dev/vda as it is' \
	"$(console_line 'as it is')"
check_eq 'ext4: it goes down in order' 'down: /dev/vda ext4 ro' "$(grep '^down' "$OUT")"

# when all is mounted and shared, and there is to be RAM over a squashfs
machine init.cpio --disk squashfs.img --append root=/dev/vda --append init=/sbin/pvkit-init \
	--append mounts=all --append pvkit.union=yes --append pvkit.guard=yes
check_eq 'union: the root is an overlay over what it was' \
	'/ is pvkit-union overlay rw, below is /dev/vda squashfs ro' "$(line 3)"
check_eq 'union: what is mounted is so once' \
	'/proc: proc proc rw, of 1 /sys: sys sysfs rw, of 1 /dev: dev devtmpfs rw, of 1 /run: run tmpfs rw, of 1 ' \
	"$(sed -n 4,7p "$OUT" | tr '\n' ' ')"
check_eq 'union: what the initramfs has left there is there' \
	'/run and /dev have: left by the initramfs this too ' "$(line 8)"
check_eq 'union: the old root is in nobody'"'"'s way' 'old roots: ' "$(line 9)"
check_eq 'union: the guard is there' 'guards: 5' "$(line 10)"
check_eq 'union: it goes down in order' 0 "$STATUS"

# when the root is one thing, and what was decided for another
machine init.cpio --disk recovery.img --disk squashfs.img --append root=/dev/vda \
	--append init=/sbin/pvkit-init --append mounts=all --append pvkit.mode=recovery
check_eq 'another root: it is that one' 'it is the other one' "$(line 1)"
check_eq 'another root: and nothing of the first' '/ is /dev/vdb squashfs ro, below is ' "$(line 3)"
check_eq 'another root: the console says why' \
	'pvkit-init: recovery, by cmdline (mode=recovery); root=/dev/vdb squashfs' \
	"$(console_line 'recovery, by')"
check_eq 'another root: what is mounted came along' \
	'/run and /dev have: left by the initramfs this too ' "$(line 8)"

# when the real init is not there, and somebody is at the console
typing '' '/bin/ls -d /bin/* /sbin/init && exit'
machine init.cpio --once --disk ext4.img --append root=/dev/vda --append rw \
	--append init=/sbin/pvkit-init --append pvkit.init=/sbin/none --keys keys
stop_typing
check_eq 'no real init: it is said' 'pvkit-init: the root has no program /sbin/none' \
	"$(console_line 'has no program')"
check_match 'and there is a shell' '*/bin/busybox*' "$(console_line 'bin.busybox')"
check_eq 'which leaves that root as it is' '' "$(console_line 'zcat')"
finish
