#!/bin/sh
# SPDX-License-Identifier: MIT
# When a module came in and what brought it in: module-get, and the times of a
# driver. Truth that is in the kernel, whoever has died since.

. "${0%/*}/lib.sh"

# module NAME: what pv_driver knows of it, in $out
module() {
	must module-get "name=$1"
}

unknown() {
	refused ENOENT module-get "name=$1"
	expect_text module
}

# boottime_ns: now, as the kernel counts; /proc/uptime has hundredths of it
boottime_ns() {
	read -r bn_up _ </proc/uptime
	echo "${bn_up%.*}${bn_up#*.}0000000"
}

# expect_between WHAT BEGIN END TIME: all in nanoseconds; /proc/uptime is cut off
expect_between() {
	if [ "${4:-0}" -lt "$2" ] || [ "${4:-0}" -gt $(($3 + 10000000)) ]; then
		broken "$1 between $2 and $3" "${4:-nothing}"
	fi
}

expect_cause() {
	expect "the driver that brought it in (of $out)" "$1" "$(field module.cause-alias)"
	expect "for whom" "$2" "$(field module.cause-container)"
}

expect_no_cause() {
	expect "what brought it in" '' "$(field module.cause-alias)"
	expect_match "no word of a container" '^none$' \
		"$(printf '%s\n' "$out" | grep cause-container || echo none)"
}

test_a_load_of_the_host_is_the_cause_and_the_time_is_that_of_the_load() {
	for loader in modprobe agent; do
		[ "$loader" = modprobe ] || agent
		driver p pvt_plain
		module pvt_plain
		expect "before" 'pvt_plain ' "$(field module)"
		expect "since, before it is there" '' "$(field module.since)"
		expect_no_cause
		begin=$(boottime_ns)
		must_load p
		end=$(boottime_ns)
		module pvt_plain
		expect "after" 'pvt_plain live ours pinned ' "$(field module)"
		expect_cause p ''
		expect_between "in the kernel since" "$begin" "$end" "$(field module.since)"
		must_unload p
		module pvt_plain
		expect_no_cause
		expect "since, when it is gone" '' "$(field module.since)"
	done
}

test_a_dependency_has_the_cause_of_the_load_that_wanted_it() {
	for loader in modprobe agent; do
		[ "$loader" = modprobe ] || agent
		# given a module that nobody names, and one that depends on it
		driver w pvt_dep
		container "$loader" w:manual
		unknown pvt_base
		# when a container loads the latter
		must_load w "container=$loader"
		# then both came in for that container
		for m in pvt_base pvt_dep; do
			module "$m"
			expect_cause w "$loader"
		done
		expect_match "the dependency's flags" '^pvt_base live ours' \
			"$(nl_request module-get name=pvt_base | sed -n 's/^module=//p')"
		must_unload w "container=$loader"
		unknown pvt_base
		must --wait 20000 container-del "container=$loader"
	done
}

test_the_cause_stays_when_the_container_and_the_driver_are_gone() {
	# given two containers that use a driver; the first of them brought it in
	driver w pvt_dep
	container c1 w:manual
	container c2 w:manual
	must_load w container=c1
	must_load w container=c2
	module pvt_dep
	since=$(field module.since)
	# when the first ends, and another of its name is there
	must --wait 20000 container-del container=c1
	must container-new container=c1 "cgroup-fd=$(cgroup_of c1)"
	# then it still was the first
	module pvt_dep
	expect_cause w c1
	expect "since" "$since" "$(field module.since)"
	# and also when the driver is gone and another one holds the module
	driver v pvt_dep
	must_load v
	must_unload w container=c2
	must driver-del alias=w
	module pvt_dep
	expect_cause w c1
	expect "since" "$since" "$(field module.since)"
	must_unload v
	unknown pvt_base
}

test_a_module_that_was_there_before_has_no_cause_and_no_time() {
	modprobe pvt_plain
	driver p pvt_plain
	must_load p
	module pvt_plain
	expect "flags" 'pvt_plain live pinned ' "$(field module)"
	expect_no_cause
	expect "since" '' "$(field module.since)"
}

test_a_module_that_somebody_else_loads_has_a_time_and_no_cause() {
	driver p pvt_plain
	begin=$(boottime_ns)
	modprobe pvt_plain
	end=$(boottime_ns)
	must_load p
	module pvt_plain
	expect "flags" 'pvt_plain live pinned ' "$(field module)"
	expect_no_cause
	expect_between "in the kernel since" "$begin" "$end" "$(field module.since)"
	must_unload p
	expect_live pvt_plain
}

test_what_is_built_in_has_the_flag_and_nothing_else() {
	for name in /sys/module/*/; do
		name=${name#/sys/module/}
		name=${name%/}
		[ ! -e "/sys/module/$name/initstate" ] || continue
		[ "${#name}" -gt 55 ] || break
	done
	driver b "$name"
	must_load b
	module "$name"
	expect "flags" "$name builtin " "$(field module)"
	expect_no_cause
	expect "since" '' "$(field module.since)"
}

test_the_modules_of_a_driver_have_the_same_in_driver_get() {
	driver w pvt_dep
	must_load w
	module pvt_dep
	since=$(field module.since)
	must driver-get alias=w
	expect_cause w ''
	expect "since" "$since" "$(field module.since)"
}

test_a_module_that_no_driver_names_is_not_known() {
	modprobe pvt_plain
	unknown pvt_plain
	unknown no_such_module
	refused EINVAL module-get
	refused 'EINVAL|ERANGE' module-get name=mmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmm
	expect_gone no_such_module
}

test_all_modules_are_listed_each_once() {
	driver a pvt_base pvt_plain
	driver b pvt_plain pvt_dep
	must_load a
	must --dump module-get
	expect "modules" 'pvt_base live ours pinned ;pvt_dep ;pvt_plain live ours pinned ;' \
		"$(field module | sort | tr '\n' ';')"
	# and many, in more than one message
	i=0
	while [ "$i" -lt 300 ]; do
		i=$((i + 1))
		echo "m$i no_such_module_with_a_long_name_number_$i" >"$SYS"/register
	done
	must --dump module-get
	expect "modules" 303 "$(field module | sort -u | wc -l | tr -d ' ')"
	expect "entries" 303 "$(field module | wc -l | tr -d ' ')"
}

test_modules_are_for_the_host_only() {
	driver p pvt_plain
	container c1 p:manual
	must_load p container=c1
	inside_refused EPERM c1 module-get name=pvt_plain
	inside_refused EPERM c1 --dump module-get
	nobody module-get name=pvt_plain
	expect_refusal EPERM "module-get of a user"
	namespaced --dump module-get
	expect_refusal EPERM "module-get of root in a user namespace"
	# not even in what it sees of its driver
	inside c1 driver-get alias=p
	expect_ok
	expect_no_cause
}

test_a_driver_says_since_when_it_is_in_its_state() {
	begin=$(boottime_ns)
	driver p pvt_plain
	must driver-get alias=p
	registered=$(field since)
	expect_between "unloaded since" "$begin" "$(boottime_ns)" "$registered"
	must_load p
	must driver-get alias=p
	loaded=$(field since)
	[ "$loaded" -gt "$registered" ] || broken "loaded after $registered" "$loaded"
	# one more use changes nothing
	container c1 p:manual
	must_load p container=c1
	must driver-get alias=p
	expect "since when it is loaded" "$loaded" "$(field since)"
	# a container sees it too, of what is there
	container c2 p:manual nosuch:manual
	inside c2 driver-get alias=p
	expect "since when, as a container sees it" "$loaded" "$(field since)"
	inside c2 driver-get alias=nosuch
	expect "since when, for one that is not there" '' "$(field since)"
}

test_an_error_has_a_time_of_its_own_and_none_without_it() {
	driver f pvt_fail
	must driver-get alias=f
	expect "error since" '' "$(field error-since)"
	begin=$(boottime_ns)
	load f
	end=$(boottime_ns)
	must driver-get alias=f
	expect_state f failed
	expect_between "error since" "$begin" "$end" "$(field error-since)"
	must driver-new alias=f line=pvt_plain
	must driver-get alias=f
	expect "error since, with other lines" '' "$(field error-since)"
}

run_tests
