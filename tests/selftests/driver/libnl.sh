#!/bin/sh
# SPDX-License-Identifier: MIT
# A client on libnl-genl-3 loads a driver and receives its events.

set -eu
modprobe pv_driver
exec "${0%/*}/libnl_events" libnl-test pvt_dep
