#!/bin/sh
# SPDX-License-Identifier: MIT
# What Documentation/bootflag.md, README.md and init/examples have for the reader to type
# or to install does what they say, as it is printed there.
# vm: outside timeout=300

top=$(cd "${0%/*}/../../.." && pwd)
misc=$(mktemp "${TMPDIR:-/tmp}/pvkit-doc.XXXXXX")
trap 'rm -f "$misc"' EXIT
truncate -s 1M "$misc"
"$top/scripts/vm" --kernel "${KERNEL:-6.1}" --timeout $((250 * ${PVKIT_SLOW:-1})) --disk "$misc" \
	--add "$top/Documentation/bootflag.md:/usr/lib/pvkit/doc/bootflag.md" \
	--add "$top/README.md:/usr/lib/pvkit/doc/README.md" \
	--add "$top/init/examples:/usr/lib/pvkit/doc/examples" --log "${LOGS:-$misc}.kernel" \
	/usr/lib/pvkit/tests/selftests/bootflag/doc_within
