#!/bin/sh
# SPDX-License-Identifier: MIT
# Archives of `pvkit addon pack`, appended to an initramfs, compressed or not: the kernel
# unpacks all of them, each over those before it. One that is broken is told.
# vm: outside timeout=300
. "${0%/*}/../../lib/ktap.sh"
. "${0%/*}/lib.sh"

plan 10

# given an initramfs that says what is in it
cat >show <<'END'
#!/bin/sh
PATH=/bin:/addon
exec >/dev/ttyS0
cd /addon 2>/dev/null && /bin/busybox cat which &&
	/bin/busybox find . ! -name . -type f | /bin/busybox sort | /bin/busybox xargs /bin/busybox md5sum
echo "started as show $*"
exec /bin/busybox poweroff -f
END
chmod 755 show
printf '[ota]\nprogram = /bin/show\n' >init.conf
for how in none gzip xz zstd; do
	initramfs $how.cpio --conf init.conf --shell /bin/busybox --add "$PWD/show:/bin/show" \
		--compress $how
done

# given three folders: the second with sizes and names of all remainders, and a file with
# two names, the third with that file and another init.conf
mkdir -p one/addon two/addon/deep/er three/etc/pvkit three/addon
echo one | tee one/addon/which >one/addon/first
echo two >two/addon/which
for n in 0 1 2 3 4 5 70001; do
	head -c $n /dev/zero >"two/addon/deep/er/$(printf '%.*s' $((n % 4 + 1)) abcd)$n"
done
ln two/addon/which two/addon/other-name
printf '[ota]\nprogram = /bin/show the third\n' >three/etc/pvkit/init.conf
echo three >three/addon/which
for a in one two three; do
	"$BUILD/host/pvkit" addon pack --output $a.xz $a >pack.log
done
check_eq 'an archive ends at a multiple of 4 bytes' '0 0 0' \
	"$(stat -c %s one.xz two.xz three.xz | awk '{ print $1 % 4 }' | tr '\n' ' ' | sed 's/ $//')"

# booted HOW ADDON...: an initramfs and what is appended to it
booted() {
	how=$1
	shift
	cat "$how.cpio" "$@" >all.cpio
	machine all.cpio --append pvkit.mode=ota
}

# holds FOLDER...: what the files of all are, the later ones written into those before
holds() {
	rm -rf want
	for a in "$@"; do
		(cd "$a/addon" && find . -type f) | while read -r f; do
			mkdir -p "want/$(dirname "$f")"
			cat "$a/addon/$f" >"want/$f"
			[ "$a" != two ] || ln -f want/which want/other-name
		done
	done
	cat want/which
	(cd want && find . -type f | sort | xargs md5sum)
}

booted none one.xz two.xz three.xz
check_eq 'three: all of them are there, the last one on top' \
	"$(holds one two three; echo started as show the third)" "$(cat "$OUT")"
check_eq 'three: the machine ends by what was started' 0 "$STATUS"
check_eq 'three: and pvkit-init goes by the configuration that came with the last' \
	'pvkit-init: ota, by cmdline (mode=ota); program /bin/show the third' \
	"$(console_line 'pvkit-init: ota')"

booted gzip two.xz
check_eq 'one, on what gzip has compressed' "$(holds two; echo 'started as show ')" \
	"$(cat "$OUT")"
booted zstd one.xz three.xz
check_eq 'two, on what zstd has compressed' \
	"$(holds one three; echo started as show the third)" "$(cat "$OUT")"
check_eq 'the kernel has nothing to say of them' '' "$(console_line 'unpacking failed')"

# when the second of three has one wrong byte in its middle
size=$(stat -c %s two.xz)
cp two.xz bad.xz
printf '\377' | dd of=bad.xz bs=1 seek=$((size / 2)) conv=notrunc status=none
booted xz one.xz bad.xz three.xz
check_match 'a broken one: the kernel says so' 'Initramfs unpacking failed: XZ-compressed data is *' \
	"$(console_line 'unpacking failed')"
check_match 'a broken one: what came before is there' '*./first*' "$(cat "$OUT")"
check_match 'a broken one: what comes after is not' '*started as show ' "$(cat "$OUT")"
finish
