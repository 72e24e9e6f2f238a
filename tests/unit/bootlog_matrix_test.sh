#!/bin/sh
# SPDX-License-Identifier: MIT
# The log format: the whole matrix of power cuts, without sanitizers; the same without
# one of the two rules that it stands on, which must be noticed; and the reader as a
# bootloader compiles it. PVKIT_MATRIX=full cuts each byte of large blocks too.
# vm: timeout=600
. "${0%/*}/../lib/ktap.sh"

cc=${CC:-cc}
top=$KTAP_DIR/../..
lib=$top/tests/lib
cd "$KTAP_TMP"

compilers=
for c in "$cc" "$cc -m32" clang aarch64-linux-gnu-gcc arm-linux-gnueabihf-gcc; do
	# shellcheck disable=SC2086 # a compiler and an option
	if echo 'int x;' | $c -ffreestanding -x c -c -o probe.o - 2>/dev/null; then
		compilers="$compilers;$c"
	fi
done
n_compilers=$(echo "${compilers#;}" | tr ';' '\n' | wc -l)
plan $((8 + 3 * n_compilers))

# program NAME [OPTION...]: the matrix with those options, and how to run it
program() {
	name=$1
	shift
	"$cc" -std=gnu11 -D_GNU_SOURCE -O2 -Wall -Wextra -Wshadow "$@" \
		-I"$top/include" -I"$lib" -o "$name" "$lib/bootlog_matrix.c"
}

# --- every byte -------------------------------------------------------------------------

check 'the matrix compiles' program matrix
matrix_passes() {
	./matrix >matrix.out 2>&1 || {
		sed -n '/^not ok/,$s/^/# /p' matrix.out
		return 1
	}
}
check 'power cut at every byte of 1,000 updates: old or new, never others, never none' \
	matrix_passes
sed -n 's/^ok [0-9]* /# /p' matrix.out
cuts=$(sed -n 's/.* updates, \([0-9]*\) cuts$/\1/p' matrix.out | awk '{ n += $1 } END { print n + 0 }')
check "more than a million cuts were made: $cuts" test "$cuts" -gt 1000000

# --- without a rule, it is noticed --------------------------------------------------------

# noticed NAME REGEX: a medium of that name must have failed
noticed() {
	grep -q "^not ok [0-9]* $2" "$1.out" || {
		sed 's/^/# /' "$1.out"
		return 1
	}
}
check 'the matrix compiles without the read-back' \
	program no_read_back -DPVB_LOG_MUTANT_NO_READ_BACK
./no_read_back 60 >no_read_back.out 2>&1 || :
check 'without the read-back, programs that fail unseen lose a record' \
	noticed no_read_back 'NOR.*fails unseen'
check 'and a copy' noticed no_read_back 'copies.*fails unseen'
check 'the matrix compiles without the protection of the old copy' \
	program no_old_copy -DPVB_LOG_MUTANT_NO_OLD_COPY
./no_old_copy 60 >no_old_copy.out 2>&1 || :
check_eq 'without the protection of the old copy, not one medium passes' 0 \
	"$(grep -c '^ok' no_old_copy.out)"

# --- a bootloader's compiler ----------------------------------------------------------------

# freestanding COMPILER...: no libc, no headers but the compiler's own
freestanding() {
	"$@" -std=gnu11 -Os -ffreestanding -nostdinc -isystem "$("$@" -print-file-name=include)" \
		-Wall -Wextra -Wshadow -Wconversion -Werror -fno-stack-protector \
		-fno-asynchronous-unwind-tables -fno-pic -I"$top/include" \
		-c -o reader.o "$lib/bootlog_reader.c"
}
# Where the machine can't divide a bootloader brings a function that does.
cat >divide.c <<'END'
unsigned int __aeabi_uidiv(unsigned int a, unsigned int b);
unsigned int __aeabi_uidiv(unsigned int a, unsigned int b)
{
	unsigned int n = 0;

	for (; a >= b; a -= b)
		n++;
	return n;
}

/* The quotient in the lower half, the remainder in the upper. */
unsigned long long __aeabi_uidivmod(unsigned int a, unsigned int b);
unsigned long long __aeabi_uidivmod(unsigned int a, unsigned int b)
{
	unsigned int n = __aeabi_uidiv(a, b);

	return (unsigned long long)(a - n * b) << 32 | n;
}
END
linked() {
	"$@" -Os -ffreestanding -fno-pic -c -o divide.o divide.c &&
		"$@" -nostdlib -static -no-pie -Wl,--entry=boot_slot,--no-undefined \
			-o reader reader.o divide.o
}

echo "${compilers#;}" | tr ';' '\n' >compilers
# shellcheck disable=SC2086 # a compiler and an option
while read -r c; do
	check "$c: compiles the reader without a libc" freestanding $c
	check "$c: and links it without one" linked $c
	check_eq "$c: nothing is left undefined" '' "$(nm -u reader.o | grep -v __aeabi_uidiv)"
	echo "# $c: $(size reader.o | awk 'NR == 2 { print $1 " bytes of code, " $3 " of data" }')"
done <compilers
finish
