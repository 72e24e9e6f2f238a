#!/bin/sh
# SPDX-License-Identifier: MIT
# Somebody else's `reboot -f` in the middle of an update never ends in half of a system: while
# it is prepared, while the others end, while it is written with the kernel module holding
# the reboot, and without.
# vm: outside arch=x86_64 timeout=300
. "${0%/*}/../../lib/ktap.sh"
. "${0%/*}/update_lib.sh"

plan 6

# given, in RAM, where all others have ended, a process that reboots as soon as something is
# written; and, so that it always finds it so, a command that ends when that has happened
new_bed 'state = LABEL=data ext4 /update' 'term-seconds = 60'
enters_with reboot <<'END'
until read -r step <update/status && case $step in write* | verify* | erase*) ;; *) false ;; esac; do
	:
done 2>/dev/null
exec $bb reboot -n -f
END
cat >until_held <<'END'
#!/bin/busybox sh
[ "$1" != --help ] || exit 0
read -r state </sys/class/pv_pivot/session/state
[ "$state" = armed ] || exit 0
until /bin/busybox dmesg | /bin/busybox grep -q 'the reboot waits'; do
	/bin/busybox usleep 50000
done
END
chmod 755 until_held
cp until_held root.old/usr/sbin/
cp until_held root.new/usr/sbin/
new_machine ext4
{
	cat root.old/etc/pvkit/update.conf
	enter_conf reboot
} >data/reboot.conf
case_of <<'END'
echo "phase: $(pvkit flag get phase 2>/dev/null)"
case $boot in
1)
	# the images can't be copied there
	sync
	fsfreeze --freeze /data
	pvkit update "$image:$target" >/run/said 2>&1 &
	until grep -q copying /run/said; do usleep 20000; done
	reboot -n -f
	;;
2)
	(
		trap 'exec reboot -n -f' TERM
		while :; do sleep 1; done
	) &
	sync
	pvkit update "$image:$target" >/run/said 2>&1
	;;
3)
	pvkit update --config /data/reboot.conf --post until_held "$image:$target" >/run/said 2>&1
	;;
4)
	# nothing holds it this time
	echo 0 >/sys/module/pv_pivot/parameters/hold
	pvkit update --config /data/reboot.conf --post until_held "$image:$target" >/run/said 2>&1
	;;
*)
	echo "reason: $(pvkit flag get reason)"
	poweroff
	;;
esac
END
update_initramfs --add "$PWD/until_held:/usr/sbin/until_held"

# when that is done
LIMIT=250 run_update_machine

# then
check_eq 'before anything is written the old system boots, and afterwards the new one' \
	"boot 1: old on /dev/vda2 ext4 rw
phase: 
boot 2: old on /dev/vda2 ext4 rw
phase: 
boot 3: old on /dev/vda2 ext4 rw
phase: 
boot 4: new on /dev/vda2 ext4 rw
phase: 
boot 5: new on /dev/vda2 ext4 rw
phase: " "$(grep '^boot\|^phase' "$OUT")"
check_match 'a reboot waits until it is written' '*an update is writing, the reboot waits for up to 30 s' \
	"$(console_line 'the reboot waits for up to 30')"
check_match 'and one that does not wait is told' '*rebooting in the middle of an update' \
	"$(console_line 'rebooting in the middle')"
check_eq 'only that one leaves something to the next boot' 1 \
	"$(tr -d '\r' <"$CONSOLE" | grep -c 'goes on at unit')"
check_match 'which brings it to its end' 'reason: updated *' "$(grep '^reason' "$OUT")"
check_eq 'and the machine goes down in order' 0 "$STATUS"
finish
