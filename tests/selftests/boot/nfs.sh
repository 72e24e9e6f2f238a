#!/bin/sh
# SPDX-License-Identifier: MIT
# A root on a server, which is another machine: by DHCP and without, with RAM over it, too
# late, not at all, silent for a while, and gone for good.
# vm: outside timeout=600
. "${0%/*}/../../lib/ktap.sh"
. "${0%/*}/lib.sh"

[ -n "$(find "$(modules_dir)" -name 'nfsv4.ko*')" ] || skip_all "kernel $KERNEL has no NFS"
results=31
[ "$KERNEL" != 5.10 ] || results=29
plan $results

# --- the server --------------------------------------------------------------------------

# It does what it is told on its console.
busybox_root server <<'END'
stty -F /dev/ttyS1 -echo
mount -t tmpfs tmpfs /var/lib/nfs
mkdir /var/lib/nfs/v4recovery
ifconfig lo 127.0.0.1
ifconfig eth0 10.9.0.1 netmask 255.255.255.0
export LD_LIBRARY_PATH=/lib/x86_64-linux-gnu
serve() {
	# nobody has been here before who could want his locks back
	rpc.nfsd -G 10 -L 10 2 && echo Y >/proc/fs/nfsd/v4_end_grace
}
mount -t nfsd nfsd /proc/fs/nfsd
mkdir -m 777 /run/rpcbind
rpcbind
exportfs -ra
rpc.mountd
serve
udhcpd /etc/udhcpd.conf
echo up
while read -r command; do
	eval "$command" && echo "done: $command"
done </dev/ttyS1
END
for applet in ifconfig udhcpd; do
	ln -s busybox "server/bin/$applet"
done
nfs=$BUILD/deb/nfs/root
wrap=$(echo "$nfs"/usr/lib/*/libwrap.so.0)
for program in sbin/rpcbind usr/sbin/rpc.mountd usr/sbin/rpc.nfsd usr/sbin/exportfs; do
	LD_LIBRARY_PATH=${wrap%/*} add_program server "$nfs/$program"
done
cp -L "$wrap" server/lib/x86_64-linux-gnu/
mkdir -p server/var/lib/nfs server/var/lib/misc
cp /etc/netconfig server/etc/
printf '%s\n' 'sunrpc 111/tcp portmapper' 'sunrpc 111/udp portmapper' 'nfs 2049/tcp' >server/etc/services
printf '%s\n' 'passwd: files' 'services: files' 'rpc: files' >server/etc/nsswitch.conf
printf '%s\n' 'root:x:0:0::/:/bin/sh' '_rpc:x:100:100::/run:/bin/false' >server/etc/passwd
echo '/srv *(ro,insecure,no_root_squash,no_subtree_check)' >server/etc/exports
cat >server/etc/udhcpd.conf <<'END'
interface eth0
start 10.9.0.50
end 10.9.0.50
siaddr 10.9.0.1
lease_file /run/leases
pidfile /run/udhcpd.pid
option subnet 255.255.255.0
option router 10.9.0.1
option dns 10.9.0.1 10.9.0.2
option domain lab.test
option hostname node's
option mtu 1400
option rootpath /srv/box
option lease 600
END

# --- the client's root -------------------------------------------------------------------

busybox_root box <<'END'
case $(cat /proc/cmdline) in
*case=silence*)
	# while the server is silent nothing of it may be wanted
	cp /bin/busybox /run/busybox
	/run/busybox sh -c 'echo ready; /run/busybox sleep 16'
	echo "still here: $(ls /etc/inittab)"
	;;
*case=gone*)
	cp /bin/busybox /run/busybox
	/run/busybox sh -c 'echo test: ready >/dev/kmsg; echo ready; /run/busybox sleep 100; echo nobody reboots'
	;;
*)
	is /
	sed -n 's|^[^ ]* [^ ]* nfs.*,vers=\([^,]*\),.*proto=\([^,]*\),.*|version \1, \2|p' /proc/mounts
	echo "name: $(cat /proc/sys/kernel/hostname) $(cat /proc/sys/kernel/domainname)"
	echo "mtu: $(cat /sys/class/net/eth*/mtu | tr '\n' ' ')"
	sed 's/^/learnt: /' /run/net-eth*.conf
	sed 's/^/resolv.conf: /' /run/pvkit-init/resolv.conf
	echo "guards: $(cat /proc/[0-9]*/comm | grep -c pvkit-guard)"
	touch /new 2>/dev/null && echo written
	;;
esac
END
busybox_root rescue <<'END'
echo "reason: $(cat /sys/class/pv_bootflag/log/reason)"
END
cp "$INIT" box/sbin/pvkit-init
mkdir box/mnt
# the same bytes, once
mkdir -p server/srv
cp -al box server/srv/box
ln -f box/bin/busybox server/bin/busybox
ext4_image server server.img -O ^has_journal
ext4_image rescue rescue.img
head -c 262144 /dev/zero | tr '\0' '\377' >misc.img
cp misc.img count.img
cat >flags.conf <<'END'
store.log = medium=mtd device=misc format=log
store.count = medium=mtd device=count format=log
END
cat >init.conf <<'END'
root = /dev/nfs
shell-wait = 1
END
cat >gone.conf <<'END'
root = /dev/nfs
root-wait = 4
shell-wait = 1
failures-limit = 1
failures-store = count
guard-every = 2
guard-limit = 8
guard-grace = 2
guard-store = log
[recovery]
root = /dev/vda
END
initramfs server.cpio --module virtio_net --module ext4 --module nfsd
initramfs init.cpio --conf init.conf --module virtio_net --module nfsv3 --module nfsv4 \
	--module overlay
initramfs gone.cpio --conf gone.conf --flags flags.conf --module virtio_net --module nfsv4 \
	--module ext4 \
	--module 'block2mtd block2mtd=/dev/vdb,64KiB,misc block2mtd=/dev/vdc,64KiB,count' --module pv_bootflag
others_initramfs others.cpio --module virtio_net --module nfsv4 --module overlay <<'END'
$bb ifconfig eth0 10.9.0.9
until $bb mount -t nfs4 -o ro,vers=4.1,addr=10.9.0.1 10.9.0.1:/srv/box /newroot; do
	$bb sleep 1
done
$bb umount /dev /proc
END

# --- the two of them ---------------------------------------------------------------------

mkfifo keys
exec 8<>keys
"$top/scripts/vm" --kernel "$KERNEL" --mem 192 --timeout $((600 * KTAP_SLOW)) \
	--initramfs server.cpio --disk server.img --net server.sock:box.sock \
	--append root=/dev/vda --append rw \
	--keys keys --log server.console >server.out 2>server.err &
server=$!
on_exit stop_server

stop_server() {
	kill "$server" 2>/dev/null || return 0
	wait "$server" || :
	cp server.console "$LOGS-server.kernel" 2>/dev/null || :
}

# shellcheck disable=SC2317 # wait_for calls it
has_done_more_than() {
	[ "$(grep -c '^done' server.out)" -gt "$1" ]
}

# tell COMMAND: to the server, done when it returns
tell() {
	told=$(grep -c '^done' server.out || :)
	echo "$1" >&8
	wait_for 30 has_done_more_than "$told"
}

# QEMU itself is what is to stand still
pause_server() {
	qemu=$(pgrep -P "$server" qemu)
	kill -STOP "$qemu"
	sleep "$1"
	kill -CONT "$qemu"
}

# box FILE [OPTION...]: the client
box() {
	box_initramfs=$1
	shift
	machine "$box_initramfs" "$@" --net box.sock:server.sock
}

# box_until_ready FILE [OPTION...]: it goes on in the background; box_end waits for its end
box_until_ready() {
	: >"$OUT.raw"
	(
		box "$@"
		echo "$STATUS" >status
	) &
	box=$!
	machines=$((machines + 1))
	wait_for 60 grep -q ready "$OUT.raw" || :
}

box_end() {
	wait "$box"
	STATUS=$(cat status)
}

line() {
	sed -n "$1p" "$OUT"
}

learnt() {
	sed -n "s/^learnt: $1=//p" "$OUT"
}

wait_for 60 grep -q up server.out || {
	sed 's/^/# server: /' server.out server.err
	tail -n 20 server.console
}

# given a server with DHCP
# when a machine with two cards is told no more than that its root is there, and by which
# version
box init.cpio --net nobody.sock:nowhere.sock --append nfsroot=,vers=4.1
check_eq 'the machine goes down by itself' 0 "$STATUS"
check_eq 'the root is what DHCP names' '10.9.0.1:/srv/box nfs4 ro' "$(line 1)"
check_eq 'in the version that was asked for' 'version 4.1, tcp' "$(line 2)"
check_eq 'a name that is none is not taken; the address is one' 'name: 10.9.0.50 (none)' "$(line 3)"
check_eq 'frames are as long as DHCP has them' 'mtu: 1500 1400 ' "$(line 4)"
check_eq 'the console says which card was answered, and what the machine is called' \
	'pvkit-init: eth1 is 10.9.0.50/24 by 10.9.0.1, of 10.9.0.1' \
	"$(console_line 'eth. is' | sed 's/, after [0-9]* s$//')"
check_eq 'and what it boots' \
	'pvkit-init: normal, no source says otherwise; root=10.9.0.1:/srv/box nfs' \
	"$(console_line 'pvkit-init: normal')"
check_eq 'what was learnt stays for others' \
	"'10.9.0.50' '255.255.255.0' '10.9.0.1' '10.9.0.1' '10.9.0.2' '600'" \
	"$(learnt IPV4ADDR) $(learnt IPV4NETMASK) $(learnt IPV4GATEWAY) $(learnt IPV4DNS0) $(learnt IPV4DNS1) $(learnt DHCPLEASETIME)"
check_eq 'as text for a shell' "'/srv/box'" "$(learnt ROOTPATH)"
check_eq 'and as a resolv.conf' 'search lab.test nameserver 10.9.0.1 nameserver 10.9.0.2' \
	"$(sed -n 's/^resolv.conf: //p' "$OUT" | tr '\n' ' ' | sed 's/ $//')"

# when all of it is on the command line, and the rest of it in the directory's name
box init.cpio --append root=/dev/nfs --append 'nfsroot=/srv/%s,nfsvers=3' \
	--append ip=10.9.0.7:10.9.0.1:10.9.0.1:255.255.255.0:box.lab.test:eth0:off \
	--append pvkit.union
check_eq 'RAM lies over it' 'pvkit-union overlay rw' "$(line 1)"
check_eq 'over the version that was asked for' 'version 3, tcp' "$(line 2)"
check_eq 'the name is the one that was given' 'name: box lab.test' "$(line 3)"
check_eq 'in RAM it can be written' written "$(tail -n 1 "$OUT")"
check_eq 'the console says what the machine is called' \
	'pvkit-init: eth0 is 10.9.0.7/24 by 10.9.0.1, as ip= has it' \
	"$(console_line 'eth0 is' | sed 's/, after [0-9]* s$//')"
check_eq 'and what it boots' \
	'pvkit-init: normal, no source says otherwise; root=10.9.0.1:/srv/box nfs' \
	"$(console_line 'pvkit-init: normal')"

# when it asks for what the server does not have
box init.cpio --once --append nfsroot=/srv/none --append ip=dhcp
check_eq 'it hears so, in whatever version it asks' \
	'pvkit-init: root=/dev/nfs: 10.9.0.1:/srv/none: No such file or directory' \
	"$(console_line 'root=.dev.nfs: ')"
check_eq 'and does not ask without end' '3 ' "$STATUS $(console_line 'waiting up to')"

# when the initramfs is another's, which mounts it and starts pvkit-init there
box others.cpio --append init=/sbin/pvkit-init --append pvkit.union=yes
check_eq 'by init=: RAM lies over it' 'pvkit-union overlay rw' "$(line 1)"
check_eq 'by init=: and the machine goes down by itself' 0 "$STATUS"
check_eq 'by init=: it is guarded without a word' 'guards: 5' "$(grep '^guards' "$OUT")"

# when the server says nothing for 10 s
box_until_ready init.cpio --append case=silence
pause_server 10
box_end
check_eq 'ten seconds of silence are no loss' "0 still here: /etc/inittab" \
	"$STATUS $(tail -n 1 "$OUT")"
check_eq 'nor do they raise a doubt' '' "$(console_line 'root guard')"

# when the server comes 10 s after it is asked first, and then is silent for too long
tell 'rpc.nfsd 0'
echo 'until grep -q 10.9.0.8 /proc/net/arp; do sleep 1; done; sleep 10; serve' >&8
box_until_ready init.cpio --append case=silence --append pvkit.guard=dry-run \
	--append ip=10.9.0.8:10.9.0.1::255.255.255.0 --append nfsroot=/srv/box \
	--append pvkit.guard-every=1 --append pvkit.guard-limit=3 --append pvkit.guard-grace=1
pause_server 10
box_end
check_match 'a server that is late is waited for' \
	'pvkit-init: waiting up to * s for 10.9.0.1:/srv/box: Connection refused' \
	"$(console_line 'waiting up to .* for 10')"
check_eq 'and booted from' "0 still here: /etc/inittab" "$STATUS $(tail -n 1 "$OUT")"
check_eq 'dry-run: the guard says what it would do' \
	'pvkit-init: root guard: 10.9.0.1:/srv/box is gone: no answer; would reboot, but for dry-run' \
	"$(console_line 'is gone')"

# when the server goes for good
once=
# its block2mtd gives no names, so nothing can be kept from one boot to the next
[ "$KERNEL" != 5.10 ] || once=--once
box_until_ready gone.cpio $once --disk rescue.img --disk misc.img --disk count.img \
	--append case=gone --append ip=dhcp
stop_server
box_end
check_eq 'the machine is rebooted' \
	'pvkit-init: root guard: 10.9.0.1:/srv/box is gone: no answer; reboot' "$(console_line 'is gone')"
# 2 s from one question to the next, 8 s for the answer, 2 s of grace, 2 s for the second
after=$(($(console_at 'is gone: no answer; reboot') - $(console_at 'test: ready')))
check "after 12 to 14 s, and what a slow machine adds ($after tenths)" \
	test "$after" -ge 115 -a "$after" -le $((140 + 60 * KTAP_SLOW))
if [ -n "$once" ]; then
	skip 'and the next boot goes another way' "kernel $KERNEL has no block2mtd with names"
	finish
fi
check_match 'nobody is there, which it does not wait for without end' \
	'pvkit-init: ip=dhcp: no answer by DHCP' "$(console_line 'no answer by')"
check_eq 'it goes another way then, and knows the reason' 'reason: root-lost' "$(line 2)"
check_eq 'recovery, which is on a disk' 0 "$STATUS"
finish
