# SPDX-License-Identifier: MIT
#
# tables: bench.json to text for people.

def pad($n): tostring | . + ([range([$n - length, 0] | max) | " "] | join(""));
def lpad($n): tostring | ([range([$n - length, 0] | max) | " "] | join("")) + .;
# A number with a fixed count of decimals.
def fixed($d): (if $d == 3 then 1000 elif $d == 2 then 100 elif $d == 1 then 10 else 1 end) as $m
	| (. * $m | round) as $n
	| if $d == 0 then "\($n)"
	  else "\($n / $m | trunc).\($n % $m | if . < 0 then -. else . end | tostring
		| ([range($d - length) | "0"] | join("")) + .)" end;
def ms: . / 1000 | fixed(2);
def percent($of): if $of == 0 then "-" else (100 * . / $of | fixed(1)) + " %" end;

# A section of which nothing was measured is left out.
def section($list; f): if ($list | length) > 0 then "", f else empty end;

def ways: {
	"rest": "REST, one kept connection, client in C",
	"curl": "REST, curl",
	"netlink": "netlink, libpvkit in C",
	"sysfs": "sysfs control, agent",
	"sysfs-helper": "sysfs control, no agent (modprobe)",
	"modprobe": "modprobe (kmod)",
	"modprobe-each": "modprobe (kmod), a process each line",
	"busybox": "modprobe (busybox)",
	"busybox-each": "modprobe (busybox), a process each line",
	"libkmod": "bare libkmod, one warm process",
	"syscalls": "the system calls alone: the floor"
};
def steps: {
	"wakeup": "a byte to another process and back",
	"status": "netlink: STATUS",
	"whois": "netlink: WHOIS, who is behind a connection",
	"http": "REST: GET /drivers on a kept connection, nobody asked",
	"connect": "REST: the same on a new connection, WHOIS with it",
	"resident": "netlink: load of what is loaded, no agent",
	"process": "modprobe --version: start and end of a process",
	"static-process": "busybox true: the same, linked statically"
};

def load_rows($list; $subject):
	($list | map(select(.subject == $subject and .op == "load"))) as $loads
	| ($list | map(select(.subject == $subject and .op == "unload"))) as $unloads
	| ("" | pad(40)) + ("load, ms" | lpad(10)) + ("min" | lpad(9)) + ("x modp." | lpad(8))
		+ ("x libk." | lpad(8)) + ("unload, ms" | lpad(12)) + ("min" | lpad(9))
		+ ("x modp." | lpad(8)) + ("x libk." | lpad(8)),
	  ($loads[] | . as $l | ($unloads | map(select(.way == $l.way))[0]) as $u
		| (ways[.way] | pad(40)) + (.median_us | ms | lpad(10)) + (.min_us | ms | lpad(9))
		+ (.x_modprobe | fixed(2) | lpad(8)) + (.x_libkmod | fixed(2) | lpad(8))
		+ ($u.median_us | ms | lpad(12)) + ($u.min_us | ms | lpad(9))
		+ ($u.x_modprobe | fixed(2) | lpad(8)) + ($u.x_libkmod | fixed(2) | lpad(8)));

def load_table($rcu):
	map(select(.rcu == $rcu)) as $list
	| reduce $list[].subject as $s ([]; if index([$s]) then . else . + [$s] end)
	| .[] as $subject
	| ($list | map(select(.subject == $subject))) as $rows
	| "",
	  "\($subject) (\(if $rows[0].modules == 1 then "1 module" else
		"\($rows[0].modules) modules" end), \($rows[0].n) rounds)",
	  load_rows([ways | keys_unsorted[] as $way | $rows[] | select(.way == $way)]; $subject);

def shares: ["total", "module", "wait", "own", "client", "front", "loader", "worker", "kernel",
	"program", "idle"];

# In words what the rows above it say.
def words($subject; $op):
	map(select(.subject == $subject and .op == $op)) as $rows
	| ($rows | map(select(.way == "rest"))[0]) as $r
	| ($rows | map(select(.way == "modprobe"))[0]) as $m
	| ($rows | map(select(.way == "busybox"))[0]) as $b
	| ($rows | map(select(.way == "libkmod"))[0]) as $k
	| ($r.module + $r.wait) as $kernel
	| "\($op) \($subject): of REST's \($r.total | ms) ms the module's own system calls take \(
		$kernel | ms) (\($kernel | percent($r.total))), \($r.wait | ms) of it waiting.",
	  "  Left are \($r.own | ms) ms that are pvkit's: \($r.worker | ms) libkmod in the worker, \(
		$r.loader | ms) the agent, \($r.kernel | ms) pv_driver and wake-ups, \(
		$r.front | ms) HTTP.",
	  "  Against that modprobe takes \($m.own | ms) ms of its own (\(
		$r.own / $m.own | fixed(2)) x), busybox \($b.own | ms) (\(
		$r.own / $b.own | fixed(2)) x), bare libkmod \($k.own | ms).";

# ---- boot flags ----

def wear_table:
	"WEAR, one flag changed \(.wear[0].updates) times; all ways on flash of the same size",
	"(worst: erases of the block that has most; fw_setenv, its library in a loop: see flag_wear.c;",
	"*: measured with fewer updates, and given for as many)",
	"", ("" | pad(28)) + ("erases" | lpad(10)) + ("worst" | lpad(10))
		+ ("bytes programmed" | lpad(18)) + ("x log\u0027s erases" | lpad(16)),
	(.wear as $all | $all[] | . as $row
		| ($all | map(select(.flash == $row.flash and .way == "log"))[0].erases | [., 1] | max) as $log
		| (if .way == "log" then "\(.flash), \(.blocks) blocks of \(.block / 1024) KiB" else empty
			end),
		  ("  " + .way + (if .measured < .updates then " *" else "" end) | pad(28))
			+ (.erases | lpad(10)) + (.most | lpad(10))
			+ (.bytes | lpad(18)) + (.erases / $log | fixed(1) | lpad(16)));

def time_table:
	"ONE UPDATE OF A FLAG, milliseconds; x: fw_setenv, redundant, on the same flash = 1",
	"(data sheet: NOR 0.4 ms a page, 150 ms an erase; NAND 0.3 and 2; reading takes no time)",
	"", ("" | pad(34)) + ("no time" | lpad(10)) + ("x" | lpad(8)) + ("data sheet" | lpad(12))
		+ ("x" | lpad(8)),
	(.flag_times as $all | ("NOR", "NAND") as $flash
		| $flash, ($all[] | select(.flash == $flash and .medium == "data sheet") | . as $row
			| ($all | map(select(.flash == $flash and .medium == "none"
				and .way == $row.way and (.erase | not)))[0]) as $none
			| ("  " + .way + (if .erase then ", with an erase" else "" end) | pad(34))
			+ (if .erase then "-" | lpad(10) else $none.median_us | ms | lpad(10) end)
			+ (if .erase then "" | lpad(8) else $none.x_setenv | fixed(3) | lpad(8) end)
			+ (.median_us | ms | lpad(12)) + (.x_setenv | fixed(3) | lpad(8)))),
	"Starting and ending a process:",
	(.flag_starts[] | ("  " + .what | pad(34)) + (.median_us | ms | lpad(10)));

def register_table:
	"ONE WRITE OF A REGISTER, microseconds; x: the nvmem device\u0027s own file = 1",
	(.registers as $all | $all[]
		| (if .way == "file" then "\(.chip), \(.what)" else empty end),
		  ("  " + .way | pad(34)) + (.median_us | fixed(1) | lpad(10))
			+ (.x_file | fixed(1) | lpad(8)));

def find_table:
	"FINDING THE NEWEST RECORD in a log that fills its partition; most of some tries",
	"", ("" | pad(28)) + ("KiB" | lpad(8)) + ("reads" | lpad(8)) + ("bytes" | lpad(10))
		+ ("us" | lpad(8)),
	(.find[] | (.flash | pad(28)) + (.kib | lpad(8)) + (.reads | lpad(8))
		+ (.bytes | lpad(10)) + (.median_us | fixed(0) | lpad(8)));

"pvkit's speed and size: Linux \(.about.kernel), QEMU without KVM, \(
	if .about.clock == "instructions" then
		"one CPU, 1 instruction = 1 ns (not wall time)"
	else "two CPUs, wall time" end), \(.about.seconds) s",
"",
"TARGETS (a ratio is of medians; floor: the module's own system calls alone, or of pvkit flag set",
"a process that does nothing)",
("" | pad(76)) + ("target" | lpad(10)) + ("actual" | lpad(12)) + ("floor" | lpad(10)),
(.targets[] | (.what | pad(76)) + ((if .unit == "x" then .target | fixed(2) else .target
	| fixed(1) end) + " " + .unit | lpad(10))
	+ ((if .unit == "x" then .actual | fixed(3) else .actual | fixed(1) end) + " " + .unit
	| lpad(12)) + (if .floor then .floor | fixed(3) + " x" else "" end | lpad(10))
	+ (if .met then "  met" elif .floor and .floor > .target then "  MISSED, out of reach"
	else "  MISSED" end)),
section(.load;
"LOADING AND UNLOADING, medians; x modp.: modprobe's = 1, x libk.: bare libkmod's = 1",
(.load | load_table("normal")),
"",
"THE SAME WITHOUT THE KERNEL'S WAITS FOR RCU (echo 1 >/sys/kernel/rcu_expedited)",
(.load | load_table("expedited"))),
section(.breakdown;
"WHERE THE TIME GOES, microseconds, medians, traced (which costs some itself)",
"module: finit_module, delete_module at work; wait: the same, asleep; own: all the rest, which is",
"client .. idle. kernel: pv_driver's work item, wake-ups; program: a process started for it",
"",
("" | pad(25)) + ([shares[] | lpad(8)] | join("")) + ("syscalls" | lpad(10)),
(.breakdown[] | . as $row | ("\(.op) \(.subject)" | pad(16)) + (.way | pad(9))
	+ ([shares[] | $row[.] | fixed(0) | lpad(8)] | join(""))
	+ (.syscalls | fixed(0) | lpad(10))),
"",
(.breakdown | words("dummy"; "load"), words("iwlwifi"; "load"), words("five"; "load"),
	words("dummy"; "unload"), words("iwlwifi"; "unload"), words("five"; "unload"))),
section(.rate;
"GET /drivers, REQUESTS A SECOND beside a bare evhttp that answers as many bytes",
"(client: its CPU time for a request, us; servers: the ratio without it)",
("" | pad(42)) + ("conn." | lpad(6)) + ("bytes" | lpad(8)) + ("pvkitd" | lpad(9))
	+ ("evhttp" | lpad(9)) + ("ratio" | lpad(8)) + ("client" | lpad(8))
	+ ("servers" | lpad(9)) + ("p50, us" | lpad(9)) + ("p99" | lpad(8))
	+ ("evhttp" | lpad(9)) + ("p99" | lpad(8)),
(.rate[] | (.size | pad(42)) + (.connections | lpad(6)) + (.bytes | lpad(8))
	+ (.per_s | fixed(0) | lpad(9)) + (.bare_per_s | fixed(0) | lpad(9))
	+ (.ratio | fixed(2) | lpad(8)) + (.client_us | fixed(1) | lpad(8))
	+ (if .ratio_servers then .ratio_servers | fixed(2) else "-" end | lpad(9))
	+ (.p50_us | fixed(0) | lpad(9))
	+ (.p99_us | fixed(0) | lpad(8)) + (.bare_p50_us | fixed(0) | lpad(9))
	+ (.bare_p99_us | fixed(0) | lpad(8))),
"",
"PUT on a loaded driver: \(.put.median_us | fixed(0)) us (min \(.put.min_us | fixed(0)))",
(.events[] | "from the module live to a subscriber over \(.way): \(
	.median_us | fixed(0)) us (min \(.min_us | fixed(0)))"),
"pvkitd from its start to the first answer: \(.start.median_us | ms) ms (min \(
	.start.min_us | ms))",
"",
"PSS of pvkitd, KiB",
(.pss.sums[] | "    \(.bytes / 1024 | fixed(0) | lpad(6))  \(.when), \(.processes) processes"),
(.pss.processes[] | select(.when == "idle")
	| "    \(.bytes / 1024 | fixed(0) | lpad(6))  \(.process), idle")),
section(.steps;
"SINGLE STEPS, microseconds",
("" | pad(60)) + ("median" | lpad(10)) + ("min" | lpad(10)),
(.steps[] | (steps[.step] | pad(60)) + (.median_us | fixed(0) | lpad(10))
	+ (.min_us | fixed(0) | lpad(10)))),
section(.scale;
"SCALE, microseconds: 10 aliases and 1 container, 1,000 aliases and 200 containers",
("" | pad(40)) + ("10, 1" | lpad(10)) + ("min" | lpad(10)) + ("1000, 200" | lpad(12))
	+ ("min" | lpad(10)) + ("ratio" | lpad(10)),
(.scale[] | (.op | pad(40)) + (.few.median_us | fixed(0) | lpad(10))
	+ (.few.min_us | fixed(0) | lpad(10)) + (.many.median_us | fixed(0) | lpad(12))
	+ (.many.min_us | fixed(0) | lpad(10)) + (.ratio | fixed(2) | lpad(10)))),
section(.memory;
"MEMORY, bytes of slab objects (of slab pages; less MemAvailable)",
(.memory[] | if .what == "left over" then
	"left over when all is gone: \(.objects) (\(.slab); \(.available))"
else
	"each \(.what), of \(.count): \(.each | fixed(0)) (\(.slab / .count | fixed(0)); \(
		.available / .count | fixed(0)))",
	(.caches[] | "    \(.each | fixed(0) | lpad(6))  \(.cache)")
end)),
section(.wear; wear_table),
section(.flag_times; time_table),
section(.registers; register_table),
section(.find; find_table),
"",
"SIZE of the modules, bytes",
(.size[] | "    \(.bytes | lpad(6))  \(.module)  \(.section)")
