#!/bin/sh
# SPDX-License-Identifier: MIT
# Process 1 hands over to pvkit-update in a root in RAM, which releases the old root, writes to
# the partition it was on and reboots into the new one. What fails before the point of no return
# has the old init run again, without a reboot. The root in RAM is made by hand here.
# vm: outside arch=x86_64 timeout=400
. "${0%/*}/../../lib/ktap.sh"
. "${0%/*}/update_lib.sh"

plan 19

# The root in RAM, its plan with these lines besides, and an inittab that leads there. In the
# partitions that $beside names there will be the new kernel.
hands_over() {
	cat <<-'END'
		hand_over() {
			ram=/run/initramfs
			mkdir -p $ram
			[ -d $ram/update ] || mount -t tmpfs -o mode=755 ram $ram
			mkdir -p $ram/sbin $ram/update $ram/proc $ram/sys $ram/dev $ram/run $ram/tmp \
				$ram/oldroot $ram/etc/pvkit
			cp /usr/sbin/pvkit-update $ram/sbin/
			cp /etc/pvkit/flags.conf $ram/etc/pvkit/
			cp "$image" $ram/update/image-0
			cp "$kernel" $ram/update/image-1
			{
				printf '%s\n' 'pvkit-update-plan 1' 'id 1f2e3d4c' 'init busybox' 'term-seconds 5' \
					"root $(cat /sys/class/block/vda2/dev) vda2" "$@" \
					"image path=/update/image-0 size=$(stat -c %s "$image") sha256=$sum kind=block target=$target"
				for part in $beside; do
					echo "image path=/update/image-1 size=$(stat -c %s "$kernel") sha256=$(sha256sum <"$kernel" | cut -d ' ' -f 1) kind=block target=/dev/$part"
				done
				echo end
			} >$ram/update/plan
			echo "::restart:${restart:-$ram/sbin/pvkit-update move}" >/run/inittab
			mount -o bind /run/inittab /etc/inittab
			kill -HUP 1
			sleep 1
			kill -QUIT 1
			exec sleep 1000
		}
		sum=$(sha256sum <"$image" | cut -d ' ' -f 1)
		beside=
		if [ $version = new ]; then
			pvkit flag explain phase | head -n 1
			poweroff
			exit
		fi
	END
}

no_sum=$(printf '%064d' 0)

# given a root on a disk, with a tmpfs, a bind mount, a loop device and another file system on it;
# beside it two more targets, of which one is swapped to, and the other mounted below /run
# when it is handed over with a plan whose image is not what it says, and then with a good one
new_bed
new_machine ext4
{
	hands_over
	cat <<-END
		no_sum=$no_sum
	END
	cat <<-'END'
		beside="vda1 vda3"
		if have tampered; then
			echo 1 >/run/same-kernel
			mkswap /dev/vda1 >/dev/null && swapon /dev/vda1
			mke2fs /dev/vda3 >/dev/null 2>&1
			mkdir /run/there && mount /dev/vda3 /run/there
			mount -t tmpfs none /tmp
			echo kept >/tmp/file
			mount -o bind /usr /rom
			dd if=/dev/zero of=/root/apps bs=64k count=16 2>/dev/null
			losetup /dev/loop0 /root/apps
			mke2fs /dev/loop0 >/dev/null 2>&1
			mount /dev/loop0 /mnt
			sum=$no_sum
			hand_over
		fi
		echo "same kernel: $(cat /run/same-kernel); $(cat /tmp/file); $(is /mnt); $(is /rom)"
		echo "beside it: $(is /run/there); $(awk '$1 == "/dev/vda1" { print $1 }' /proc/swaps)"
		touch /root/writable && echo "writable again"
		# whoever fed it does no more, and it bites in 30 s
		exec 9>/dev/watchdog0
		hand_over 'watchdog watchdog0' 'watchdog-seconds 600'
	END
} | case_of
run_update_machine
# then
check_eq 'the old init runs again, on the same root' 'boot 2: old on /dev/vda2 ext4 rw' \
	"$(grep 'boot 2' "$OUT")"
check_eq 'without a reboot, and with what was mounted' \
	'same kernel: 1; kept; /dev/loop0 ext2 rw; /dev/vda2 ext4 rw' "$(grep 'same kernel' "$OUT")"
check_match 'two targets beside it were freed: swap' '*swap on /dev/vda1 is off*' \
	"$(console_line 'vda1 is off')"
check_match 'and a mount below /run' '*/run/there is unmounted*' "$(console_line 'there is unmounted')"
check_eq 'both are in use again' 'beside it: /dev/vda3 ext2 rw; /dev/vda1' \
	"$(grep '^beside' "$OUT")"
check_eq 'it is writable' 'writable again' "$(grep 'writable' "$OUT")"
check_match 'the console says why' '*could not look at images and targets: *image-0*' \
	"$(console_line 'could not')"
check_match 'then it is released' '*the old root is released, after * ms*' \
	"$(tr -d '\r' <"$CONSOLE" | grep -a 'is released' | tail -n 1)"
check_match 'the watchdog is fed' '*watchdog0 is ours*' "$(console_line 'is ours')"
check_eq 'the new version boots' 'boot 3: new on /dev/vda2 ext4 rw' "$(grep 'boot 3' "$OUT")"
disk_part kernel >part
check 'what was swapped to is written' same_as kernel.new <part
disk_part upper >part
check 'and what was mounted below /run' same_as kernel.new <part
check_eq 'and no phase is left' 'phase: not set by any source' "$(grep '^phase' "$OUT")"
check_eq 'it goes down in order' 0 "$STATUS"

# given a squashfs below an overlay in RAM
# when it is handed over
new_machine squashfs
{
	hands_over
	echo hand_over
} | case_of
run_update_machine
# then
check_eq 'squashfs below an overlay: the new version boots' 'boot 2: new on pvkit-union overlay rw' \
	"$(grep 'boot 2' "$OUT")"
disk_part root >written
check 'and all of it is written' cmp -n "$(stat -c %s squashfs.new)" squashfs.new written

# given who goes to RAM as systemd-shutdown does, which binds what it takes along
# when it runs `shutdown` there, with an image that is not what the plan says, then with a good one
new_machine ext4
{
	hands_over
	cat <<-END
		no_sum=$no_sum
	END
	cat <<-'END'
		restart=/run/initramfs/enter
		go() {
			mkdir -p /run/initramfs/bin
			mount | grep -q ' /run/initramfs ' || mount -t tmpfs -o mode=755 ram /run/initramfs
			mkdir -p /run/initramfs/bin /run/initramfs/update
			cp /bin/busybox /run/initramfs/bin/
			ln -sf sbin/pvkit-update /run/initramfs/shutdown
			cat >/run/initramfs/enter <<-'ENTER'
				#!/run/initramfs/bin/busybox sh
				exec </dev/console >/dev/console 2>&1
				bb=/run/initramfs/bin/busybox
				$bb umount /etc/inittab
				$bb mount -o bind /run/initramfs /run/initramfs
				for d in dev proc sys run; do
					$bb mkdir -p /run/initramfs/$d
					$bb mount -o bind /$d /run/initramfs/$d
				done
				cd /run/initramfs
				$bb pivot_root . oldroot
				exec /shutdown reboot
			ENTER
			chmod 755 /run/initramfs/enter
			hand_over
		}
		if have tampered; then
			echo 1 >/run/same-kernel
			sum=$no_sum
			go
		fi
		echo "same kernel: $(cat /run/same-kernel); $(is /); $(is /dev); $(is /proc)"
		go
	END
} | case_of
run_update_machine
# then
check_eq 'by /shutdown: the old init runs again' \
	'same kernel: 1; /dev/vda2 ext4 rw; devtmpfs devtmpfs rw; proc proc rw' \
	"$(grep 'same kernel' "$OUT")"
check_eq 'and the new version boots' 'boot 3: new on /dev/vda2 ext4 rw' "$(grep 'boot 3' "$OUT")"
check_eq 'which goes down in order' 0 "$STATUS"
finish
