#!/bin/sh
# SPDX-License-Identifier: MIT
# pvkit drivers check: what it finds, and that it finds no more than that. Trees
# are small ones made for a fault each, then those of Debian's kernels.
# vm: timeout=300
# shellcheck disable=SC2016 # ${...} is for pvkit
. "${0%/*}/../lib/ktap.sh"

PATH=$PATH:/usr/sbin:/sbin
pvkit=$BUILD/unit-obj/pvkit
make_module=$KTAP_DIR/../lib/make-module
release=5.15.0-test
modules=rootfs/lib/modules/$release
file=root/bsp/drivers.json

plan 71
cd "$KTAP_TMP"

# module NAME [KEY=VALUE...]: one more in the tree
module() {
	name=$1
	shift
	"$make_module" "$modules/kernel/$name.ko" "$arch" \
		"vermagic=$release SMP mod_unload" "$@"
}

# What depmod would write if the modules had symbols: NAME: NAME...
depends() {
	echo "$*" | sed -e 's:\([^ :]\{1,\}\):kernel/\1.ko:g' >>"$modules/modules.dep"
	touch "$modules/modules.dep.bin"
}

# A tree with modules a, b, c (which needs b, which needs a), d and e-e, and x built
# in, with firmware for e-e.
make_tree() {
	mkdir -p "$modules/kernel" rootfs/lib/firmware/e rootfs/etc/modprobe.d
	module a signed
	module b signed
	module c signed
	module d signed "parm=debug:how much to say (int)" "parmtype=debug:int" parm=mode:text
	module e-e signed firmware=e/one.bin firmware=e/two-*.bin
	echo kernel/drivers/x.ko >"$modules/modules.builtin"
	depends a:
	depends b: a
	depends c: b a
	depends d:
	depends e-e:
	: >rootfs/lib/firmware/e/one.bin
	: >rootfs/lib/firmware/e/two-7.bin
	cp -a rootfs "tree-$arch"
}

# given [ARCH]: that tree, with nothing in modprobe.d, and no containers
given() {
	arch=${1:-arm64}
	rm -rf root rootfs meta* report.xml
	mkdir -p root/bsp
	if [ -d "tree-$arch" ]; then
		cp -a "tree-$arch" rootfs
	else
		make_tree
	fi
}

# drivers ALIAS JSON...: drivers.json with one alias a line, the first on line 2
drivers() {
	{
		printf '{ "#spec": "driver-aliases@1", "all": {\n'
		while [ $# -gt 0 ]; do
			printf '"%s": %s%s\n' "$1" "$2" "$([ $# = 2 ] || echo ,)"
			shift 2
		done
		echo '} }'
	} >"$file"
}

container() {
	mkdir -p "root/containers/$1"
	printf '%s\n' "$3" >"root/containers/$1/$2.json"
}

run() {
	status=0
	"$pvkit" drivers check --root root --modules rootfs "$@" >out 2>&1 || status=$?
}

# finds NAME STATUS LINES [OPTION...]: the lines, then the summary, and no others
finds() {
	name=$1
	expected=$2:$3
	shift 3
	run "$@"
	check_eq "$name" "$expected" "$status:$(sed '$d' out | sed "s:^$file\:::")"
}

# --- nothing to say -----------------------------------------------------------------

given
drivers one '["d debug=1 mode=fast", "c"]' two '["e_e"]' none '[]' inside '["x"]'
finds 'a file without a fault: nothing is said' 0 ''
check_eq 'but what was looked at' \
	"$release, 4 aliases, 0 containers: 0 errors, 0 warnings, 0 notes" "$(cat out)"

for arch in arm mips ppc64 x86_64; do
	given $arch
	drivers one '["d debug=1 mod=fast"]'
	finds "a module for $arch can be read here" 1 \
		'2:9: error: alias one: d: has no parameter "mod"; did you mean mode [unknown-parameter]'
done

# --- libkmod ------------------------------------------------------------------------

# The others start without it, which takes half the time where it has libcrypto behind it.
check_eq 'libkmod is not what pvkit is linked with' '' \
	"$(readelf -d "$pvkit" | grep -o 'NEEDED.*libkmod.*' || :)"
mkdir no-kmod
: >no-kmod/libkmod.so.2
run_without() {
	LD_LIBRARY_PATH=no-kmod run "$@"
}
run_without
check_eq 'without libkmod it says so and checks nothing' \
	'1:pvkit: wants libkmod: no-kmod/libkmod.so.2: file too short' "$status:$(cat out)"

# --- the file -----------------------------------------------------------------------

given
drivers one '["d"]' two '[,]'
finds 'a text that is no JSON: where' 1 \
	"3:9: error: expected a value, got ',' [syntax]"

cat >$file <<'END'
{ "#spec": "driver-aliases@2",
  "all": { "load": ["d"], "b d": ["d"], "list": "d", "n": [1, "d", "", "a/b", "d \"x"] },
  "dtb:all": [],
  "fitconfg:x": {} }
END
finds 'every fault of a file, not the first alone' 1 \
	'1:12: error: unknown "#spec", expected "driver-aliases@1" [spec]
2:12: error: "load" can'\''t be an alias [alias-name]
2:27: error: "b d" can'\''t be an alias [alias-name]
3:14: error: section "dtb:all" is no object [section]
4:3: warning: unknown section "fitconfg:x" is ignored [unknown-section]
2:49: error: alias list: is a string, expected an array [alias-type]
2:60: error: alias n: a module line is a number [module-line]
2:68: error: alias n: no module is named [module-line]
2:72: error: alias n: not a module name: "a/b" [module-line]
2:79: error: alias n: a quote that does not end: ""x" [module-line]'
rm $file
finds 'no file' 1 ' error: No such file or directory [file]'

drivers one '["d debug=${user-meta:x"]' two '["d ${meta:x}"]' \
	three '["d ${user-meta:a b}"]' four '["${user-meta:x}"]' five '["d debug=1${user-meta:x:-2}"]'
finds 'templates that do not end, of no kind, without a key, or in the wrong place' 1 \
	'2:9: error: alias one: "${user-meta:x" has no closing "}" [module-line]
3:9: error: alias two: unknown namespace in "${meta:x}" [module-line]
4:11: error: alias three: bad key "a b" in "${user-meta:...}" [module-line]
5:10: error: alias four: ${user-meta:x} in the module'\''s name [module-line]'

# --- modules and parameters ------------------------------------------------------------

given
module wlan_sdio signed
depends wlan_sdio:
drivers one '["wlan-sido", "d"]' two '["nothing_like_it"]'
finds 'a module that is not there, and what may have been meant' 1 \
	'2:9: error: alias one: there is no module wlan-sido; did you mean wlan_sdio [unknown-module]
3:9: error: alias two: there is no module nothing_like_it [unknown-module]'

given
module late signed
touch -d '1 hour ago' "$modules/kernel/late.ko"
drivers one '["late"]'
finds 'a module that depmod has not seen' 1 \
	"$modules/modules.dep: warning: does not have late (run depmod) [modules-dep]
2:9: error: alias one: module late has a file, but modules.dep does not have it: run depmod [unknown-module]"
drivers one '["d"]'
finds 'also when no alias names it' 0 \
	"$modules/modules.dep: warning: does not have late (run depmod) [modules-dep]"

given
drivers one '["d", "d debug=1"]' two '["a", "c"]' three '["c", "b"]' four '["c", "a debug=1"]'
run two
check_match 'a dependency beside its user is a note' \
	"*:3:9: note: alias two: a: c needs it and would load it anyway [[]listed-dependency]*" "$(cat out)"
run three
check_match 'and one behind it' \
	"*:4:16: note: alias three: b: c, which stands before it, needs it and loads it first [[]listed-*" \
	"$(cat out)"
run four
check_match 'with parameters that is a warning' \
	"*:5:15: warning: alias four: a: c, which stands before it,*: these parameters come too late*" \
	"$(cat out)"
run one
check_match 'and so is a module that is named twice' \
	"*:2:14: warning: alias one: d: is named twice: these parameters come too late*" "$(cat out)"
check_eq 'only the alias that was asked for is reported on' '' "$(grep -v 'alias one:' out | sed '$d')"
run five
check_match 'one that is not there is an error' "1:*: error: no alias five [[]no-such-alias]*" \
	"$status:$(cat out)"

given
drivers one '["x debug=1"]'
finds 'a module that is built in takes no parameters' 0 \
	"2:9: warning: alias one: x: is built in: parameters are for the kernel's command line [built-in-parameters]"
finds 'with --werror warnings are errors' 1 \
	"2:9: warning: alias one: x: is built in: parameters are for the kernel's command line [built-in-parameters]" \
	--werror

given
drivers one '["d", "c"]' two '["e-e", "d"]'
finds 'a shared module, and the order of unloading' 0 \
	'2:9: note: alias one: d: two has it too: it goes with the last of them (order of unloading: c, b, a, d) [shared-module]
3:16: note: alias two: d: one has it too: it goes with the last of them (order of unloading: d, e_e) [shared-module]'

# --- metadata ----------------------------------------------------------------------------

given
drivers one '["d debug=${user-meta:one.level}"]' two '["d ${device-meta:drivers.d:-debug=1}"]'
sed -i 's/"two": \["d/"two": ["e-e/' $file
finds 'no metadata is given: a key without a default is a note' 1 \
	'2:9: note: alias one: user-meta:one.level is not known here and has no default: it becomes nothing [unset-key]
3:9: error: alias two: e_e: has no parameter "debug" [unknown-parameter]'
drivers one '["d debug=${user-meta:one.level}"]' two '["e-e ${device-meta:drivers.d:-}"]'
echo '{ "other": "1" }' >meta.json
finds 'metadata is given, without the key: a warning' 0 \
	'2:9: warning: alias one: user-meta:one.level is not set and has no default: it becomes nothing [unset-key]' \
	--user-meta meta.json
echo '{ "one.level": "7" }' >meta.json
finds 'with it: nothing' 0 '' --user-meta meta.json
mkdir meta
echo 7 >meta/one.level
finds 'and so from a folder with a file for each key' 0 '' --user-meta meta
mkdir root/user-meta
cp meta/one.level root/user-meta/
finds 'or from the one under the root' 0 ''
echo 'level=1 install=/bin/sh debug=2' >meta/drivers.d
drivers one '["d ${device-meta:drivers.d}"]'
finds 'a value with what is no parameter' 0 \
	'2:9: warning: alias one: d: device-meta:drivers.d: unknown parameter: "level=1" is left out [metadata-value]
2:9: warning: alias one: d: device-meta:drivers.d: unknown parameter: "install=/bin/sh" is left out [metadata-value]' \
	--device-meta meta
echo '{ "one.level": 7' >meta.json
run --user-meta meta.json
check_match 'metadata that is no JSON is wrong usage' "2:pvkit: meta.json:2:1: *" "$status:$(cat out)"

given
drivers one '["d ${modparam:dee}"]' two '["e-e ${modparam:eh}"]'
echo '{ "dee": { "debug": 1, "size": 2, }, }' >root/bsp/modparam.json
finds "a vendor's modparam.json: sections and parameters that are not there" 0 \
	'root/bsp/modparam.json:1:33: warning: a comma with nothing after it [modparam]
root/bsp/modparam.json:1:36: warning: a comma with nothing after it [modparam]
2:9: warning: alias one: d: modparam:dee: unknown parameter: "size="2"" is left out [metadata-value]
3:9: warning: alias two: modparam:eh is not set and has no default: it becomes nothing [unset-key]'

# --- firmware ------------------------------------------------------------------------------

given
drivers one '["e-e"]'
rm rootfs/lib/firmware/e/*
finds 'missing firmware' 0 \
	'2:9: warning: alias one: e_e: 2 of its 2 firmware files are missing: e/one.bin, e/two-*.bin [missing-firmware]'
module f signed
printf 'kernel/f.ko: kernel/e-e.ko\n' >>"$modules/modules.dep"
touch "$modules/modules.dep" "$modules/modules.dep.bin"
drivers one '["f"]'
finds 'that of a dependency' 0 \
	'2:9: warning: alias one: needs e_e: 2 of its 2 firmware files are missing: e/one.bin, e/two-*.bin [missing-firmware]'
mkdir -p "fw/updates/$release/e" "fw/$release/e"
: >"fw/updates/$release/e/one.bin.xz"
: >"fw/$release/e/two-x.bin.zst"
finds 'compressed, among the updates, for this kernel' 0 '' --firmware fw
check_match 'but not when it is for another' \
	"*alias one: needs e_e: 2 of its 2 firmware files are missing*" \
	"$(run --firmware fw --modules "$modules" --kernel $release.1; cat out)"
rm -r rootfs/lib/firmware
finds 'no firmware at all is said once' 0 \
	' note: firmware was not checked: there is none beside the modules (--firmware) [no-firmware]'

# --- the tree -------------------------------------------------------------------------------

given
"$make_module" "$modules/kernel/d.ko" arm64 'vermagic=5.10.0 SMP'
"$make_module" "$modules/kernel/a.ko" arm64 'vermagic=5.10.0 SMP modversions '
touch "$modules/modules.dep" "$modules/modules.dep.bin"
drivers one '["d"]' two '["b"]'
finds 'modules for another kernel, with and without symbol versions' 1 \
	"2:9: error: alias one: d: is for kernel 5.10.0, not $release [vermagic]
3:9: warning: alias two: needs a: is for kernel 5.10.0, not $release [vermagic]"
run --require-signature
check_match 'modules without a signature, if that is asked for' \
	"*2:9: error: alias one: d: is not signed [[]unsigned]*error: alias two: needs a: is not signed*" \
	"$(cat out)"

given
echo 'no module' >"$modules/kernel/d.ko"
touch "$modules/modules.dep" "$modules/modules.dep.bin"
drivers one '["d debug=1"]'
finds 'a file that is no module' 0 \
	"2:9: warning: alias one: d: cannot read kernel/d.ko: Exec format error [modinfo]"

given
drivers one '["c"]'
sed -i 's:^kernel/a.ko\:$:& kernel/c.ko:' "$modules/modules.dep"
touch "$modules/modules.dep.bin"
finds 'modules that need each other' 1 \
	'2:9: error: alias one: dependencies go in a circle: c -> a -> c [cycle]'
given
module g signed 'softdep=pre: h post: i'
module h signed 'softdep=pre: g'
module i signed
depends g:
depends h:
depends i: g
drivers one '["g"]'
finds 'soft dependencies that do; one that comes after may need the module' 0 \
	'2:9: warning: alias one: soft dependencies go in a circle: g -> h -> g [cycle]'
given
drivers one '["c"]'
echo 'softdep c pre: d' >rootfs/etc/modprobe.d/soft.conf
check_eq 'soft dependencies of modprobe.d are loaded too' 'd a b c' \
	"$(run --json && jq -r '.aliases[0].load_order | join(" ")' out)"
sed -i '$d' "$modules/modules.dep"
sed -i 's:^kernel/d.ko.*:kernel/d.ko\: kernel/gone.ko:' "$modules/modules.dep"
touch "$modules/modules.dep.bin"
drivers one '["d"]'
run
check_match 'a dependency that is not there' \
	"*error: alias one: d: modules.dep has it depend on kernel/gone.ko, which is not there*" "$(cat out)"

given
drivers one '["c"]'
cat >rootfs/etc/modprobe.d/local.conf <<'END'
# a comment
blacklist d
blacklist c
install b /bin/sh -c \
	'echo no'
blacklist a
END
finds 'blacklist and install lines' 0 \
	"2:9: warning: alias one: needs b: its install line ($KTAP_TMP/rootfs/etc/modprobe.d/local.conf:4) is not run [install-line]
2:9: warning: alias one: c: is blacklisted ($KTAP_TMP/rootfs/etc/modprobe.d/local.conf:3), and pvkit loads it by its name all the same [blacklisted]"

given
drivers one '["d", "c"]'
cat >rootfs/etc/modprobe.d/local.conf <<'END'
options d debug=1 mod="a debg=1"
options other none=1
options d mode=x dyndbg=+p
options b level=1
END
finds 'parameters of options lines, of dependencies too' 0 \
	"2:9: warning: alias one: d: its options line ($KTAP_TMP/rootfs/etc/modprobe.d/local.conf:1): has no parameter \"mod\"; did you mean mode [unknown-parameter]
2:14: warning: alias one: needs b: its options line ($KTAP_TMP/rootfs/etc/modprobe.d/local.conf:4): has no parameter \"level\" [unknown-parameter]"

given
drivers one '["d"]'
touch -d 'next year' "$modules/kernel/d.ko"
run
check_match 'a stale modules.dep' \
	"rootfs/*/modules.dep: warning: is older than */d.ko (run depmod) [[]modules-dep]*" "$(cat out)"
rm "$modules/modules.dep.bin"
run
check_match 'none for libkmod' "1:*error: there is no modules.dep.bin*" "$status:$(cat out)"
rm "$modules/modules.dep"
run
check_match 'none at all' "1:*modules.dep: error: is not there: no module can be found*" "$status:$(cat out)"
mkdir rootfs/lib/modules/6.0
run
check_match 'two kernels: which?' "2:*holds several kernels: which --kernel?*" "$status:$(cat out)"
run --modules nowhere
check_match 'no such tree' "2:pvkit: nowhere: no such directory" "$status:$(cat out)"

given
drivers one '["q"]'
mv $file drivers.json
container app run '{ "drivers": { "required": ["lte"] } }'
status=0
"$pvkit" drivers check --modules rootfs drivers.json >out 2>&1 || status=$?
check_match 'a file by itself: no containers' \
	'1:drivers.json:2:9: error: alias one: there is no module q [[]*, 1 alias, 0 containers: 1 error, *' \
	"$status:$(cat out)"
run --modules rootfs/lib/modules
check_match 'the tree may be given as pvkitd takes it' "*$release, 0 aliases, *" "$(cat out)"
run --firmware nowhere
check_match 'no such firmware folder is wrong usage' '2:pvkit: nowhere: no such directory' "$status:$(cat out)"
run --bogus
check_match 'an option that is none is wrong usage' '2:*unknown option --bogus*' "$status:$(cat out)"

# --- sections --------------------------------------------------------------------------------

given
cat >$file <<'END'
{ "#spec": "driver-aliases@1",
  "all": { "one": ["aa"] },
  "dtb:board": { "one": ["bb"], "two": [7] },
  "dtb:all": { "one": ["cc"] },
  "fitconfig:conf-1": { "one": ["dd"] } }
END
# which of them was looked at
looked() {
	run "$@"
	sed -n 's/.*there is no module \([a-z]*\).*/\1/p' out | paste -sd' '
}
check_eq 'without a board: all' aa "$(looked)"
check_eq 'the most specific one has an alias as a whole' bb "$(looked --dtb other --dtb board.dtb)"
check_eq 'dtb:all counts with any' cc "$(looked --dtb other)"
check_eq 'fitconfig before the others' dd "$(looked --dtb board --fitconfig conf-1)"
check_eq 'or every one by itself' 'aa bb cc dd' "$(looked --all-sections)"
looked >/dev/null
check_match 'a fault in the section of another board counts: the file is refused there too' \
	'*error: alias two: a module line is a number*' "$(cat out)"

# --- containers --------------------------------------------------------------------------------

given
drivers wifi '["d debug=${user-meta:secret:-1}"]' gps '["a"]' spare '["e-e"]'
container app run '{ "roles": [], "drivers":
  { "required": ["wifi", "lte"], "optional": ["nfc"], "manual": ["gps", "ir"] } }'
container src src '{ "args": { "PV_DRIVERS_REQUIRED": "gps, lte" } }'
container bad run '{ "drivers": [] }'
finds 'drivers that containers name and the board lacks, and those that none names' 1 \
	'2:10: warning: alias wifi: container app may not read user-meta:secret (it has no role mgmt, and the key does not begin with "drivers." or "app.") [forbidden-key]
4:1: note: alias spare: no container names it [unused-alias]
root/containers/app/run.json:2:26: error: alias lte: required by container app, and drivers.json has no such alias [missing-alias]
root/containers/app/run.json:2:47: warning: alias nfc: optional by container app, and drivers.json has no such alias [missing-alias]
root/containers/app/run.json:2:73: warning: alias ir: manual by container app, and drivers.json has no such alias [missing-alias]
root/containers/bad/run.json:1:14: error: "drivers" is an array, expected an object [container]
root/containers/src/src.json:1:36: error: alias lte: required by container src, and drivers.json has no such alias [missing-alias]'

# --- for programs --------------------------------------------------------------------------------

check 'JUnit goes to the file that was named' test ! -e report.xml
run --junit report.xml
check_eq 'JUnit: a suite for each file, a case for each alias, a failure for those with errors' \
	'suites 11 3
suite drivers.json 3 0
case wifi 0
case gps 0
case spare 0
suite app/run.json 5 1
case wifi 0
case lte 1 missing-alias
case nfc 0
case gps 0
case ir 0
suite bad/run.json 1 1
case (file) 1 container
suite src/src.json 2 1
case gps 0
case lte 1 missing-alias' "$(python3 "$KTAP_DIR/junit.py" report.xml)"
run --werror --junit report.xml
check_match 'with --werror a warning is a failure there too' '*case wifi 1 forbidden-key*' \
	"$(python3 "$KTAP_DIR/junit.py" report.xml)"
drivers wifi '["d debug=<&\"]]>"]'
run --junit - wifi
check_eq 'and markup in a text is none in the report' 'case wifi 1 module-line' \
	"$(python3 "$KTAP_DIR/junit.py" out | grep 'case wifi 1')"

drivers wifi '["d"]' gps '["a", "nothing"]'
run --json
check_eq 'JSON: one object with totals, orders and findings' \
	'{"kernel":"5.15.0-test","errors":4,"aliases":["wifi","gps"]}
{"severity":"error","check":"unknown-module","line":3,"column":14,"section":"all","alias":"gps"}' \
	"$(jq -c '{kernel, errors, aliases: [.aliases[].alias]},
		(.findings[] | select(.check == "unknown-module") |
		 {severity, check, line, column, section, alias})' out)"

# --- trees of real kernels ----------------------------------------------------------------------

# real ARCH PACK: the modules that scripts/deps packed
real() {
	if [ ! -e "$BUILD/deb/$2/modules.cpio" ]; then
		skip "$1: a mistake among real modules" "scripts/deps --set arm64 brings them in"
		skip "$1: without one" "scripts/deps --set arm64 brings them in"
		return
	fi
	mkdir -p "real-$1"
	(cd "real-$1" && cpio -idm --quiet) <"$BUILD/deb/$2/modules.cpio"
	release=$(ls "real-$1/lib/modules")
	depmod -b "real-$1" "$release"
	drivers wifi '["iwlwifi power_sav=1", "iwlmvm"]' bt '["hci-uart", "btintl"]' fs '["ext4"]'
	finds "$1: a mistake among real modules" 1 \
		' note: firmware was not checked: there is none beside the modules (--firmware) [no-firmware]
2:10: error: alias wifi: iwlwifi: has no parameter "power_sav"; did you mean power_save [unknown-parameter]
3:20: error: alias bt: there is no module btintl; did you mean btintel [unknown-module]' \
		--modules "real-$1" --require-signature
	drivers fs '["ext4", "overlay"]' disk '["loop max_loop=4"]' net '["dummy", "veth"]'
	finds "$1: without one" 0 '' --modules "real-$1" --firmware rootfs
}

rm -r root/containers
real amd64 6.1
real arm64 6.1-arm64
finish
