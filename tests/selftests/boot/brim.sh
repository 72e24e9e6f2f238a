#!/bin/sh
# SPDX-License-Identifier: MIT
# The RAM over a root filled to the brim, by a container: each way to hear of it tells in
# time, then writes fail, and all else goes on. With bytes, then with files.
# vm: outside timeout=300
. "${0%/*}/../../lib/ktap.sh"
. "${0%/*}/lib.sh"

plan 22

busybox_root root <<'END'
b() { busybox "$@"; }
now() { cut -d' ' -f1 /proc/uptime; }
ask() { curl -s -m 10 -o /run/answer -w '%{http_code} ' --unix-socket /run/pvkit/pv-ctrl "http://x$1" && cat /run/answer; }
soon() {
	n=0
	until eval "$1"; do
		n=$((n + 1))
		[ $n -lt 100 ] || return 1
		b usleep 100000
	done
}
mkdir -p /run/lock /sys/fs/cgroup
mount -t cgroup2 none /sys/fs/cgroup
pvkitd --foreground >/run/pvkitd.log 2>&1 &
soon 'grep -qs "pvkitd: ready" /run/pvkitd.log' || cat /run/pvkitd.log
# one who hears it from the beginning, one who comes late, and one without pvkitd
curl -sN --unix-socket /run/pvkit/pv-ctrl http://x/union/events >/run/events &
pvkit union watch --json >/run/watch 2>/dev/null &
soon 'grep -qs level /run/events && grep -qs level /run/watch'
echo "at first: $(ask /union | cut -d, -f1)"

# a container whose files are on an overlay of its own, in a directory that is RAM alone
c=/var/lib/containers
mkdir $c/upper $c/work $c/rootfs
mount -t overlay overlay -o lowerdir=/bundle,upperdir=$c/upper,workdir=$c/work $c/rootfs
cp /config.json $c/
echo "container: $(cd $c && crun --cgroup-manager=disabled run fill 2>&1 | tail -n 1)" >/run/filled
full=$(sed 's/.*at //' /run/filled)
sed 's/ at .*//' /run/filled
echo 1 2>/dev/null >/etc/more && echo 123456789 2>/dev/null >>/etc/more || echo "the root: full too"
echo "full: $(ask /union | cut -d, -f1)"
echo "metric: $(ask /metrics | b grep 'pvkit_union_level{.*critical')"
pvkit union status >/run/status
echo "status: $?, $(head -n 1 /run/status | cut -d: -f1), $(grep -c '^plain .*/var/lib/containers  (' /run/status) plain"
curl -sN -m 1 --unix-socket /run/pvkit/pv-ctrl http://x/union/events >/run/late
echo "late: $(sed -n 's/^data: {"level":"\([a-z]*\)".*/\1/p' /run/late)"
for where in events watch; do
	echo "$where: $(b grep -o '"level":"[a-z]*"' /run/$where | cut -d'"' -f4 | tr '\n' ' ')"
	b grep -o '"uptime":[0-9.]*' /run/$where | cut -d: -f2 | awk -v full="$full" '
		$1 < full { n++ } END { print "before it was full: " n }'
done
echo "log: $(dmesg | b grep 'RAM over the root' | sed 's/.*over the root //; s/:.*//' | tr '\n' ';')"
dmesg | sed -n 's/^\[ *\([0-9.]*\)\].*RAM over the root.*/\1/p' | awk -v full="$full" '
	$1 < full { n++ } END { print "before it was full: " n }'

# the guard, one of whose processes dies while it is full
guards() { b ps -o pid,comm,args | grep 'root guard' | grep -v grep; }
before=$(guards | wc -l)
b kill -9 "$(guards | head -n 1 | awk '{ print $1 }')"
soon '[ "$(dmesg | grep -c "root guard: its .* died")" = 1 ]'
soon '[ "$(guards | wc -l)" = "$before" ]' && echo "guard: as many as before"
echo "and finds fault with nothing: $(dmesg | grep -c 'root guard: .*no answer')"

# room again, then many small files, no more than a twentieth of what fits
# between two looks at it
rm -f $c/rootfs/fill /etc/more
soon '[ "$(ask /union | cut -d, -f1)" = "200 {\"level\":\"ok\"" ]'
last() { sed -n 's/^data: {"level":"\([a-z]*\)".*/\1/p' /run/events | tail -n 1; }
soon '[ "$(last)" = ok ]'
echo "room: $(last)"
mkdir /many
i=0
while b seq $i $((i + 999)) | (cd /many && b xargs touch) 2>/dev/null; do
	i=$((i + 1000))
	b usleep 250000
done
soon '[ "$(last)" = critical ]'
echo "inodes: $(ask /union | cut -d, -f1)"
sed -n 's/^data: {"level":"\(warning\|critical\)".*/\1/p' /run/events | tail -n 2 | tr '\n' ' '
echo "were told"
pvkit union status | grep -c '/many/' | awk '{ print ($1 > 1000) ? "status: lists them" : "status: " $1 }'
echo "log: $(dmesg | b grep 'RAM over the root' | sed 's/.*over the root //; s/: .* of [0-9]*/,/; s/ (.*//' | tail -n 2 | tr '\n' ';')"
rm -r /many
echo ok >/etc/new && cat /etc/new
dmesg | grep -c 'Out of memory'
END
mkdir -p root/var/lib/containers root/var/lib/pvkit root/bundle/bin root/bundle/proc root/bundle/dev
for program in "$BUILD/host/pvkit" "$BUILD/host/pvkitd" /usr/bin/curl "$(command -v crun)"; do
	add_program root "$program"
done
cp /bin/busybox root/bundle/bin/
for applet in sh dd cut echo usleep; do
	ln -s busybox "root/bundle/bin/$applet"
done
cat >root/bundle/bin/fill <<'END'
#!/bin/sh
dd if=/dev/zero bs=64k count=90 >>/fill 2>/dev/null
while dd if=/dev/zero bs=32k count=1 >>/fill 2>/dev/null; do
	usleep 100000
done
echo "no more at $(cut -d' ' -f1 /proc/uptime)"
END
chmod 755 root/bundle/bin/fill
cat >root/config.json <<'END'
{ "ociVersion": "1.0.2",
  "process": { "terminal": false, "user": { "uid": 0, "gid": 0 }, "cwd": "/",
    "args": [ "/bin/fill" ], "env": [ "PATH=/bin" ] },
  "root": { "path": "rootfs" },
  "mounts": [ { "destination": "/proc", "type": "proc", "source": "proc" } ],
  "linux": { "namespaces": [ { "type": "pid" }, { "type": "mount" }, { "type": "ipc" } ] } }
END
squashfs_image root root.img
cat >init.conf <<'END'
root = /dev/vda
union = yes
union-size = 8M
union-plain = /var/lib/containers
guard = yes
guard-every = 1
END
initramfs init.cpio --conf init.conf --module squashfs --module overlay --module pv_driver

# given a squashfs with RAM of 8 MiB over it, which is watched in each way there is
# when a container writes until it can't
machine init.cpio --disk root.img
line() {
	sed -n "$1p" "$OUT"
}
check_eq 'at first there is room' 'at first: 200 {"level":"ok"' "$(line 1)"
check_eq 'more than fits is an error in the container' 'container: no more' "$(line 2)"
check_eq 'and in the root' 'the root: full too' "$(line 3)"
check_eq 'pvkitd answers and knows it' 'full: 200 {"level":"critical"' "$(line 4)"
check_match 'its metrics too' 'metric: *="critical"} 1' "$(line 5)"
check_eq 'what it is full of can be listed' 'status: 0, critical, 1 plain' "$(line 6)"
check_eq 'who asks for events now begins with that' 'late: critical' "$(line 7)"
check_eq 'who listened has heard each level' 'events: ok warning critical ' "$(line 8)"
check_eq 'of events, before it was full' 'before it was full: 3' "$(line 9)"
check_eq 'and without pvkitd' 'watch: ok warning critical ' "$(line 10)"
check_eq 'as early' 'before it was full: 3' "$(line 11)"
check_eq 'and in the log' 'log: is filling up;is about to be full;' "$(line 12)"
check_eq 'also before' 'before it was full: 2' "$(line 13)"
check_eq 'the guard replaces a process that died' 'guard: as many as before' "$(line 14)"
check_eq 'and finds the root where it was' 'and finds fault with nothing: 0' "$(line 15)"
# when there is room again, and it is filled with empty files
check_eq 'that there is room is told' 'room: ok' "$(line 16)"
check_eq 'inodes count as bytes do' 'inodes: 200 {"level":"critical"' "$(line 17)"
check_eq 'with the same levels' 'warning critical were told' "$(line 18)"
check_eq 'all of them can be listed' 'status: lists them' "$(line 19)"
check_eq 'the log says of what' 'log: is filling up, inodes;is about to be full, inodes;' "$(line 20)"
check_eq 'the machine stays up, and nothing was killed for memory' 'ok 0' "$(line 21) $(line 22)"
check_eq 'and ends as it should' 0 "$STATUS"
finish
