# SPDX-License-Identifier: MIT
# shellcheck shell=sh
#
# For tests of `pvkit update` in machines that are started from outside, beside what the
# tests of pvkit-init have for that (boot/lib.sh, which this one reads).
#
#   new_bed [LINE...]        images of two versions of a small system, `old` and `new`: busybox's
#                            init, our programs, and with these lines of update.conf
#   enters_with NAME <SCRIPT   in that system: as process 1 in RAM a program that has SCRIPT run
#                            beside pvkit-update, where nobody ends it; $bb is its busybox
#   enter_conf NAME          the lines of update.conf for that
#   new_machine KIND         disks of a machine that runs the old one, on a root of that kind:
#                            ext4; squashfs with RAM over it (pvkit-init's union); overlay, a
#                            squashfs with an ext4 over it; jffs2; ubifs; debian, a squashfs of
#                            that with systemd and RAM over it, and debian-ext4, whose new versions
#                            are those of squashfs and ext4, with busybox
#   case_of <SCRIPT          what runs in it as a service, in each version anew, as soon as it
#                            is up. For it: $version, $boot (counted from 1), $image and
#                            $target, $kernel and $kernel_target, `is`, `have FILE` (once only),
#                            and /data, a file system that stays
#   update_initramfs [OPTION...]   before the first machine of a kind, if its initramfs is to
#                            have more (options of scripts/mkinitramfs)
#   run_update_machine [OPTION...]   start it; options of scripts/vm
#   run_again [OPTION...]    once more, with its disks as they are. For both, BAD_SECTOR=N: that
#                            one of the first disk can't be written
#   part_start NAME          the sector where that partition of the first disk begins
#   flash_part NAME, disk_part NAME  what such a partition holds
#   DOG="i6300esb heartbeat=N"  before the first machine of a kind: its watchdog waits so long
#   PIVOT="pv_pivot helper=FILE"  likewise: what may be begun through the kernel
#   boot_from_disk           from now on the kernel partition of /dev/vda has kernels that can be
#                            told apart by `uname -v` (#1, #2), and the machine boots what it
#                            finds there, each time anew, as by a boot loader
#   data_file PATH           a file below /data, once the machine is off
#   same_as FILE             is it the beginning of the standard input?
#   updates_itself KIND WHAT MEDIUM   a whole case, of 5 results: the old one, on WHAT as
#                            `is` says, updates its root, which lies on MEDIUM, and the kernel
#                            beside it, and the new one comes up. BEGINS is how it does
#   is_cut_between KIND WHAT   likewise: the power is cut after the kernel, before the root is
#                            written
#   runs_kernel N WHAT       one result: the machine that came up last ran that one
#
# The machine has three disks. /dev/vda has partitions `kernel`, `root` and `upper`; /dev/vdb is the
# flash chip, with partitions for the boot flags (a store `log`), a kernel, and jffs2 (rootfs)
# or UBI (ubi); /dev/vdc is the file system /data, with the images, the case, and what an update
# wants to outlive a power cut. The watchdog is QEMU's i6300esb.

# shellcheck disable=SC2034 # for the tests
# shellcheck source=tests/selftests/boot/lib.sh
. "${0%/*}/../boot/lib.sh"

UPDATE=$BUILD/host/pvkit-update

# version_root DIR VERSION LINE...
version_root() {
	dir=$1 version=$2
	shift 2
	userland "$dir" <<-'END'
		version=$(cat /etc/version)
		mount -t ext4 /dev/vdc /data
		echo 1 >>/data/boots
		boot=$(wc -l </data/boots)
		have() {
			[ ! -e "/data/had-$1" ] || return 1
			: >"/data/had-$1"
		}
		echo "boot $boot: $version on $(is /)"
		. /data/names
		. /data/case
	END
	mkdir -p "$dir/data" "$dir/mnt" "$dir/var" "$dir/root" "$dir/usr/sbin" "$dir/etc/pvkit"
	ln -s ../run "$dir/var/run"
	for applet in kill setsid mountpoint losetup hexdump cmp sha256sum ps pidof touch cp mv rmdir \
		mkfifo chroot env head tail find unshare insmod swapon mkswap expr printf basename \
		dirname seq stat usleep pivot_root mke2fs watchdog fsfreeze date; do
		ln -sf busybox "$dir/bin/$applet"
	done
	# as Buildroot has it: what is unmounted at the end has an entry of its own
	sed -i '/^umount/d' "$dir/etc/rcK"
	echo '::shutdown:/bin/umount -a -r' >>"$dir/etc/inittab"
	mkdir "$dir/new" "$dir/rom"
	cat >"$dir/sbin/overlay-init" <<-'END'
		#!/bin/sh
		PATH=/bin
		mount -t ext4 /dev/vda3 /mnt
		mkdir -p /mnt/upper /mnt/work
		mount -t overlay -o lowerdir=/,upperdir=/mnt/upper,workdir=/mnt/work overlay /new
		for d in dev proc sys run; do
			mount -o move /$d /new/$d
		done
		cd /new
		pivot_root . rom
		exec chroot . /sbin/init
	END
	chmod 755 "$dir/sbin/overlay-init"
	add_program "$dir" "$BUILD/host/pvkit"
	strip "$dir/bin/pvkit"
	# Debian's linker knows its own directories of libraries without, ours needs it
	ldconfig -r "$dir" 2>/dev/null
	[ ! -f "$UPDATE" ] || cp "$UPDATE" "$dir/usr/sbin/"
	echo "$version" >"$dir/etc/version"
	: >"$dir/etc/pvkit/update.conf"
	[ $# = 0 ] || printf '%s\n' "$@" >"$dir/etc/pvkit/update.conf"
	cp flags.conf "$dir/etc/pvkit/"
}

# shellcheck disable=SC2016 # the machine's
BEGINS='pvkit update "$image:$target" "$kernel:$kernel_target"
echo "status: $?"'
STARTS=machine
STOCK=yes

new_bed() {
	echo 'store.log = medium=mtd device=flags format=log keep rate=none' >flags.conf
	for version in old new; do
		version_root "root.$version" "$version" "$@"
		printf 'kernel, %s\n' "$version" >"kernel.$version"
		head -c 300000 /dev/urandom >>"kernel.$version"
	done
	cat >init.conf <<-'END'
		shell = no
		[resume]
		program = /sbin/pvkit-update resume
	END
}

# Packed as a boot loader takes it. The number is there twice, for the log and for uname.
boot_from_disk() {
	STARTS=by_boot_loader STOCK=no
	stock=$BUILD/deb/$KERNEL/boot
	gzip -1c "$stock" >kernel.old
	sed 's/#1 SMP/#2 SMP/' "$stock" | gzip -1c >kernel.new
}

enters_with() {
	cat >agent <<-'END'
		bb=./bin/busybox
		: >tmp/agent
	END
	cat >>agent
	cat >enter <<-'END'
		#!/bin/sh
		if [ "$1" = move ]; then
			cd /run/initramfs
			./bin/busybox sh "./usr/sbin/agent.${0##*.}" &
			until [ -e tmp/agent ]; do usleep 10000; done
		fi
		exec "${0%/*}/pvkit-update" "$@"
	END
	chmod 755 agent enter
	for version in old new; do
		cp agent "root.$version/usr/sbin/agent.$1"
		cp enter "root.$version/usr/sbin/enter.$1"
	done
}

enter_conf() {
	printf '%s\n' "program = /usr/sbin/enter.$1" 'copy-bin = /usr/sbin/pvkit-update' \
		'copy-bin = /bin/busybox' "copy-data = /usr/sbin/agent.$1"
}

# fs_image KIND VERSION: in $KIND.$VERSION
fs_image() {
	[ ! -f "$1.$2" ] || return 0
	case $1 in
	ext4)
		# and something for who writes to it
		EXT4_MIB=$(($(du -sm "root.$2" | cut -f 1) * 5 / 4 + 6))
		ext4_image "root.$2" "$1.$2" -O ^has_journal
		;;
	squashfs) squashfs_image "root.$2" "$1.$2" ;;
	jffs2) mkfs.jffs2 --root="root.$2" --eraseblock=64 --little-endian --squash --output="$1.$2" ;;
	ubifs)
		mkfs.ubifs --root="root.$2" --min-io-size=8 --leb-size=65408 --max-leb-cnt=200 \
			--squash-uids --output="$1.$2"
		;;
	esac
}

# mib FILE...: what each of them has room in
mib() {
	stat -c %s "$@" | awk '$1 > most { most = $1 } END { print int((most + 1048575) / 1048576) }'
}

# put FILE INTO MIB
put() {
	dd if="$1" of="$2" bs=1M seek="$3" conv=notrunc status=none
}

FLASH_MIB=22
new_flash() {
	head -c $((FLASH_MIB << 20)) /dev/zero | tr '\0' '\377' >flash.img
	case $kind in
	jffs2)
		put kernel.old flash.img 1
		put jffs2.old flash.img 2
		;;
	ubifs)
		put kernel.old flash.img 1
		cat >ubi.ini <<-END
			[root]
			mode=ubi
			image=ubifs.old
			vol_id=0
			vol_type=dynamic
			vol_name=rootfs
			vol_size=14MiB
		END
		ubinize --output=ubi.img --peb-size=64KiB --min-io-size=1 --sub-page-size=1 ubi.ini
		put ubi.img flash.img 2
		;;
	esac
}

# Partitions no smaller than what goes there: images grow as our programs do.
new_disk() {
	rm -f disk.img
	truncate -s $((KERNEL_MIB + ROOT_MIB + 11))M disk.img
	printf '%s\n' 'label: gpt' "start=1MiB, size=${KERNEL_MIB}MiB, name=kernel" \
		"start=$((KERNEL_MIB + 1))MiB, size=${ROOT_MIB}MiB, name=root" \
		"start=$((KERNEL_MIB + ROOT_MIB + 1))MiB, size=8MiB, name=upper" | sfdisk -q disk.img
	put kernel.old disk.img 1
	case $fs in
	ext4 | squashfs) put "$fs.old" disk.img $((KERNEL_MIB + 1)) ;;
	esac
	case $kind in
	debian*) dd if="$debian" of=disk.img bs=1M seek=$((KERNEL_MIB + 1)) conv=sparse,notrunc status=none ;;
	esac
	[ "$kind" != overlay ] ||
		mke2fs -q -t ext4 -E offset=$((KERNEL_MIB + ROOT_MIB + 1 << 20)) disk.img 8M
}

# Debian's, as it is set up for the tests of runtimes, as a file system to write to
debian_ext4() {
	[ ! -f debian.ext4 ] || return 0
	unsquashfs -q -n -d debian "$debian" >unsquashfs.log
	mkdir -p debian/data
	mke2fs -q -t ext4 -O ^has_journal -d debian debian.ext4 \
		"$(($(du -sm debian | cut -f 1) * 5 / 4 + 32))M" >mke2fs.log 2>&1
	rm -rf debian
}

# what the machine boots with, and what is to be written
names_of_kind() {
	kernel_target=kernel
	case $kind in
	ext4)
		words='root=PARTLABEL=root rw'
		target=/dev/vda2 kernel_target=/dev/vda1
		;;
	squashfs)
		words='root=PARTLABEL=root pvkit.union=yes'
		target=/dev/vda2 kernel_target=/dev/vda1
		;;
	debian | debian-ext4)
		words='systemd.run_success_action=none systemd.run_failure_action=poweroff root=PARTLABEL=root'
		[ "$fs" = ext4 ] && words="$words rw" || words="$words pvkit.union=yes"
		target=/dev/vda2 kernel_target=/dev/vda1
		;;
	overlay)
		words='root=PARTLABEL=root init=/sbin/overlay-init'
		target=/dev/vda2 kernel_target=/dev/vda1
		;;
	jffs2)
		words='root=mtd:rootfs rw'
		target=rootfs
		;;
	ubifs)
		words='root=ubi0:rootfs ubi.mtd=ubi rw'
		target=ubi0:rootfs
		;;
	esac
	# as block2mtd calls it; before 5.11 it takes no other name for it
	parts='mtdparts="block2mtd: /dev/vdb:1m(flags),1m(kernel),20m(rootfs)"'
	[ "$kind" != ubifs ] || parts='mtdparts="block2mtd: /dev/vdb:1m(flags),1m(kernel),20m(ubi)"'
}

new_machine() {
	kind=$1
	fs=$kind
	case $kind in
	overlay | debian) fs=squashfs ;;
	debian-ext4) fs=ext4 ;;
	esac
	fs_image "$fs" old
	fs_image "$fs" new
	KERNEL_MIB=$(mib kernel.old kernel.new)
	ROOT_MIB=$(mib "$fs.old" "$fs.new")
	debian=$BUILD/deb/runtimes/root.squashfs
	[ "$kind" != debian-ext4 ] || {
		debian_ext4
		debian=debian.ext4
	}
	case $kind in
	debian*) ROOT_MIB=$(mib "$debian" "$fs.new") ;;
	esac
	# the images, what an update copies of them, and some
	DATA_MIB=$((2 * (KERNEL_MIB + $(mib "$fs.new")) + 64))
	new_disk
	new_flash
	names_of_kind
	rm -rf data
	mkdir -p data/images data/update
	cp "$fs.new" data/images/root.img
	cp kernel.new data/images/kernel.img
	cat >data/names <<-END
		image=/data/images/root.img target=$target
		kernel=/data/images/kernel.img kernel_target=$kernel_target
	END
}

case_of() {
	cat >data/case
	[ "${kind%-ext4}" = debian ] || return 0
	# what Debian lacks, and what is the service of a busybox
	mkdir -p data/programs/bin
	cp -R root.old/etc/pvkit data/
	add_program data/programs "$BUILD/host/pvkit"
	cp root.old/bin/pvkit "$UPDATE" data/programs/bin/
	cat >data/service <<-'END'
		exec >/dev/ttyS0 2>&1
		cp -n /data/programs/lib/x86_64-linux-gnu/* /usr/lib/x86_64-linux-gnu/
		cp /data/programs/bin/* /usr/sbin/
		cp -R /data/pvkit /etc/
		version=old
		echo 1 >>/data/boots
		boot=$(wc -l </data/boots)
		echo "boot $boot: $version on $(awk '$2 == "/" { print $1, $3, substr($4, 1, 2) }' /proc/mounts)"
		. /data/names
		. /data/case
	END
	service="systemd.run=\"/bin/sh -c 'mkdir -p /data; mount /dev/vdc /data; sh /data/service'\""
}

# The initramfs, with no more than that kind wants: memory is short in some.
update_initramfs() {
	[ ! -f "$kind.cpio" ] || return 0
	set -- "$@" --conf init.conf --flags flags.conf --shell "$BUSYBOX" --module ext4 \
		--module "block2mtd block2mtd=/dev/vdb,64KiB" --module pv_bootflag \
		--module "${PIVOT:-pv_pivot}" --module "${DOG:-i6300esb}" --module loop
	case $kind in
	squashfs | overlay | debian) set -- "$@" --module squashfs --module overlay ;;
	jffs2) set -- "$@" --module mtdblock --module jffs2 ;;
	ubifs) set -- "$@" --module ubi --module ubifs ;;
	esac
	[ ! -f "$UPDATE" ] ||
		set -- "$@" --add "$UPDATE:/sbin/pvkit-update" \
			--add "$PWD/root.old/etc/pvkit/update.conf:/etc/pvkit/update.conf"
	initramfs "$kind.cpio" "$@"
}

run_update_machine() {
	update_initramfs
	rm -f data.img
	mke2fs -q -t ext4 -L data -d data data.img "${DATA_MIB}M" >mke2fs.log 2>&1
	run_again "$@"
}

run_again() {
	for word in $words "$parts"; do
		set -- "$@" --append "$word"
	done
	[ "${kind%-ext4}" != debian ] || set -- "$@" --append "$service"
	set -- --disk flash.img --disk data.img "$@"
	if [ -n "${BAD_SECTOR:-}" ]; then
		set -- --bad-sector "disk.img:$BAD_SECTOR" "$@"
	else
		set -- --disk disk.img "$@"
	fi
	"$STARTS" "$kind.cpio" "$@"
}

# What is behind it in the partition is of another one.
take_kernel() {
	disk_part kernel | gzip -dc >kernel.boot 2>gzip.log || [ $? = 2 ] ||
		note "the partition has no kernel: $(cat gzip.log)"
}

by_boot_loader() {
	: >said
	: >logged
	while take_kernel && machine "$@" --once --boot kernel.boot; do
		cat "$OUT" >>said
		cat "$CONSOLE" >>logged
		[ "$STATUS" = 3 ] || break
	done
	mv said "$OUT"
	mv logged "$CONSOLE"
}

# slow_disk BYTES: a second, from now on
slow_disk() {
	{
		printf '%s\n' '{ "execute": "qmp_capabilities" }' \
			'{ "execute": "block_set_io_throttle", "arguments": { "device": "disk0", "bps": 0,
				"bps_rd": 0, "bps_wr": '"$1"', "iops": 0, "iops_rd": 0, "iops_wr": 0 } }'
		sleep 0.5
	} | timeout 20 nc -U -q 0 "$QMP" >qmp.log || :
	[ "$(grep -c '"return"' qmp.log)" = 2 ] || note "the disk is not slow: $(cat qmp.log)"
}

# The first image is written and read back, the second is no more than begun: the disk is so
# slow by then that nobody has to hurry.
cut_after_first() {
	if [ "$STOCK" = no ]; then
		take_kernel
		set -- "$@" --boot kernel.boot
	fi
	: >"$CONSOLE"
	"$top/scripts/vm" --kernel "$KERNEL" --mem "${MEM:-192}" \
		--timeout $((${LIMIT:-90} * KTAP_SLOW)) --log "$CONSOLE" --qmp "$QMP" \
		--initramfs "$@" >"$OUT.raw" 2>vm.err &
	cut=$!
	wait_for 300 grep -q 'is released' "$CONSOLE" || note "it did not come to that"
	slow_disk 1000000
	wait_for 300 grep -q 'write 1/.* 100 %' "$CONSOLE" || note "it wrote nothing"
	slow_disk 50000
	wait_for 300 grep -q 'verify 1/.* 100 %' "$CONSOLE" || note "it read nothing back"
	# scripts/vm gives QEMU SIGKILL
	kill -TERM "$cut"
	wait "$cut" || :
	tr -d '\r' <"$OUT.raw" >"$OUT"
	cp "$CONSOLE" "$LOGS-cut.kernel"
}

part_start() {
	sfdisk -q -l -o Name,Start disk.img | awk -v name="$1" '$1 == name { print $2 }'
}

disk_part() {
	case $1 in
	kernel) dd if=disk.img bs=1M skip=1 count="$KERNEL_MIB" status=none ;;
	root) dd if=disk.img bs=1M skip=$((KERNEL_MIB + 1)) count="$ROOT_MIB" status=none ;;
	upper) dd if=disk.img bs=1M skip=$((KERNEL_MIB + ROOT_MIB + 1)) count=8 status=none ;;
	esac
}

flash_part() {
	case $1 in
	kernel) dd if=flash.img bs=1M skip=1 count=1 status=none ;;
	*) dd if=flash.img bs=1M skip=2 count=20 status=none ;;
	esac
}

same_as() {
	cmp -s -n "$(stat -c %s "$1")" "$1" -
}

data_file() {
	debugfs -R "cat $1" data.img 2>/dev/null
}

update_case() {
	printf '%s\n' "$BEGINS" >data/begin
	case_of <<-'END'
		[ "$boot" = 1 ] || {
			uname -v | sed 's/^\(#[0-9]*\) .*/kernel: \1/'
			echo "slot: $(pvkit flag get slot)"
			echo "$(pvkit flag list | grep -c '^log')," \
				"phase: $(pvkit flag get phase), cursor: $(pvkit flag get cursor)"
			stty -F /dev/ttyS0 raw
			poweroff
			exit
		}
		. /data/begin
	END
}

updates_itself() {
	new_machine "$1"
	update_case
	LIMIT=${LIMIT:-120} run_update_machine
	check_eq "$1: the update knows what the system runs from" \
		"note $3 has the running root ($3): the system moves to RAM first" \
		"$(sed -n 's/^root  *[^ ]*  *note  *\(.*\)/note \1/p' "$OUT" | sort -u)"
	check_eq "$1: it was the old one, and then the new one" "boot 1: old on $2
boot 2: new on $2" "$(grep '^boot' "$OUT")"
	check_eq "$1: no trace of the update is in the flags" '1, phase: , cursor: ' \
		"$(grep 'phase:' "$OUT")"
	check_match "$1: the old root was proven to be gone" '*old root is released*' \
		"$(console_line 'the old root is')"
	check "$1: the kernel beside it is the new one, too" written_kernel
}

is_cut_between() {
	new_machine "$1"
	# shellcheck disable=SC2016 # the machine's
	BEGINS='pvkit update "$kernel:$kernel_target" "$image:$target"' update_case
	LIMIT=${LIMIT:-120} STARTS=cut_after_first run_update_machine
	units=$((($(stat -c %s kernel.new) + 65535) / 65536))
	check_eq "$1: cut with the new kernel there, and no new root" 'boot 1: old, kernel, no root' \
		"$(sed -n 's/^\(boot.*\) on .*/\1/p' "$OUT")$(is_new kernel)$(is_new root)"
	LIMIT=${LIMIT:-120} run_again
	goes_on=$(console_line 'goes on at' | sed 's/.* //')
	check "$1: the next boot goes on behind the kernel" [ "${goes_on:-0}" -ge "$units" ]
	check_eq "$1: and ends in the new one" "boot 2: new on $2" "$(grep '^boot' "$OUT")"
	check_eq "$1: no trace of the update is in the flags" '1, phase: , cursor: ' \
		"$(grep 'phase:' "$OUT")"
	check_eq "$1: both are the new ones" ', kernel, root' "$(is_new kernel)$(is_new root)"
}

# is_new NAME: has the partition of that name what was to be written?
is_new() {
	if disk_part "$1" | same_as "data/images/$1.img"; then
		printf ', %s' "$1"
	else
		printf ', no %s' "$1"
	fi
}

runs_kernel() {
	if [ "$(head -c 4 "$BUILD/deb/$KERNEL/boot")" = "$(printf '\177ELF')" ]; then
		check_eq "$2" "kernel: #$1" "$(grep '^kernel: ' "$OUT" | tail -n 1)"
	else
		skip "$2" "kernel $KERNEL can't be given another number, it is packed"
	fi
}

written_kernel() {
	case $kind in
	jffs2 | ubifs) flash_part kernel ;;
	*) disk_part kernel ;;
	esac | same_as kernel.new
}
