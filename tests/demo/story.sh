#!/bin/bash
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2016 # commands are expanded where they run
#
# story: what `make demo` shows, told inside the virtual machine.
#
#   story.sh [--color]
#
# Each command is the real one, its output is shown as it came, and what the
# story says about it is checked: the first thing that turns out otherwise ends
# it with status 1.

set -u
export LC_ALL=C
here=${0%/*}
root=/var/lib/pvkit
events_file=/tmp/events

# shellcheck source=tests/demo/tell.sh
. "$here/tell.sh"

told=0 # events that were shown

state_of_things() {
	pvkit status
	pvkit drivers list
	pvkit container list
	pgrep -a 'pvkitd|crun'
}

# inside CONTAINER COMMAND
inside() {
	run "$1\$" "$2" crun exec "$1" sh -c "$2"
}

only_pv_driver() {
	[ "$(wc -l </proc/modules)" = 1 ] || failed 'pv_driver alone' "$out"
}

watching() {
	soon 10 grep -q watching "$1" || failed 'the watch gets ready' "$(cat "$1" 2>&1)"
}

have_events() {
	[ "$(wc -l <"$events_file")" -ge "$1" ]
}

# events EVENT...: these and no others have come since the last time. An EVENT is
# `ALIAS STATE`, or `KIND ALIAS [STATE]`.
events() {
	local want got
	soon 10 have_events $((told + $#)) || true
	tail -n +$((told + 1)) "$events_file" >"$T/new"
	awk -v on="$dim" -v off="$off" '{ print "    " on ">> " $0 off }' "$T/new"
	want=$(printf '%s\n' "$@")
	got=$(sed -e 's/^[0-9:.]* *//' -e 's/^state *//' -e 's/  */ /g' "$T/new")
	[ "$got" = "$want" ] || failed "the events: $want" "$got"
	told=$((told + $#))
}

no_events() {
	have_events $((told + 1)) && failed 'no event' "$(tail -n +$((told + 1)) "$events_file")"
}

both_processes() {
	pgrep -x 'pvkitd-(loader|front)'
}

# both_new OLD_PIDS
both_new() {
	[ "$(both_processes | grep -cvxF "$1")" = 2 ] && pvkit status | grep -q '^agent *pvkitd'
}

# --- what the story needs -----------------------------------------------------

# A bundle as somebody's image builder would make it: busybox and config.json.
bundle() {
	local dir=/root/$1 applet
	mkdir -p "$dir/rootfs/bin" "$dir/rootfs/root" "$root/containers/$1"
	cp /bin/busybox "$dir/rootfs/bin/"
	for applet in cat grep ls ps readlink sh sleep; do
		ln -s busybox "$dir/rootfs/bin/$applet"
	done
	printf '%s\n' 'unix-socket = /pantavisor/pv-ctrl' 'silent' \
		'write-out = "  [%{http_code}]\n"' >"$dir/rootfs/root/.curlrc"
	sed "s/@NAME@/$1/g" "$here/config.json" >"$dir/config.json"
	cp "$here/containers/$1/run.json" "$root/containers/$1/"
}

# start CONTAINER
start() {
	host "cat $root/containers/$1/run.json"
	expect=${start_status:-0} host "crun run --detach --bundle $1 $1"
}

begin=$(now_ms)
cd /root || exit 1
mkdir -p "$root/bsp"
cp "$here/bsp/drivers.json" "$root/bsp/"
for name in headset player wifi-app gateway; do
	bundle "$name"
done

# --- the story ----------------------------------------------------------------

printf '%spvkit: kernel drivers for the containers that ask for them%s\n' "$bold" "$off"
echo "A stock Debian kernel, $(uname -r), in a virtual machine."

step 'The board says which drivers it has'
host "cat $root/bsp/drivers.json"

step 'pv_driver goes into the kernel, pvkitd starts; no driver is loaded'
host 'modprobe pv_driver'
host 'pvkitd'
host 'pvkit drivers list'
has '^bluetooth +unloaded +- '
has '^wifi +unloaded +- '
host 'lsmod'
only_pv_driver
run '$' 'pvkit drivers watch &' bash -c "pvkit drivers watch >$events_file &"
watching "$T/out"
say 'its events are shown below as they arrive, after >>'

step 'A container requires bluetooth: the driver is there before it runs'
host 'jq -c .hooks.createRuntime headset/config.json'
has 'hook","oci","createRuntime'
start headset
events 'bluetooth loading' 'bluetooth loaded'
host 'pvkit drivers list bluetooth'
has '^bluetooth +loaded +headset +hci_uart +live,ours,pinned'
has '^ +btintel +live,ours,pinned'

step 'It is a container indeed: cgroup, mounts, processes and network are its own'
namespaces='for n in cgroup mnt pid net; do readlink /proc/self/ns/$n; done'
host "$namespaces"
before=$out
inside headset "$namespaces"
for ns in $before; do
	! grep -qxF -e "$ns" "$T/out" || failed "another namespace than $ns" "$out"
done
inside headset 'ps'
has '^ +1 .*sleep'

step 'Wifi is manual: a second container starts without it, and sees just what it names'
start wifi-app
no_events
inside wifi-app 'cat ~/.curlrc'
inside wifi-app 'curl http://x/drivers'
has '^\[\{"name":"wifi","type":"MANUAL","status":"UNLOADED"\}\]  \[200\]$'
inside wifi-app 'pvkit drivers watch >~/events 2>&1 &'
watching wifi-app/rootfs/root/events

step 'It sets the options of the driver and loads it, over HTTP'
inside wifi-app "curl -X PUT -d 'power_save=1 bt_coex_active=0' http://x/user-meta/drivers.iwlwifi.opts"
has '^ *\[200\]$'
inside wifi-app 'curl -X PUT http://x/drivers/wifi/load'
has '^ *\[200\]$'
events 'wifi loading' 'wifi loaded'
host 'cd /sys/module/iwlwifi/parameters && grep . power_save bt_coex_active'
has '^power_save:Y$'
has '^bt_coex_active:N$'
inside wifi-app 'curl http://x/drivers'
has '"status":"LOADED"'

step 'What its run.json does not name, it does not get'
inside wifi-app 'curl -X PUT http://x/drivers/bluetooth/load'
has '"Error":.*\[403\]$'
expect=4 inside wifi-app 'pvkit drivers load bluetooth'
has 'bluetooth'

step 'The same without HTTP: netlink, from inside the container, with no capability'
inside wifi-app 'grep CapEff /proc/self/status'
has '0000000000000000'
inside wifi-app 'pvkit drivers unload wifi'
events 'wifi unloading' 'wifi unloaded'
inside wifi-app 'pvkit drivers load wifi'
events 'wifi loading' 'wifi loaded'
inside wifi-app 'pvkit drivers list'
has '^wifi +manual +loaded$'

step 'sysfs says it too'
host 'cd /sys/class/pv_driver/wifi && grep . state users modules stats'
has '^state:loaded$'
has '^users:wifi-app$'
has '^modules:iwlwifi live,ours,pinned power_save=1 bt_coex_active=0$'

step 'A third container shares bluetooth; gps, which the board lacks, is only optional'
start player
has 'gps'
no_events
host 'pvkit container list'
has '^player .* bluetooth +optional +loaded +yes$'
has '^ +gps +optional +unknown +no$'

step 'A fourth requires a modem, which the board lacks: it does not start, and hears why'
start_status=any start gateway
has 'required driver modem'
expect=1 host 'crun list | grep gateway'

step 'Nobody pulls a driver away from those who use it'
expect=1 host 'rmmod iwlwifi'
has 'iwlwifi is in use'
expect=1 host 'rmmod pv_driver'
has 'pv_driver is in use'

step 'Both processes of the daemon are killed; nothing is lost'
host 'pvkit drivers list | tee before'
has '^bluetooth +loaded +headset,player '
has '^wifi +loaded +wifi-app '
host 'ps -o pid,user,comm -p $(pgrep -d , -x "pvkitd-(loader|front)")'
has 'root +pvkitd-loader$'
has 'nobody +pvkitd-front$'
old=$(both_processes)
host 'pkill -KILL -x "pvkitd-(loader|front)"'
host 'pvkit drivers list | tee after'
host 'cmp before after && echo the same'
soon 20 both_new "$old" || failed 'two new processes' "$(pgrep -a pvkitd)"
say 'pvkitd has started both again'
inside wifi-app 'curl http://x/drivers'
has '"status":"LOADED".*\[200\]$'
no_events

step 'Without any daemon the kernel keeps the books, and calls modprobe itself'
host 'pkill -KILL pvkitd'
expect=7 inside wifi-app 'curl http://x/drivers'
host 'pvkit status'
has '^agent +none'
host 'cd /sys/class/pv_driver && echo "lan dummy numdummies=2" >register && echo load >lan/control'
events 'new lan unloaded' 'lan loading' 'lan loaded'
host 'cd /sys/class/pv_driver/lan && grep . state users modules'
has '^state:loaded$'
has '^modules:dummy live,ours,pinned numdummies=2$'
host 'cd /sys/class/pv_driver && echo unload >lan/control && echo lan >unregister'
events 'lan unloading' 'lan unloaded' 'del lan'

step 'The daemon comes back, and goes on from what the kernel knows'
host 'pvkitd'
host 'pvkit drivers list | cmp - before && echo the same'
inside wifi-app 'curl http://x/drivers'
has '"status":"LOADED".*\[200\]$'

step 'A container stops; bluetooth stays, since another one uses it'
host 'crun delete --force headset'
host 'pvkit drivers list bluetooth'
has '^bluetooth +loaded +player +hci_uart'
no_events

step 'That one dies without a word; bluetooth goes, and all that came with it'
host 'kill -KILL $(crun state player | jq .pid)'
events 'bluetooth unloading' 'bluetooth unloaded'
host 'lsmod'
has_not '^(bluetooth|hci_uart|btintel) '
has '^iwlwifi '

step 'Of all this, the container with wifi has seen its own events only'
inside wifi-app 'cat ~/events'
has 'state +wifi loaded$'
has_not 'bluetooth|lan'

step 'It stops too; the kernel is as it was'
host 'crun delete --force wifi-app'
events 'wifi unloading' 'wifi unloaded'
host 'pvkit drivers list'
has '^bluetooth +unloaded +- '
has '^wifi +unloaded +- '
host 'lsmod'
only_pv_driver

# --- the end ------------------------------------------------------------------

printf '\n%sThis showed%s\n' "$bold" "$off"
cat <<-'END'
	  drivers.json of a board, and module options out of user-meta
	  containers in crun, with required, optional and manual drivers
	  HTTP on pv-ctrl, netlink, sysfs and the OCI hook; events as they arrive
	  what is refused: a driver not named, a required one missing, rmmod of a used one
	  that nothing is lost when the daemon is killed, and nothing left when all stops
END
printf '%d steps, %d commands, each checked, in %s s.\n' "$steps" "$commands" \
	"$(seconds_since "$begin")"
