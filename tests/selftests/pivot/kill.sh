#!/bin/bash
# SPDX-License-Identifier: MIT
# A machine that is killed in the middle of an update comes up with the old system, which begins
# it again, goes on with it, or has the new one: which of these depends on how far it was, and in
# the end it is the new one, however often it was killed on its way. On disk, flash and UBI in
# turn, while the running system is updated and while the boot stage does it; it is aimed at the
# phase that was hit least, at a random time in that. PVKIT_KILLS says how many (5; `make
# check-soak` has more), PVKIT_SEED makes the points the same again.
# vm: outside timeout=900
. "${0%/*}/../../lib/ktap.sh"
. "${0%/*}/update_lib.sh"

kills=${PVKIT_KILLS:-5}
seed=${PVKIT_SEED:-$((RANDOM * 32768 + RANDOM))}
RANDOM=$seed
# in a row, before it may go on to its end
in_a_row=2
[ "$kills" -lt 20 ] || in_a_row=5
plan $((kills + (kills >= 40)))
note "PVKIT_SEED=$seed"

# --- the phases of an update ----------------------------------------------------------

wheres=('in the running system' 'at boot')
phases=('staging ending evicting looking arming writing verifying flags done'
	'looking writing verifying flags done')

# begins PHASE: what is told when it begins; and up to how many ms later the machine is killed
begins() {
	case $1 in
	staging) echo '3000 the update begins' ;;
	ending) echo '2000 is handed over' ;;
	evicting) echo '400 pvkit-update: update [0-9a-f]{8}[^0-9a-z]*$' ;;
	looking) echo '400 root is released|goes on at' ;;
	arming) echo '1 check 2/2 [^ ]* 100 %' ;;
	writing) echo "700 write $image/2" ;;
	verifying) echo '300 verify [12]/2' ;;
	flags) echo '1100 post: ' ;;
	done) echo '500 is done' ;;
	esac
}

# phase_now: by what was told last
phase_now() {
	local telling='pvkit-update: update [0-9a-f]{8}$|root is released|goes on at|post: |is done'

	telling+='|(check|write|erase|verify) ./. [^ ]* [0-9]+ %'
	case $(tr '\r' '\n' <"$CONSOLE" | grep -aoE "$telling" | tail -n 1) in
	*'is done') echo "done" ;;
	'post: ' | 'verify 2/2 '*' 100 %') echo flags ;;
	verify*) echo verifying ;;
	write* | erase*) echo writing ;;
	'check 2/2 '*' 100 %') echo arming ;;
	check* | root* | goes*) echo looking ;;
	pvkit-update*) echo evicting ;;
	*) ! grep -q 'is handed over' killed.out || { echo ending && return; }
		echo staging ;;
	esac
}

# What the machine may come up as then. A console may be behind by the beginning of the next
# phase; whoever was told that it is written is not to find the old one.
may_come() {
	case $where-$1 in
	0-staging | 0-ending | 0-evicting) echo old ;;
	0-looking | 0-arming) echo old resumed ;;
	?-done) echo new ;;
	?-verifying | ?-flags) echo resumed new ;;
	*) echo resumed ;;
	esac
}

# aim PHASES: the one that was hit least
aim() {
	local phase n least=1000000 these=()
	for phase in $1; do
		n=${hits[$where-$phase]:-0}
		[ "$n" -ge "$least" ] || these=()
		[ "$n" -gt "$least" ] || these+=("$phase") least=$n
	done
	aim=${these[RANDOM % ${#these[@]}]}
}

# --- the machine ----------------------------------------------------------------------

# image_line NAME FILE KIND TARGET: which lies on the state as NAME
image_line() {
	cp "$2" "data/update/$1"
	echo "image path=state:$1 size=$(stat -c %s "$2") sha256=$(sha256sum "$2" | cut -d' ' -f1)" \
		"kind=$3 target=$4"
}

# written_at_boot KIND: a plan, and flags that tell of it
written_at_boot() {
	case $1 in
	ext4) set -- "block /dev/vda1" "block /dev/vda2" ext4.new ;;
	jffs2) set -- "mtd kernel" "mtd rootfs" jffs2.new ;;
	ubifs) set -- "mtd kernel" "ubi ubi0:rootfs" ubifs.new ;;
	esac
	# shellcheck disable=SC2086 # two words
	printf '%s\n' 'pvkit-update-plan 1' 'id 00c0ffee' 'state LABEL=data ext4 /update' \
		"$(image_line image-0 kernel.new $1)" "$(image_line image-1 "$3" $2)" \
		'post busybox sleep 1' end \
		>data/update/plan
	put flags flash.img 0
}

# given_update KIND WHERE: the machine, whose old system updates itself as soon as it is up, or
# whose boot stage is to write the update from its beginning. Between the last byte and the
# flags a command of the update's takes a second, so that there is time to be killed.
given_update() {
	new_machine "$1"
	case_of <<-'END_OF_CASE'
		if [ "$version" = old ]; then
			echo 'the update begins'
			stty -F /dev/ttyS0 raw
			pvkit update --post 'busybox sleep 1' \
				"$kernel:$kernel_target" "$image:$target" && exit
		fi
		cd /sys/class/pv_bootflag/log
		echo "$version, phase $(cat phase), $(cat reason)"
		stty -F /dev/ttyS0 raw
		poweroff
	END_OF_CASE
	update_initramfs
	rm -f data.img
	[ "$2" = 0 ] || written_at_boot "$1"
	mke2fs -q -t ext4 -L data -d data data.img "${DATA_MIB}M" >mke2fs.log 2>&1
	options=(--initramfs "$kind.cpio" --disk disk.img --disk flash.img --disk data.img)
	for word in $words "$parts"; do
		options+=(--append "$word")
	done
}

start_it() {
	: >"$CONSOLE"
	: >killed.out
	"$top/scripts/vm" --kernel "$KERNEL" --mem "$(memory 192)" --timeout $((400 * KTAP_SLOW)) \
		--log "$CONSOLE" "${options[@]}" >killed.out 2>killed.err &
	vm=$!
}

told() {
	grep -aqE -e "$1" "$CONSOLE" killed.out
}

gone() {
	! kill -0 "$vm" 2>/dev/null
}

# soon PATTERN: until that was told. A hundred times a second, as some phases are short.
soon() {
	local until=$((SECONDS + 300 * KTAP_SLOW))
	until told "$1"; do
		[ "$SECONDS" -lt "$until" ] && ! gone || return 1
		sleep 0.01
	done
}

# come_up: as what, in $came
come_up() {
	start_it
	came=nothing
	soon '^boot [0-9]*: (old|new)|goes on at|does not go on' || return 0
	if told 'does not go on'; then
		came="$(console_line 'does not go on')"
	elif told 'goes on at'; then
		came=resumed
	else
		came=$(sed -n 's/^boot [0-9]*: \([a-z]*\) .*/\1/p' killed.out | head -n 1)
	fi
}

# kill_it: in the phase that is aimed at, or shortly after
kill_it() {
	local begins image=$((RANDOM % 2 + 1))
	where=0
	[ "$came" = old ] || where=1 image=2
	aim "${phases[where]}"
	begins=$(begins "$aim")
	ms=$((RANDOM % ${begins%% *}))
	soon "${begins#* }|is done" || note "$aim: it did not come to that"
	[ "$ms" = 0 ] || sleep "$(printf '%d.%03d' $((ms / 1000)) $((ms % 1000)))"
	pkill -KILL -P "$vm" qemu || note "the machine had ended by itself"
	wait "$vm" || :
	cp "$CONSOLE" "$LOGS-killed-$n.kernel"
	phase=$(phase_now)
	hits[$where-$phase]=$((${hits[$where-$phase]:-0} + 1))
	what="kill $n, ${wheres[where]}, $phase ($ms ms after $aim began), $kind"
}

# end_it: it may go on; how it ends is in $end
end_it() {
	local status=0
	wait "$vm" || status=$?
	tr -d '\r' <killed.out >"$OUT"
	end="status $status: $(grep -a ', phase ' "$OUT" || console_line 'does not go on')"
}

# judge LAST: what became of the kill before
judge() {
	local want
	want=$(may_come "$phase")
	led["$where-$phase-${came%% *}"]=$((${led["$where-$phase-${came%% *}"]:-0} + 1))
	if [[ " $want " != *" $came "* ]]; then
		fail "$what" "${want/ / or }" "$came"
	elif grep -q 'kernel splat' killed.err; then
		fail "$what" 'no splat' "$(cat killed.err)"
	elif [ -n "$1" ]; then
		check_match "$what, then $came, and in the end new" \
			'status 0: new, phase , updated ????????' "$end"
	else
		pass "$what, then $came"
	fi
}

# a_life KIND BY: of a machine, which is killed several times in a row, and may go on then
a_life() {
	local row last
	given_update "$1" "$2"
	for ((row = 0; ; row++)); do
		come_up
		last=
		case $came in
		old | resumed) [ "$row" -lt "$in_a_row" ] && [ "$n" -lt "$kills" ] || last=yes ;;
		*) last=yes ;;
		esac
		[ -z "$last" ] || end_it
		if [ "$row" -gt 0 ]; then
			judge "$last"
		elif [ -n "$last" ]; then
			note "it did not begin: $end" && exit 1
		fi
		[ -z "$last" ] || break
		n=$((n + 1))
		kill_it
	done
}

# --- and what it comes to ---------------------------------------------------------------

# row LABEL WHERE PHASE...: how many were killed there, and as what they came up
row() {
	local label=$1 where=$2 phase kills=0 old=0 resumed=0 new=0
	shift 2
	for phase; do
		kills=$((kills + ${hits[$where-$phase]:-0}))
		old=$((old + ${led[$where-$phase-old]:-0}))
		resumed=$((resumed + ${led[$where-$phase-resumed]:-0}))
		new=$((new + ${led[$where-$phase-new]:-0}))
	done
	printf '%-34s %5s %5s %8s %5s\n' "$label" "$kills" "$old" "$resumed" "$new"
}

table() {
	printf '%-34s %5s %5s %8s %5s\n' 'killed in' kills old resumed new
	for where in 0 1; do
		for phase in ${phases[where]}; do
			row "$phase, ${wheres[where]}" "$where" "$phase"
		done
	done
	row 'before it was armed' 0 staging ending evicting looking
	row 'while it was' 0 arming
	row 'after that' 0 writing verifying flags 'done'
	# shellcheck disable=SC2086 # words
	row 'at boot' 1 ${phases[1]}
}

missing() {
	local phase
	for where in 0 1; do
		for phase in ${phases[where]}; do
			[ "${hits[$where-$phase]:-0}" -gt 0 ] || echo "${wheres[where]}: $phase"
		done
	done
}

# given a store that tells of an update, as the old system writes it
new_bed 'state LABEL=data ext4 /update'
new_machine ext4
case_of <<'END_OF_CASE'
pvkit flag set phase=write-00c0ffee cursor=0 >/dev/null
sync
dd if=/dev/mtd1 of=/data/flags bs=64k 2>/dev/null
stty -F /dev/ttyS0 raw
poweroff
END_OF_CASE
run_update_machine
data_file /flags >flags

# when machines are killed, then the new system comes up in the end
declare -A hits led
kinds=(ext4 jffs2 ubifs)
n=0
for ((life = RANDOM % 12; n < kills; life++)); do
	a_life "${kinds[life % 3]}" $((life % 4 == 3))
done

note "$(table)"
[ "$kills" -lt 40 ] || check_eq 'no phase was left out' '' "$(missing)"
finish
