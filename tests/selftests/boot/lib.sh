# SPDX-License-Identifier: MIT
# shellcheck shell=sh
#
# For tests of pvkit-init that watch machines from outside; sourced after ktap.sh.
#
#   busybox_root DIR <SCRIPT      a root with busybox; its init runs SCRIPT, whose output
#                                 comes out of the machine, and then powers off. For
#                                 the script: `is`, one line of what is mounted where
#   userland DIR <SCRIPT          a root as a small board has it: busybox's init with an
#                                 inittab that mounts, has a getty on the console, starts
#                                 SCRIPT as a service, and has the root unmounted in the
#                                 end. SCRIPT powers off or reboots by init, or leaves it
#                                 to who logs in. For it and /etc/rcK: `is`, as above
#   add_program DIR FILE          put a program and its libraries into it
#   ext4_image DIR FILE [OPTION...]   make it a file system of EXT4_MIB=32 (mke2fs's options)
#   squashfs_image DIR FILE
#   initramfs FILE [OPTION...]    of scripts/mkinitramfs, with pvkit-init in it
#   others_initramfs FILE [OPTION...] <SCRIPT   an initramfs of another's making, of busybox
#                                 alone: SCRIPT mounts the root on /newroot, and init= is
#                                 started as switch_root does it. For SCRIPT: $bb, and
#                                 $mounts and $init of the command line
#   machine FILE [OPTION...]      start it (options of scripts/vm). Afterwards its output is
#                                 in $OUT, its console in $CONSOLE, its status in $STATUS
#                                 (MEM= MiB and LIMIT= seconds if it needs more)
#   typing LINE...                from now on, each second, for --keys keys; before what
#                                 reads them is there, half of a line may be lost
#   stop_typing
#   start_machine FILE [OPTION...]  the same while the test goes on, until `end_machine`
#   plug_disk FILE                one more disk for one that was started with --qmp "$QMP"
#   console_line PATTERN          the first line of the console with that in it, without
#                                 the kernel's time
#   console_at PATTERN            that time, in tenths of a second
#
# All in $KTAP_TMP, for the architecture ARCH (x86_64, arm64), with the program INIT. A failed result prints the end
# of the console.

top=${top:-$(cd "$KTAP_DIR/../../.." && pwd)}
BUILD=${BUILD:-$top/build}
KERNEL=${KERNEL:-6.1}
ARCH=${ARCH:-x86_64}
LOGS=${LOGS:-$BUILD/logs/boot}
BUSYBOX=/bin/busybox
INIT=${INIT:-$BUILD/host/pvkit-init}
STRIP='strip'
if [ "$ARCH" = arm64 ]; then
	BUSYBOX=$BUILD/deb/arm64/root/bin/busybox
	INIT=$BUILD/arm64/pvkit-init
	STRIP=aarch64-linux-gnu-strip
fi
PATH=$PATH:/usr/sbin:/sbin
export BUILD PATH
OUT=$KTAP_TMP/out
CONSOLE=$KTAP_TMP/console
QMP=$KTAP_TMP/qmp
machines=0
cd "$KTAP_TMP" || exit 1

ktap_log() {
	[ ! -f "$CONSOLE" ] || tail -n 25 "$CONSOLE" | sed 's/^/# console: /'
}

busybox_dir() {
	mkdir -p "$1/bin" "$1/sbin" "$1/etc" "$1/proc" "$1/sys" "$1/dev" "$1/run" "$1/tmp"
	cp "$BUSYBOX" "$1/bin/busybox"
	for applet in sh cat mount umount poweroff reboot stty sync sleep ls grep sed mkdir awk \
		df dd dmesg test readlink rm wc tr cut echo od getty login hostname sort uniq; do
		ln -sf busybox "$1/bin/$applet"
	done
	ln -sf ../bin/busybox "$1/sbin/init"
}

# What a script in the machine begins with.
guest_script() {
	cat <<-'END'
		#!/bin/sh
		PATH=/bin:/sbin
		stty -F /dev/ttyS0 raw -echo
		exec >/dev/ttyS0 2>&1
		is() { awk -v where="$1" '$2 == where { m = $1 " " $3 " " substr($4, 1, 2) } END { print m }' /proc/mounts; }
	END
}

busybox_root() {
	busybox_dir "$1"
	echo '::sysinit:/etc/rcS' >"$1/etc/inittab"
	{
		guest_script
		cat
		printf '%s\n' 'sync' 'stty -F /dev/ttyS0 raw' 'poweroff -f'
	} >"$1/etc/rcS"
	chmod 755 "$1/etc/rcS"
}

userland() {
	busybox_dir "$1"
	cat >"$1/etc/inittab" <<-'END'
		::sysinit:/etc/rcS
		console::respawn:/bin/getty -L 115200 console vt100
		::once:/etc/service
		::ctrlaltdel:/bin/reboot
		::shutdown:/etc/rcK
	END
	echo 'root::0:0:root:/:/bin/sh' >"$1/etc/passwd"
	echo 'root:x:0:' >"$1/etc/group"
	cat >"$1/etc/rcS" <<-'END'
		#!/bin/sh
		PATH=/bin
		mkdir -p /dev/pts
		mount -t devpts devpts /dev/pts
		hostname board
	END
	{
		guest_script
		cat
	} >"$1/etc/service"
	{
		guest_script
		cat <<-'END'
			mount -o remount,ro /
			echo "down: $(is /)"
			stty -F /dev/ttyS0 raw
			umount -a -r 2>/dev/null
		END
	} >"$1/etc/rcK"
	chmod 755 "$1/etc/rcS" "$1/etc/rcK" "$1/etc/service"
}

add_program() {
	cp "$2" "$1/bin/"
	ldd "$2" | sed -n -e 's/.*=> \(\/[^ ]*\) .*/\1/p' -e 's/^[[:space:]]*\(\/[^ ]*\) .*/\1/p' |
		while read -r library; do
			mkdir -p "$1${library%/*}"
			cp -L "$library" "$1$library"
		done
}

ext4_image() {
	root_dir=$1 root_file=$2
	shift 2
	rm -f "$root_file"
	mke2fs -q -t ext4 -d "$root_dir" "$@" "$root_file" "${EXT4_MIB:-32}M" >"$KTAP_TMP/mke2fs.log" 2>&1
}

squashfs_image() {
	rm -f "$2"
	mksquashfs "$1" "$2" -all-root -noappend -quiet -no-progress >"$KTAP_TMP/mksquashfs.log"
}

# The kernel's modules and ours, as an installed system has them.
modules_dir() {
	name=$KERNEL
	[ "$ARCH" = x86_64 ] || name=$KERNEL-$ARCH
	stock=$BUILD/deb/$name
	kdir=$BUILD/boot/$name
	mkdir -p "$BUILD/boot"
	(
		flock 9
		ours=$(find "$BUILD/$name/src" -name '*.ko' 2>/dev/null || :)
		# shellcheck disable=SC2086 # a list of files
		if [ ! -f "$kdir/done" ] ||
			[ -n "$(find "$stock/modules.cpio" $ours -newer "$kdir/done")" ]; then
			rm -rf "$kdir"
			mkdir -p "$kdir"
			(cd "$kdir" && cpio --quiet -i -d <"$stock/modules.cpio")
			release=$(cat "$stock/release")
			mkdir "$kdir/lib/modules/$release/updates"
			# what is for a debugger is most of them, and memory is short
			for ko in $ours; do
				"$STRIP" -g -o "$kdir/lib/modules/$release/updates/${ko##*/}" "$ko"
			done
			depmod -b "$kdir" "$release"
			touch "$kdir/done"
		fi
	) 9>"$BUILD/boot/.lock"
	echo "$kdir"
}

initramfs() {
	initramfs_file=$1
	shift
	"$top/scripts/mkinitramfs" --init "$INIT" --root "$(modules_dir)" \
		--module virtio_pci --module virtio_blk "$@" "$initramfs_file"
}

others_initramfs() {
	{
		cat <<-'END'
			#!/bin/busybox sh
			bb=/bin/busybox
			$bb mount -t proc proc /proc
			read -r words </proc/cmdline
			for word in $words; do
				case $word in
				mounts=*) mounts=${word#*=} ;;
				init=*) init=${word#*=} ;;
				esac
			done
			while read -r path params; do
				$bb insmod "${path#\?}" $params
			done </lib/pvkit/modules
			$bb mount -t devtmpfs dev /dev
		END
		cat
		# shellcheck disable=SC2016 # that script's
		echo 'exec $bb switch_root /newroot "$init" "$@"'
	} >others-init
	chmod 755 others-init
	others_file=$1
	shift
	initramfs "$others_file" --add "$BUSYBOX:/bin/busybox" --add "$PWD/others-init:/init" "$@"
}

# memory MIB: and what the debug kernel wants for itself
memory() {
	if [ "$KERNEL" = debug ]; then
		echo $((2 * $1 + 512))
	else
		echo "$1"
	fi
}

machine() {
	machines=$((machines + 1))
	: >"$CONSOLE"
	STATUS=0
	"$top/scripts/vm" --arch "$ARCH" --kernel "$KERNEL" --mem "$(memory "${MEM:-192}")" \
		--timeout $((${LIMIT:-90} * KTAP_SLOW)) \
		--log "$CONSOLE" --initramfs "$@" >"$OUT.raw" 2>"$KTAP_TMP/err" || STATUS=$?
	# a terminal that nobody has set to raw says so
	tr -d '\r' <"$OUT.raw" >"$OUT"
	cp "$CONSOLE" "$LOGS-$machines.kernel"
	case $STATUS in
	124 | 125) cat "$KTAP_TMP/err" ;;
	esac
}

typing() {
	rm -f keys
	mkfifo keys
	exec 8<>keys
	while :; do
		printf '%s\n' "$@" >&8
		sleep 1
	done &
	typist=$!
}

stop_typing() {
	kill "$typist"
	wait "$typist" 2>/dev/null || :
	exec 8>&-
}

start_machine() {
	: >"$CONSOLE"
	(machine "$@" && exit "$STATUS") &
	started=$!
}

end_machine() {
	machines=$((machines + 1))
	STATUS=0
	wait "$started" || STATUS=$?
}

plug_disk() {
	printf '%s\n' '{ "execute": "qmp_capabilities" }' \
		'{ "execute": "blockdev-add", "arguments": { "driver": "raw", "node-name": "late",
			"file": { "driver": "file", "filename": "'"$(realpath "$1")"'" } } }' \
		'{ "execute": "device_add", "arguments": { "driver": "virtio-blk-pci",
			"drive": "late", "bus": "late" } }' |
		timeout 20 nc -U -q 2 "$QMP" >"$KTAP_TMP/qmp.log"
	# one for each command
	cat "$KTAP_TMP/qmp.log"
	[ "$(grep -c '"return"' "$KTAP_TMP/qmp.log")" = 3 ]
}

console_line() {
	tr -d '\r' <"$CONSOLE" | sed -n "s/^\(\[ *[0-9.]*\] \)\{0,1\}\(.*$1.*\)/\2/p" | head -n 1
}

console_at() {
	tr -d '\r' <"$CONSOLE" | sed -n "s/^\[ *\([0-9]*\)\.\([0-9]\).*$1.*/\1\2/p" | head -n 1
}
