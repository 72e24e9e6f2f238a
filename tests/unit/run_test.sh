#!/bin/sh
# SPDX-License-Identifier: MIT
# tests/run: what its last lines say of what failed, for whoever has only those.
. "${0%/*}/../lib/ktap.sh"

top=$KTAP_DIR/../..
tree=$KTAP_TMP/tree

plan 9

# A tree with this tests/run, and nothing to build.
mkdir -p "$tree/tests/unit" "$tree/bin"
cp "$top/tests/run" "$tree/tests/"
cp -a "$top/tests/lib" "$tree/tests/"
printf '#!/bin/sh\n' >"$tree/bin/make"
chmod +x "$tree/bin/make"

# unit_test NAME: standard input is the script
unit_test() {
	{
		echo '#!/bin/sh'
		cat
	} >"$tree/tests/unit/$1_test.sh"
	chmod +x "$tree/tests/unit/$1_test.sh"
}

# ran: tests/run in that tree; its output is in $out, its status in $status
ran() {
	status=0
	out=$(BUILD="$tree/build" PATH="$tree/bin:$PATH" "$tree/tests/run" --no-deps unit 2>&1) ||
		status=$?
}

# the end of $out: from the line that begins it
told_again() {
	printf '%s\n' "$out" | sed '1,/^# what failed, once more$/d'
}

# given a test that passes, then all that is said is that
unit_test good <<'END'
echo 1..1
echo '# not of interest'
echo 'ok 1 fine'
END
ran
check_eq 'nothing is told again of what passed' "0 1 passed, 0 failed, 0 skipped" \
	"$status $(printf '%s\n' "$out" | tail -n 1)"
check_eq 'not even that it would be' 0 "$(printf '%s\n' "$out" | grep -c 'once more' || :)"

# given one whose second result fails
unit_test bad <<'END'
echo 1..3
echo '# of the first'
echo 'ok 1 fine'
echo '# driver wifi: failed'
echo 'not ok 2 a & b'
echo '# expected: 1'
echo '# got:      2'
for i in 1 2 3 4 5 6 7; do
	echo "# log: line $i"
done
echo 'ok 3 fine'
exit 1
END
ran
check_eq 'a failed result: its name, expected, got, the end of the log; then the count' \
	'failed: unit/bad_test.sh: 2 a & b
    # driver wifi: failed
    # expected: 1
    # got:      2
    [...]
    # log: line 4
    # log: line 5
    # log: line 6
    # log: line 7
failed: unit/bad_test.sh: 1
3 passed, 1 failed, 0 skipped' "$(told_again)"

# given one that dies
rm "$tree/tests/unit/bad_test.sh"
unit_test dies <<'END'
echo 1..2
echo 'ok 1 fine'
echo '==7==ERROR: heap-buffer-overflow'
exit 9
END
ran
check_eq 'one that dies: its last words with each verdict' \
	'failed: unit/dies_test.sh: - unit/dies_test.sh: ended with status 9
    ==7==ERROR: heap-buffer-overflow
failed: unit/dies_test.sh: - unit/dies_test.sh: planned 2 results, gave 1
failed: unit/dies_test.sh: 2
2 passed, 2 failed, 0 skipped' "$(told_again)"

# given results with more to say than anybody wants to read
rm "$tree/tests/unit/dies_test.sh"
unit_test talks <<'END'
echo 1..20
for r in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
	echo "not ok $r talks"
	for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
		echo "# got:      line $i"
	done
done
exit 1
END
ran
check_eq 'of one result the first lines and the last' \
	'    # got:      line 1
    # got:      line 6
    [...]
    # got:      line 18
    # got:      line 20' "$(told_again | sed -n '2p;7,9p;11p')"
check_eq 'of all together 120 lines' 120 \
	"$(told_again | sed '/^# \.\.\./,$d' | wc -l)"
check_match 'and that there is more' '# ... and 100 lines, see above' \
	"$(told_again | sed -n 121p)"
check_eq 'the count is last whatever there is' '1 passed, 20 failed, 0 skipped' \
	"$(printf '%s\n' "$out" | tail -n 1)"
check_eq 'and the status 1' 1 "$status"
finish
