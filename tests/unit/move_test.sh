#!/bin/sh
# SPDX-License-Identifier: MIT
# Process 1 in the root in RAM that can't do what it came for: an old system that is still
# there goes on; where there is none but ourselves, the machine reboots. In a namespace of
# processes a reboot is the end of its process 1, by SIGHUP.
. "${0%/*}/../lib/ktap.sh"

[ "$(id -u)" = 0 ] || skip_all 'takes root: namespaces'
plan 12

updater=$(realpath "${BUILD:-${0%/*}/../../build}/host/pvkit-update")
cd "$KTAP_TMP"

# new_root DIR: with a shell, a /dev/null that keeps what goes there, and nothing of this
# machine in /sys
new_root() {
	mkdir -p "$1/bin" "$1/sbin" "$1/proc" "$1/sys/class" "$1/dev" "$1/run/initramfs" "$1/update"
	cp /bin/busybox "$1/bin/"
	ln -s busybox "$1/bin/sh"
	: >"$1/dev/null"
}

# process_1 PROGRAM WORD...: in root, with ram over its /run/initramfs: status, and what was told
process_1() {
	status=0
	mkdir -p bed ram
	# shellcheck disable=SC2016 # expanded there
	timeout 200 unshare --mount sh -euc '
		mount -t tmpfs none bed
		cp -a root/. bed/
		mount -t tmpfs none bed/run/initramfs
		cp -a ram/. bed/run/initramfs/
		r=0
		unshare --pid --fork --kill-child --root bed "$@" </dev/null >/dev/null 2>&1 || r=$?
		cp bed/dev/null told
		cat bed/run/pvkit-update.log >ram.told 2>/dev/null || :
		exit $r
	' sh "$@" || status=$?
}

# given the root in RAM as systemd leaves it, where /sbin/init is ourselves, with a shell
new_root root
cp "$updater" root/sbin/pvkit-update
ln -s pvkit-update root/sbin/init
ln -s sbin/pvkit-update root/shutdown
# and a program that is there for another reason, but is called like an init
ln -s busybox root/bin/init
# when its plan is none
echo nonsense >root/update/plan
process_1 /shutdown reboot
# then
check_eq 'no old root, no plan: it reboots' 129 "$status"
check_match 'it says what is wrong with the plan' '*line 1: not the plan of an update*' "$(cat told)"
check_match 'and where it is' '*the root is still the one in RAM: reboot*' "$(cat told)"

# given the same, and /proc has stayed behind in a root that could not be gone back to
rmdir root/proc
# when
process_1 /shutdown reboot
# then
check_eq 'without a /proc to know itself by: it is not its own init' 129 "$status"
check_match 'it says so' '*the root is still the one in RAM: reboot*' "$(cat told)"
mkdir root/proc

# given an old root with an init, and the one in RAM mounted there, as busybox finds it
rm -rf ram
mv root ram
new_root root
printf '#!/bin/sh\necho "init of the old root as $$" >>/dev/null\n' >root/sbin/init
chmod 755 root/sbin/init
# when that is executed
process_1 /run/initramfs/sbin/pvkit-update move
# then
check_eq 'an old root, no plan: it is no reboot' 0 "$status"
check_match 'it says what is wrong' '*line 1: not the plan of an update*' "$(cat told)"
check_match 'the old init goes on as process 1' '*init of the old root as 1*' "$(cat told)"

# given the same with a plan, on a kernel that has no pv_pivot
{
	printf '%s\n' 'pvkit-update-plan 1' 'id 1f2e3d4c' 'root-mode rw' 'init busybox'
	printf 'image path=/update/image-0 size=1 sha256=%064d kind=block target=/dev/none\n' 0
	echo end
} >ram/update/plan
cat >root/sbin/init <<'END_OF_INIT'
#!/bin/sh
# where the journal of the update is, and what is below it by now
{
	echo "back: $$, $([ -e /run/initramfs/update ] || echo the one in RAM is given back,)" \
		"$([ -e /oldroot ] || echo no other one); fds: $(ls /proc/self/fd | tr '\n' ' ')"
} >>/dev/null
END_OF_INIT
# when it can't begin the session
if [ -e /sys/class/pv_pivot ]; then
	for name in 'it goes back' 'it says why' 'and that it does' 'the old root is the root'; do
		skip "no session: $name" 'this kernel has pv_pivot'
	done
else
	process_1 /run/initramfs/sbin/pvkit-update move
	# then
	check_eq 'no session: it goes back, without a reboot' 0 "$status"
	check_match 'it says why' '*could not begin the session: pv_pivot is not in the kernel*' \
		"$(cat ram.told)"
	check_match 'and that it does' '*nothing was written: back to the old system*' "$(cat told)"
	check_match 'the old root is the root again, the old init process 1' \
		'*back: 1, the one in RAM is given back, no other one;*' "$(cat told)"
fi

finish
