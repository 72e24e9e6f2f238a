#!/bin/sh
# SPDX-License-Identifier: MIT
# What user/lib reads in mtdparts= is what the kernel's own parser makes of it. Debian's
# kernels have none; test-modules builds it from their source where that is unpacked, as
# for `make check-arm64` (scripts/deps --source 6.1).
# vm: own
# vm: timeout=240
. "${0%/*}/../../lib/ktap.sh"

parser=$(modinfo -n cmdlinepart 2>/dev/null) ||
	skip_all 'no parser of mtdparts= as a module: neither of this kernel, nor its source'

plan 3

need_module mtd
modprobe simflash blocks=256 erase=4096
on_exit rmmod simflash

# given what boards have, and what is at the edge of the grammar
cat >"$KTAP_TMP/texts" <<'END'
simflash:256k(u-boot)ro,64k(u-boot-env),512k(rootfs),64k(kernel),64k(art)ro,576k@0x50000(firmware)
simflash:0x4F000(BOOT),0x1000(ENV),0x80000(KERNEL),0x10000(LOGO),-(customer)
NOR_FLASH:1m(x);simflash:128k@128k(BOOT0),128k(BOOT1),0x20000(ENV),-(UBI)
simflash:128k(u-boot)ro,256k(root=/dev/vdz),256k(a;b:c),-(ubi)
simflash:1m
simflash:-
simflash:-(all)ro
simflash:512k,512k
simflash:512k,513k(cut)
simflash:1m,1(left out),-(left out too)
simflash:1m,4k@2m(outside),4k(after it)
simflash:4k@2m(outside),4k@0(first)
simflash:64k@512k(b),64k@0(a),64k(after a)
simflash:64k(same),64k@0(same)
simflash:64k(a)rolk,64k(b)lk,64k(c)ro
simflash:64k(a)lkro
simflash:64kro,64klk
simflash:64k(a),0(b)
simflash:64k(a),-(b),64k(c)
simflash:64k(a
simflash:64k(a)x
simflash:64k()
simflash:64k((a)
simflash:010000(octal),0x1000(hex),4096(ten),4K(k)
simflash:64k@64k(a),64k@0100000(b)
simflash:08(x)
simflash:0x(x)
simflash:64k(a);simflash:128k(b)
simflash:64k(a);other:64k(b),
other:64k(b);simflash:64k(a);
other;simflash:64k(a)
other:64k(b)simflash:64k(a)
:64k(a)
simflash::64k(a)
simflash
simflash:
simflash: 64k(a)
simflash:64k (a)
simflash:64k(a), 64k(b)
simflash:64k(root=/dev/x rw init=/y)
simflash:1g(large)
simflash:1t(larger)
simflash:1,2,3,4,5
END

# the kernel has much to say of each, which takes longer than all else
dmesg -n 1
# when the kernel is asked for each of these, and for four hundred made-up ones
status=0
"${0%/*}/kernel_parts" "$parser" 400 <"$KTAP_TMP/texts" >"$KTAP_TMP/out" || status=$?
sed 's/^/# /' "$KTAP_TMP/out" | tail -n 60
check_eq 'the kernel and user/lib agree on each' 0 "$status"
# shellcheck disable=SC2046 # words
set -- $(tail -n 1 "$KTAP_TMP/out")
check_eq 'all were asked' $((400 + $(wc -l <"$KTAP_TMP/texts"))) "${2:-}"
# then neither is empty-handed
check 'of which many have partitions, and many are wrong' \
	test "${4:-0}" -gt 400 -a "${6:-0}" -gt 100
finish
