#!/bin/sh
# SPDX-License-Identifier: MIT
# An update that is stopped before anything is written leaves the old system at work, and the
# next one succeeds: by Ctrl-C, by `pvkit pivot abort` while it is prepared and while the
# others end, by the death of who does it, by a process that can't be ended. At last `stop`,
# --env and --post are done, the latter once more by the next boot when it has failed.
# vm: outside arch=x86_64 timeout=300
. "${0%/*}/../../lib/ktap.sh"
. "${0%/*}/update_lib.sh"

plan 14

# --- given ------------------------------------------------------------------------------

# a system whose watchdog is fed by a service that init starts again when it ends, with a
# U-Boot environment, and a program that notes what it is told and fails when that is
# `once` and for the first time
new_bed 'state = LABEL=data ext4 /update' 'term-seconds = 60' 'stop = date >>/data/stops'
for version in old new; do
	echo '::respawn:/etc/feeder' >>root.$version/etc/inittab
	cat >root.$version/etc/feeder <<-'END'
		#!/bin/sh
		exec 3>/dev/watchdog0
		while :; do echo >&3; sleep 1; done
	END
	chmod 755 root.$version/etc/feeder
	echo '/dev/vda3 0x100000 0x2000' >root.$version/etc/fw_env.config
done
cat >noted <<'END'
#!/bin/busybox sh
[ "$1" != --help ] || exit 0
noted=$(/bin/busybox dd if=/dev/vda3 bs=512 count=1 2>/dev/null | /bin/busybox tr -d '\0')
echo "$noted $1" | /bin/busybox dd of=/dev/vda3 bs=512 conv=sync 2>/dev/null
case "$1,$noted" in
once,*once*) ;;
once,*) exit 1 ;;
esac
END
chmod 755 noted
cp noted root.old/usr/sbin/

# and in RAM, where all others have ended, a process that kills who does the update as soon as
# that ends who holds the root
enters_with kill <<'END'
until read -r step <update/status && [ "$step" = 'end who holds the old root' ]; do
	$bb usleep 10000
done 2>/dev/null
for pid in $($bb pidof pvkit-update); do
	[ "$pid" = 1 ] || $bb kill -9 "$pid"
done
END

new_machine ext4
printf 'arch=test\nroot_size=0\n' >env.txt
mkenvimage -s 0x2000 -o env.img env.txt
dd if=env.img of=disk.img bs=512 seek=$(($(part_start upper) + 2048)) conv=notrunc status=none
cp root.old/etc/pvkit/update.conf data/usual.conf
# ones that a process that can't be ended does not hold up for long
{
	sed 's/^term-.*/term-seconds = 2/' data/usual.conf
	echo 'kill-seconds = 3'
} >data/short.conf
{
	sed 's/^term-.*/term-seconds = 3/' data/usual.conf
	enter_conf kill
} >data/kill.conf

case_of <<'END'
begin() {
	conf=$1
	shift
	pvkit update --config "/data/$conf.conf" "$@" "$image:$target" >/run/said 2>&1 &
	pid=$!
}
said() {
	until grep -q "$1" /run/said; do
		kill -0 $pid || break
		usleep 20000
	done
}
# where it copies images: it waits there until that can be written to
begin_held() {
	fsfreeze --freeze /data
	begin usual
	said copying
}
# its end, and what is left of it
ended() {
	fsfreeze --unfreeze /data
	wait $pid
	echo "$1: $?, $(grep -o 'stopped ([^)]*)' /run/said);$(left)"
}
left() {
	grep ' /run/initramfs \| /etc/inittab ' /proc/mounts | tr '\n' ' '
	[ -z "$(pvkit flag get phase 2>/dev/null)" ] || echo ' a phase'
	pvkit pivot status | grep -q 'aborted' || echo ' a session'
	until for fd in /proc/[0-9]*/fd/3; do readlink $fd; done | grep -q watchdog; do
		usleep 100000
	done
	echo ' the watchdog is fed'
}
frozen=/run/freezer/frozen
[ $version = old ] || boot=5
case $boot in
1)
	begin_held
	kill -INT $pid
	# it looks ten times in that
	sleep 1
	ended ctrl-c

	begin_held
	pvkit pivot abort
	ended prepared
	echo 1 >/run/same-kernel

	# we are among the others
	trap : TERM HUP
	(
		trap '>/run/asked' TERM
		until [ -e /run/aborted ]; do usleep 50000; done
	) &
	begin usual
	until [ -e /run/asked ]; do usleep 20000; done
	# however long it takes to start here
	(trap '' TERM; pvkit pivot abort)
	echo "abort: $?"
	>/run/aborted
	;;
2)
	echo "ending, same kernel: $(cat /run/same-kernel);$(left)"
	grep 'stopped (' /run/pvkit-update.log
	mkdir /run/freezer
	mount -t cgroup -o freezer none /run/freezer
	mkdir $frozen
	sleep 1003 &
	echo $! >$frozen/tasks
	echo FROZEN >$frozen/freezer.state
	begin kill
	said 'not there'
	;;
3)
	echo "killed, same kernel: $(cat /run/same-kernel);$(left)"
	begin short
	said 'not there'
	;;
4)
	echo "frozen, same kernel: $(cat /run/same-kernel);$(left)"
	grep "can't be ended" /run/pvkit-update.log
	echo THAWED >$frozen/freezer.state
	begin short --env 'root_size=%{size}' --env 'full=%{size:1} of %{size}, 100 %%' \
		--post 'noted first' --post 'noted once'
	said 'not there'
	;;
5)
	echo "stops: $(wc -l </data/stops)"
	echo "env: $(dd if=/dev/vda3 bs=1M skip=1 count=1 2>/dev/null | tr '\0' '\n' |
		grep -o 'arch=.*\|^root_size.*\|^full.*' | sort | tr '\n' ';')"
	echo "post: $(dd if=/dev/vda3 bs=512 count=1 2>/dev/null | tr -d '\0')"
	echo "phase: $(pvkit flag get phase), $(pvkit flag get reason)"
	poweroff
	;;
esac
END
DOG='i6300esb heartbeat=60'
update_initramfs --add "$PWD/noted:/usr/sbin/noted" \
	--add "$PWD/root.old/etc/fw_env.config:/etc/fw_env.config"

# --- when it is updated, and stopped, again and again -------------------------------------

LIMIT=250 run_update_machine

# --- then ---------------------------------------------------------------------------------

check_eq 'Ctrl-C stops it, and all is as it was' \
	'ctrl-c: 7, stopped (Interrupt); the watchdog is fed' "$(grep '^ctrl-c' "$OUT")"
check_match 'so does an abort from elsewhere' \
	'prepared: 7, stopped (the session is aborted*); the watchdog is fed' \
	"$(grep '^prepared' "$OUT")"
check_match 'and while the others end: the old system begins anew, without a reboot' \
	'ending, same kernel: 1; the watchdog is fed
pvkit: stopped (the session is aborted*): *' "$(grep '^ending\|^pvkit: stopped' "$OUT")"
check_eq 'who does it is killed: the old system goes on' \
	'killed, same kernel: 1; the watchdog is fed' "$(grep '^killed' "$OUT")"
check_match 'a process that can not be ended is told' "*sleep can't be ended: text *" \
	"$(console_line "can't be ended")"
check_eq 'and the old system goes on' 'frozen, same kernel: 1; the watchdog is fed' \
	"$(grep '^frozen' "$OUT")"
check_match 'which is in the log that is left, too' "*can't be ended*" \
	"$(grep "can't be ended" "$OUT")"
check_match 'after all of that an update is carried out' '*old root is released*' \
	"$(console_line 'the old root is released')"
check_match 'a command that fails is told' '*stopped: post noted once: exit status 1' \
	"$(console_line 'stopped: post')"
check_match 'the phase is kept, and the next boot goes on' \
	'*resume, by log (phase=write-*' "$(console_line 'resume, by log')"
check_eq 'it does that one anew, and those before it' 'post: first once first once' \
	"$(grep '^post' "$OUT" | tr -s ' ')"
# of those that ended the others: aborted then, killed, frozen, carried out
check_eq 'what is to be stopped was, each time' 'stops: 4' "$(grep '^stops' "$OUT")"
size=$(stat -c %s ext4.new)
check_eq 'the environment has the size of the image' \
	"env: arch=test;full=$size of $size, 100 %;root_size=$size;" "$(grep '^env' "$OUT")"
check_match 'the new version has booted in the end' "boot 1: old on /dev/vda2 ext4 rw
boot 2: old on /dev/vda2 ext4 rw
boot 3: old on /dev/vda2 ext4 rw
boot 4: old on /dev/vda2 ext4 rw
boot 5: new on /dev/vda2 ext4 rw
phase: , updated *" "$(grep '^boot\|^phase' "$OUT")"
finish
