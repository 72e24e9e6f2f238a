#!/bin/sh
# SPDX-License-Identifier: MIT
# When a boot comes to nothing: a shell for who is there, a count for who is not.
# vm: outside timeout=500
. "${0%/*}/../../lib/ktap.sh"
. "${0%/*}/lib.sh"

plan 16

busybox_root normal <<'END'
cd /sys/class/pv_bootflag/log
if [ -z "$(cat slot)" ]; then
	echo 'slot=0 mode=ota' >set
	reboot -f
fi
echo "slot $(cat slot), failures '$(cat failures)', $(cat reason)"
END
busybox_root recovery <<'END'
echo recovery
END
squashfs_image normal normal.img
squashfs_image recovery recovery.img
cat >resume <<'END'
#!/bin/sh
echo "resume $* as process $$" >/dev/ttyS0
exec /bin/busybox poweroff -f
END
cat >hello <<'END'
#!/bin/sh
echo "hello, $(ls -d /bin/ls)" >/dev/ttyS0
END
chmod 755 resume hello
cat >flags.conf <<'END'
store.log = medium=mtd device=misc format=log
END
cat >init.conf <<'END'
root = /dev/vda
root-wait = 1
shell-wait = 1
[recovery]
root = /dev/vdb
[ota]
root = /dev/"vdz"
[resume]
program = /bin/resume --from here
END
initramfs init.cpio --conf init.conf --flags flags.conf --module squashfs \
	--module 'block2mtd block2mtd=/dev/vdc,64KiB,misc'
initramfs module.cpio --conf init.conf --flags flags.conf --module squashfs \
	--module 'block2mtd block2mtd=/dev/vdc,64KiB,misc' --module pv_bootflag
initramfs shell.cpio --conf init.conf --module squashfs --shell /bin/busybox \
	--add "$PWD/resume:/bin/resume" --add "$PWD/hello:/bin/hello"
set -- --disk normal.img --disk recovery.img --disk misc.img

# a partition misc that was never written
erased() {
	head -c 262144 /dev/zero | tr '\0' '\377' >misc.img
}

# given a root that does not come, and a store that can count
# when that happens twice in a row, where two are too many
erased
machine init.cpio "$@" --append root=/dev/vdz --append pvkit.failures-limit=2
check_eq 'the third boot goes to recovery' recovery "$(cat "$OUT")"
check_eq 'the first failure was counted' 'pvkit-init: failure 1 in a row, recovery at 2' \
	"$(console_line 'failure 1')"
check_eq 'and the second' 'pvkit-init: failure 2 in a row, recovery at 2' \
	"$(console_line 'failure 2')"
check_eq 'the console says why it is recovery' \
	'pvkit-init: recovery, by log (failures=2); root=/dev/vdb squashfs' \
	"$(console_line 'recovery, by')"

# given pv_bootflag, and a system in slot a that asks for a boot which fails
# when one failure is too many, and the other slot is to follow
erased
machine module.cpio "$@" --append pvkit.failures-limit=1 --append pvkit.failures-then=slot
check_eq 'the other slot is set, with no failures, and with a reason' \
	"slot 1, failures '', root=/dev/'vdz': there is no such device" "$(cat "$OUT")"
check_eq 'the console says so' \
	'pvkit-init: slot a has failed 1 times in a row: slot b is next' "$(console_line 'slot b')"

# given a root that does not come, and somebody at the console
typing '' '/bin/hello && exit'
machine shell.cpio --once --append root=LABEL=x --append pvkit.shell-wait=20 --keys keys
stop_typing
check_eq 'no disk at all is not a wrong name' \
	'pvkit-init: root=LABEL=x: there is no block device at all: no driver for it?' \
	"$(console_line 'at all')"
check_eq 'ENTER gives a shell, with the programs of busybox' 'hello, /bin/ls' "$(head -n 1 "$OUT")"
check_eq 'it was asked for' 'pvkit-init: ENTER for a shell, else reboot in 20 s' \
	"$(console_line 'ENTER')"
check_eq 'and its end reboots' 3 "$STATUS"

# given mode=rescue, for which no root is configured
typing '' '/bin/hello && exit'
machine shell.cpio --once "$@" --append pvkit.mode=rescue --keys keys
stop_typing
check_eq 'a rescue is a shell, unasked' 'hello, /bin/ls' "$(head -n 1 "$OUT")"
check_eq 'the console says so' \
	'pvkit-init: rescue, by cmdline (mode=rescue); a shell, whose end reboots' \
	"$(console_line 'rescue, by')"
check_eq 'its end reboots' 3 "$STATUS"

# given an update that was cut
machine shell.cpio "$@" --append pvkit.phase=write
check_eq 'the configured program resumes it, in our place' 'resume --from here as process 1' \
	"$(cat "$OUT")"
check_eq 'the console says so' \
	'pvkit-init: resume, by cmdline (phase=write); program /bin/resume --from here' \
	"$(console_line 'resume, by')"
check_eq 'the machine goes down by what the program does' 0 "$STATUS"
finish
