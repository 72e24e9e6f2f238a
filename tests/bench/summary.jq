# SPDX-License-Identifier: MIT
#
# summary: samples.jsonl, as one array, to bench.json.

def median: sort | if length == 0 then null elif length % 2 == 1 then .[length / 2 | floor]
	else (.[length / 2 - 1] + .[length / 2]) / 2 end;
def us($list): $list | { n: length, median_us: median, min_us: min };
def kind($name): map(select(.kind == $name));

# The first of a kind comes first, whatever its name.
def groups(f): reduce .[] as $s ({ order: [], by: {} };
	($s | f | tostring) as $key
	| if .by[$key] then . else .order += [$key] end
	| .by[$key] += [$s])
	| .by as $by | .order | map($by[.]);

def target($what; $limit; $actual; $unit):
	{ what: $what, target: $limit, actual: $actual, unit: $unit, met: ($actual <= $limit) };
# One that is to be reached, not kept below.
def at_least($what; $limit; $actual; $unit):
	target($what; $limit; $actual; $unit) + { least: true, met: ($actual >= $limit) };

# `floor`: what the ratio would be if the module's own system calls were all there is.
def ratios($load; $what; $limit; $way; $base):
	$load | map(select(.rcu == "normal")) as $list
	| $list[] | select(.way == $way) as $row
	| ($list | map(select(.subject == $row.subject and .op == $row.op)
		| { key: .way, value: .median_us }) | from_entries) as $all
	| target("\($what), \(.op) \(.subject)"; $limit; .median_us / $all[$base]; "x")
	+ { floor: ($all.syscalls / $all[$base]) };

# Where a part was not run, its samples are none.
def some(f): if length > 0 then f else empty end;

# How much sooner or less often the log does it than another way.
def wear_target($wear; $flash; $way; $limit):
	($wear | map(select(.flash == $flash and .way == $way))[0]) as $other
	| ($wear | map(select(.flash == $flash and .way == "log"))[0]) as $log
	| at_least("erases of \($way) over log\u0027s, \($flash), \($log.updates) updates"; $limit;
		$other.erases / ([$log.erases, 1] | max); "x");

def time_target($times; $flash; $medium; $way; $floor):
	($times | map(select(.flash == $flash and .medium == $medium and (.erase | not)))) as $list
	| ($list | map(select(.way == "fw_setenv, redundant"))[0].median_us) as $base
	| ($list | map(select(.way == $way))[0].median_us) as $us
	| target("\($way), over fw_setenv, \($flash)\(if $medium == "none" then
		" that takes no time" else "" end)"; 0.05; $us / $base; "x")
	+ if $floor then { floor: ($floor / $base) } else {} end;

# Reads that each doubling of a partition adds.
def find_target($find):
	$find | group_by(.flash)[] | select(length > 1)
	| sort_by(.kib) | target("reads for each doubling, \(.[0].flash)"; 1;
		(last.reads - first.reads) / ((last.kib / first.kib) | log2); "");

(kind("about")[0] // {}) as $about
| (kind("size") | map(del(.kind))) as $size
# What was measured with fewer updates is given for as many as the others have.
| (kind("wear") | map(select(.by != "program") | del(.kind)) | (map(.updates) | max) as $most
	| groups([.flash, .way]) | map(max_by(.updates) | ($most / .updates) as $times
		| . + { updates: $most, measured: .updates, erases: (.erases * $times),
			most: (.most * $times), programs: (.programs * $times),
			bytes: (.bytes * $times) })) as $wear
| (kind("flag_start") | groups(.what) | map({ what: .[0].what } + us(map(.us)))) as $starts
| (kind("flag_time") | groups([.flash, .medium, .way, .erase]) | map(
	{ flash: .[0].flash, medium: .[0].medium, way: .[0].way, erase: .[0].erase }
	+ us(map(.us)))) as $flat_times
| ($flat_times | map(. as $row | ($flat_times | map(select(.flash == $row.flash
		and .medium == $row.medium and .way == "fw_setenv, redundant"))[0].median_us) as $base
	| $row + { x_setenv: (.median_us / $base) })) as $times
| (kind("register") | groups([.chip, .what, .way]) | map(
	{ chip: .[0].chip, what: .[0].what, way: .[0].way } + us(map(.us)))
	| . as $all | map(. as $row | ($all | map(select(.chip == $row.chip and .what == $row.what
		and .way == "file"))[0].median_us) as $base
	| $row + { x_file: (.median_us / $base) })) as $registers
| (kind("find") | groups([.flash, .kib]) | map(
	{ flash: .[0].flash, kib: .[0].kib, reads: (map(.reads) | max), bytes: (map(.bytes) | max) }
	+ us(map(.us)))) as $find
| (kind("load") | groups([.rcu, .subject, .op, .way]) | map(
	{ rcu: .[0].rcu, subject: .[0].subject, modules: .[0].modules, op: .[0].op,
	  way: .[0].way } + us(map(.us))
	+ { job_us: (map(.job_us) | median) })) as $flat
| ($flat | map(. as $row
	| ($flat | map(select(.rcu == $row.rcu and .subject == $row.subject and .op == $row.op))
		| map({ key: .way, value: .median_us }) | from_entries) as $all
	| $row + { x_modprobe: (.median_us / $all.modprobe),
		   x_busybox: (.median_us / $all.busybox),
		   x_libkmod: (.median_us / $all.libkmod) })) as $load
| (kind("breakdown") | groups([.subject, .op, .way]) | map(
	. as $list | .[0]
	| { subject, op, way, n: ($list | length) }
	+ (del(.kind, .subject, .op, .way) | keys_unsorted
		| map(. as $key | { key: $key, value: ($list | map(.[$key]) | median) })
		| from_entries)
	| . + { own: (.client + .front + .loader + .worker + .program + .kernel + .idle) }
	)) as $breakdown
| (kind("rate") | groups([.size, .connections, .server]) | map(
	.[0] as $one
	| { size: $one.size, connections: $one.connections, server: $one.server,
	    bytes: $one.bytes, n: length, per_s: (map(.per_s) | median),
	    client_us: (map(.client_us) | median),
	    p50_us: (map(.p50_us) | median), p99_us: (map(.p99_us) | median) })) as $rates
| ($rates | map(select(.server == "pvkitd") | . as $row
	| ($rates | map(select(.server == "evhttp" and .size == $row.size
		and .connections == $row.connections))[0]) as $bare
	| $row + { bare_per_s: $bare.per_s, bare_p50_us: $bare.p50_us, bare_p99_us: $bare.p99_us,
		   ratio: ($row.per_s / $bare.per_s),
		   # Only where client and server share one CPU that is never idle.
		   ratio_servers: (if $about.clock == "instructions" then
			(1e6 / $bare.per_s - $bare.client_us) / (1e6 / $row.per_s - $row.client_us)
			else null end) })) as $rate
| (kind("pss_sum") | map(del(.kind))) as $pss
| (kind("scale") | groups(.op) | map(
	{ op: .[0].op, few: us(map(select(.size == "few") | .us)),
	  many: us(map(select(.size == "many") | .us)) }
	| . + { ratio: (.many.median_us / .few.median_us) })) as $scale
| {
	about: ($about | del(.kind)),
	targets: ([
		ratios($load; "REST over modprobe"; 0.6; "rest"; "modprobe"),
		ratios($load; "REST over busybox"; 1; "rest"; "busybox"),
		ratios($load; "control path over libkmod"; 1.1; "netlink"; "libkmod"),
		target("text of pv_driver.ko"; 40;
			($size | map(select(.module == "pv_driver" and (.section | test("text")))
				| .bytes) | add / 1024); "KiB"),
		($rate[] | at_least("GET /drivers over evhttp, \(.connections) conn., \(.size)"; 0.7;
			.ratio; "x")),
		(kind("start") | some(target("start to first answer"; 20;
			(map(.us) | median / 1000); "ms"))),
		($pss | some(target("PSS of all processes, idle"; 4;
			(map(select(.when == "idle"))[0].bytes / 1048576); "MiB"))),
		($pss | some(target("PSS after an hour's requests and two"; 1.01;
			((map(select(.when == "after two"))[0].bytes)
			/ (map(select(.when == "after an hour's requests"))[0].bytes)); "x"))),
		($wear | some(
			wear_target(.; "NOR"; "fw_setenv, redundant", "fw_setenv, single"; 100),
			wear_target(.; "NAND"; "fw_setenv, redundant", "fw_setenv, single";
				0.9 * (map(select(.flash == "NAND"))[0] | .block / .page)))),
		($times | some(("NOR", "NAND") as $flash
			| time_target(.; $flash; "data sheet", "none"; "log, netlink"; null),
			  time_target(.; $flash; "data sheet", "none"; "log, pvkit flag set";
				($starts | map(select(.what == "busybox true"))[0].median_us)))),
		find_target($find)
	]),
	wear: $wear,
	flag_starts: $starts,
	flag_times: $times,
	registers: $registers,
	find: $find,
	rate: $rate,
	put: us(kind("put") | map(.us)),
	events: (kind("event") | groups(.way) | map({ way: .[0].way } + us(map(.us)))),
	start: us(kind("start") | map(.us)),
	pss: { sums: $pss, processes: (kind("pss") | map(del(.kind))) },
	load: $load,
	breakdown: $breakdown,
	steps: (kind("step") | groups(.step) | map({ step: .[0].step } + us(map(.us)))),
	scale: $scale,
	memory: (kind("memory") | map(del(.kind)
		| . + { each: (.objects / .count),
			caches: (.count as $n | .caches | to_entries | sort_by(-.value)
				| map({ cache: .key, each: (.value / $n) })) })),
	size: $size
}
