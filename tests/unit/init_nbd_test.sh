#!/bin/sh
# SPDX-License-Identifier: MIT
# pvkit-init comes to an understanding with the NBD servers that there are: what an export
# is and can, and why there is none.
. "${0%/*}/../lib/ktap.sh"

PATH=$PATH:/usr/sbin:/sbin
nbdtalk=$BUILD/tests/lib/nbdtalk
port=$((20000 + $$ % 20000))
servers=

plan 16
cd "$KTAP_TMP"
truncate -s 4M disk
# shellcheck disable=SC2317 # called at the end
stop_servers() {
	# shellcheck disable=SC2086 # a list of numbers
	kill $servers 2>/dev/null
}
on_exit stop_servers

# serve COMMAND...: in the background, until it takes connections
serve() {
	"$@" >server.log 2>&1 &
	servers="$servers $!"
	n=100
	until "$nbdtalk" "127.0.0.1:$port" | grep -qv refused || [ $n = 0 ]; do
		sleep 0.05
		n=$((n - 1))
	done
}

ktap_log() {
	sed 's/^/# server: /' server.log
}

# has PROGRAM: or as many results are skipped
has() {
	! command -v "$1" >/dev/null || return 0
	n=$2
	while [ "$n" -gt 0 ]; do
		skip "what $1 says, $n" "no $1 on this machine"
		n=$((n - 1))
	done
	return 1
}

# given a program that listens and says nothing, of which more below
nc -l 127.0.0.1 $port >server.log 2>&1 &
servers="$servers $!"
sleep 0.3
"$nbdtalk" "127.0.0.1,$port" >silent &
silent=$!

# given an nbd-server with an export that can be written and one that can't
port=$((port + 1))
if has nbd-server 6; then
	cat >conf <<-END
		[generic]
		listenaddr = 127.0.0.1
		port = $port
		[disk]
		exportname = $KTAP_TMP/disk
		flush = true
		fua = true
		trim = true
		[ro]
		exportname = $KTAP_TMP/disk
		readonly = true
	END
	# it goes to the background by itself
	serve nbd-server -C "$KTAP_TMP/conf" -p "$KTAP_TMP/pid"
	servers="$servers $(cat pid)"
	# when they are asked for
	check_eq 'nbd-server: an export, and what it can' \
		'4194304 bytes, flush, fua, trim, blocks of 0 to 0' "$("$nbdtalk" "127.0.0.1,disk,nbd0,port=$port")"
	check_match 'one that is read-only' '4194304 bytes, read-only,* blocks of 0 to 0' \
		"$("$nbdtalk" "127.0.0.1:$port/ro")"
	check_eq 'asked the old way it is the same' \
		'4194304 bytes, flush, fua, trim, blocks of 0 to 0' \
		"$("$nbdtalk" "127.0.0.1:$port,disk,no_optgo")"
	check_match 'one that there is not' 'the server has no such export*' \
		"$("$nbdtalk" "127.0.0.1:$port/none")"
	check_eq 'asked the old way' 'the server hangs up: it has no such export, or not for us' \
		"$("$nbdtalk" "127.0.0.1:$port/none,no_optgo")"
	check_eq 'nobody is there' 'Connection refused' "$("$nbdtalk" "127.0.0.1:1/disk")"
fi

# given an nbdkit, which has one export under each name
port=$((port + 1))
if has nbdkit 4; then
	serve nbdkit -f -i 127.0.0.1 -p "$port" --filter=blocksize-policy file disk \
		blocksize-minimum=4096 blocksize-preferred=4096 blocksize-maximum=1M
	check_match 'nbdkit: an export with its blocks' \
		'4194304 bytes, flush, fua, trim, blocks of 4096 to 1048576' \
		"$("$nbdtalk" "127.0.0.1,$port")"
	port=$((port + 1))
	serve nbdkit -f -r -i 127.0.0.1 -p "$port" --mask-handshake=0 memory 1M
	check_match 'a newstyle that is not fixed' '1048576 bytes, read-only,*' \
		"$("$nbdtalk" "127.0.0.1,$port")"
	port=$((port + 1))
	serve nbdkit -f -o -i 127.0.0.1 -p "$port" memory 1M
	check_eq 'the old style' 'the server speaks the old style, without names of exports' \
		"$("$nbdtalk" "127.0.0.1,$port")"
	port=$((port + 1))
	# it wants no certificate of ours to say so
	serve nbdkit -f -i 127.0.0.1 -p "$port" --tls=require --tls-psk=/dev/null memory 1M
	check_match 'a server that wants TLS' 'the server wants TLS, which is not offered here*' \
		"$("$nbdtalk" "127.0.0.1,$port")"
fi

# given a qemu-nbd
port=$((port + 1))
if has qemu-nbd 3; then
	serve qemu-nbd -t -f raw -b 127.0.0.1 -p "$port" -x root disk
	check_match 'qemu-nbd: an export' '4194304 bytes, flush, fua, trim, blocks of 1 to *' \
		"$("$nbdtalk" "127.0.0.1:$port/root")"
	check_match 'one that there is not' 'the server has no such export*' \
		"$("$nbdtalk" "127.0.0.1:$port/none")"
	check_match 'asked the old way it is the same' '4194304 bytes, flush, fua, trim,*' \
		"$("$nbdtalk" "127.0.0.1:$port/root,no_optgo")"
fi

# given no server at all
check_eq 'TLS is refused by name' 'nbdroot: certfile: TLS is not offered' \
	"$("$nbdtalk" '127.0.0.1,root,certfile=a')"
printf 'SSH-2.0-that is another one\r\n' | nc -l -N 127.0.0.1 $((port + 1)) >/dev/null &
servers="$servers $!"
sleep 0.3
check_eq 'another kind of server' 'that is no NBD server' \
	"$("$nbdtalk" "127.0.0.1:$((port + 1))")"
wait "$silent" || :
check_eq 'one that says nothing: two seconds are all' 'the server is silent' "$(cat silent)"
finish
