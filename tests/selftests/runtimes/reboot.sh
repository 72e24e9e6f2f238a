#!/bin/sh
# SPDX-License-Identifier: MIT
# Reboots by pvkitd of a Debian with systemd: in order and into a mode, and by force
# when a service does not stop, for which pvkitd's own end must not be that of the limit.
# vm: disk=1M reboot mem=1536 timeout=300

# shellcheck source=tests/selftests/runtimes/lib.sh
. "${0%/*}/lib.sh"

NOTE=/dev/vda
UNIT=/run/systemd/system/pvt-last.service

# Results of all boots count as one plan.
plan 8

# at_its_end WORD: a service that is stopped before pvkitd, and then writes this
at_its_end() {
	cat >"$UNIT" <<-END
		[Unit]
		After=pvkitd.service
		[Service]
		Type=oneshot
		RemainAfterExit=yes
		ExecStart=/bin/true
		ExecStop=/bin/sh -c 'printf %%-16s $1 >$NOTE; sync'
		TimeoutStopSec=infinity
	END
	systemctl daemon-reload
	systemctl start pvt-last
}

note_is() {
	head -c 16 "$NOTE" | tr -d '\0 '
}

prepare
modprobe pv_bootflag
pvkit flag add rtc medium=nvmem device=cmos_nvram0 offset=100 size=1 format=magic width=1 \
	mode-recovery=0x52 >/dev/null
wait_until 20 serves
case ${BOOT:-1} in
1)
	at_its_end in-order
	check_eq 'systemd is asked' 'reboots: systemd is asked, and has 200 s' \
		"$(pvkit reboot --mode recovery --limit 200)"
	;;
2)
	ktap_n=1
	check_eq 'the machine came back in the mode' recovery \
		"$(cat /sys/class/pv_bootflag/rtc/boot_mode)"
	check_eq 'and had gone down in order' in-order "$(note_is)"
	# what comes after pvkitd in the order of stopping
	at_its_end begun
	cat >/run/systemd/system/pvt-hangs.service <<-'END'
		[Unit]
		Before=pvkitd.service
		[Service]
		Type=oneshot
		RemainAfterExit=yes
		ExecStart=/bin/true
		ExecStop=/bin/sleep infinity
		TimeoutStopSec=infinity
	END
	systemctl daemon-reload
	systemctl start pvt-hangs
	check_eq 'systemd is asked again' 'reboots: systemd is asked, and has 15 s' \
		"$(pvkit reboot --limit 15)"
	;;
3)
	ktap_n=4
	check_eq 'a service that hangs does not keep the machine' '' \
		"$(cat /sys/class/pv_bootflag/rtc/boot_mode)"
	check_eq 'others had been stopped' begun "$(note_is)"
	at_its_end in-order
	check_eq 'by force' 'reboots by force' "$(pvkit reboot --force --mode recovery)"
	;;
4)
	ktap_n=7
	check_eq 'nobody was asked, and the mode is there' 'recovery begun' \
		"$(cat /sys/class/pv_bootflag/rtc/boot_mode) $(note_is)"
	finish
	;;
esac
sleep 290
