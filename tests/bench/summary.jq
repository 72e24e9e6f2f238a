# SPDX-License-Identifier: MIT
#
# summary: samples.jsonl, as one array, to bench.json.

def median: sort | if length % 2 == 1 then .[length / 2 | floor]
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

# `floor`: what the ratio would be if the module's own system calls were all there is.
def ratios($load; $what; $limit; $way; $base):
	$load | map(select(.rcu == "normal")) as $list
	| $list[] | select(.way == $way) as $row
	| ($list | map(select(.subject == $row.subject and .op == $row.op)
		| { key: .way, value: .median_us }) | from_entries) as $all
	| target("\($what), \(.op) \(.subject)"; $limit; .median_us / $all[$base]; "x")
	+ { floor: ($all.syscalls / $all[$base]) };

(kind("about")[0] // {}) as $about
| (kind("size") | map(del(.kind))) as $size
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
			($size | map(select(.section | test("text")) | .bytes) | add / 1024); "KiB")
	]),
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
