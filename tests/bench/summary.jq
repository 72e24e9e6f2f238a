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
			($size | map(select(.section | test("text")) | .bytes) | add / 1024); "KiB"),
		($rate[] | at_least("GET /drivers over evhttp, \(.connections) conn., \(.size)"; 0.7;
			.ratio; "x")),
		target("start to first answer"; 20;
			(kind("start") | map(.us) | median / 1000); "ms"),
		target("PSS of all processes, idle"; 4;
			($pss | map(select(.when == "idle"))[0].bytes / 1048576); "MiB"),
		target("PSS after an hour's requests and two"; 1.01;
			(($pss | map(select(.when == "after two"))[0].bytes)
			/ ($pss | map(select(.when == "after an hour's requests"))[0].bytes)); "x")
	]),
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
