#!/bin/sh
# SPDX-License-Identifier: MIT
# podman with crun, cgroups made by cgroupfs: those of podman_tests.sh that cgroups
# make a difference to.
# vm: timeout=400

# shellcheck disable=SC2034 # for the tests
RUNTIME=crun MANAGER=cgroupfs
ONLY='command_line|exec|cgroup_below|each_way|conmon|pod'
# shellcheck source=tests/selftests/runtimes/podman_tests.sh
. "${0%/*}/podman_tests.sh"
