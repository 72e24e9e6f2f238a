#!/bin/sh
# SPDX-License-Identifier: MIT
# podman with crun, cgroups made by systemd: the tests of podman_tests.sh.
# vm: own timeout=600

# shellcheck disable=SC2034 # for the tests
RUNTIME=crun MANAGER=systemd
# shellcheck source=tests/selftests/runtimes/podman_tests.sh
. "${0%/*}/podman_tests.sh"
