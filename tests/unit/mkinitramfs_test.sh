#!/bin/sh
# SPDX-License-Identifier: MIT
# What scripts/mkinitramfs packs, and in which order its modules are loaded.
. "${0%/*}/../lib/ktap.sh"

mkinitramfs=$(cd "${0%/*}/../.." && pwd)/scripts/mkinitramfs
plan 25
cd "$KTAP_TMP"

# given a kernel's modules: net wants mii and crc, which wants lib; old is compressed;
# ubi is built in; hash, softly wanted by net, comes in two, of which one is for another
# processor
release=6.1.0-test
base=root/lib/modules/$release
mkdir -p $base/kernel
for m in lib crc mii net-card hash_generic hash-fast late ubifs; do
	echo "module $m" >"$base/kernel/$m.ko"
done
echo 'module old' | xz >$base/kernel/old.ko.xz
cat >$base/modules.dep <<'END'
kernel/lib.ko:
kernel/crc.ko: kernel/lib.ko
kernel/mii.ko:
kernel/net-card.ko: kernel/mii.ko kernel/crc.ko kernel/lib.ko
kernel/hash_generic.ko:
kernel/hash-fast.ko: kernel/lib.ko
kernel/late.ko:
kernel/ubifs.ko:
kernel/old.ko.xz: kernel/crc.ko kernel/lib.ko
END
echo kernel/drivers/ubi.ko >$base/modules.builtin
printf 'alias crypto-hash hash_fast\nalias crypto-hash hash_generic\n' >$base/modules.alias
echo 'softdep net_card pre: crypto-hash crypto-none post: late' >$base/modules.softdep
echo 'the program' >init
echo 'root = /dev/vda' >init.conf

pack() {
	"$mkinitramfs" --init init "$@" out.img
}
names() {
	cpio -t --quiet <out.img
}
content() {
	rm -rf unpacked
	mkdir unpacked
	(cd unpacked && cpio -i -d --quiet <../out.img)
	cat "unpacked/$1"
}
# as the list has them, without the directory
order() {
	content lib/pvkit/modules | sed 's:/lib/modules/::' | paste -sd'|'
}

# when there is nothing but the program
pack
check_eq 'the program, and where things are mounted' \
	'dev etc etc/pvkit init newroot proc run sys' "$(names | paste -sd' ')"
check_eq 'all of it is root'"'"'s' '0 0' \
	"$(cpio -tv --numeric-uid-gid --quiet <out.img | awk '{ print $3, $4 }' | sort -u)"
# then the same gives the same, whoever packs it and when
cp out.img before.img
sleep 1
(umask 077 && touch init && pack)
check 'the same input gives the same bytes' cmp before.img out.img

# when modules are asked for
pack --root root --module 'net_card speed=100 duplex="full half"'
check_eq 'each comes after what it wants, also softly, and with its parameters' \
	'?lib.ko|?hash-fast.ko|?hash_generic.ko|crc.ko|mii.ko|net-card.ko speed=100 duplex="full half"|?late.ko' \
	"$(order)"
pack --root root --module old --module crc --module mii
check_eq 'each comes once, whoever wants it first' 'lib.ko|crc.ko|old.ko|mii.ko' "$(order)"
check_eq 'one that is compressed is unpacked' 'module old' "$(content lib/modules/old.ko)"
pack --root root --module ubi --module crc
check_eq 'one that is built in is not loaded' 'lib.ko|crc.ko' "$(order)"
pack --root root --module ubifs
check_eq 'ubifs loads where its compressors are missing' ubifs.ko "$(order)"
check_fails 'a module that is none' "$release has no module nothing" \
	"$mkinitramfs" --init init --root root --module nothing out.img
mkdir root/lib/modules/6.2.0-test
check_fails 'a choice of kernels' '--kernel says which' \
	"$mkinitramfs" --init init --root root --module crc out.img
check_fails 'no kernel at all' 'not one kernel below tree/lib/modules' \
	"$mkinitramfs" --init init --root tree --module crc out.img
check 'that was made' pack --root root --kernel $release --module crc
check_fails 'a kernel without a list' 'no modules.dep' \
	"$mkinitramfs" --init init --root root --kernel 6.2.0-test --module crc out.img

# when files are added
mkdir -p tree/pvkit
echo more >tree/pvkit/more.conf
pack --conf init.conf --add tree:/etc --add init:/bin/again --add tree/pvkit:/lib/firmware
check_eq 'what is in a directory joins what is there' \
	'etc/pvkit/init.conf etc/pvkit/more.conf lib/firmware/more.conf' \
	"$(names | grep conf | sort | paste -sd' ')"
check_eq 'a file has the name that was given' 'the program' "$(content bin/again)"
check_fails 'a place that is none' "--add wants SRC:/DEST" "$mkinitramfs" --init init --add tree out.img
check_fails 'a file that is not there' 'no such file: nowhere' \
	"$mkinitramfs" --init init --conf nowhere out.img

# when updates that are cut are to be resumed
echo 'state LABEL=data ext4' >where.conf
pack --update init --update-conf where.conf
check_eq 'what resumes an update' 'the program' "$(content sbin/pvkit-update)"
check_eq 'and where it finds the plan' 'state LABEL=data ext4' "$(content etc/pvkit/update.conf)"
check_fails 'one that is not there' 'no such file: nowhere' \
	"$mkinitramfs" --init init --update nowhere out.img

# when there is to be a shell
printf '\177ELF\0/lib/ld-linux.so.2 is not found\0' >static
printf '\177ELF\0\0/lib64/ld-linux-x86-64.so.2\0' >dynamic
pack --shell static
check_eq 'a shell is busybox' 'bin/busybox bin/sh' "$(names | grep bin/ | paste -sd' ')"
check_fails 'one that wants libraries' '--shell: dynamic is not static' \
	"$mkinitramfs" --init init --shell dynamic out.img

# when it is compressed
pack --compress xz
check_eq 'xz: by the one check that the kernel knows' CRC32 \
	"$(xz --robot -l out.img | awk '$1 == "file" { print $7 }')"
check 'and nothing else is in it' sh -c 'xz -dc out.img | cmp - before.img'
check_fails 'a way of compressing that is none' "not 'zip'" \
	"$mkinitramfs" --init init --compress zip out.img
finish
