#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# The option tables, as --help prints them, against the man page and the completion: the same
# options, letters and arguments in all of them, for each verb.

setup() {
	cd "$BATS_TEST_DIRNAME/../.." || return 1
	GUESTRAM=${GUESTRAM:-build/guestram}
	case $GUESTRAM in */*) GUESTRAM=$(realpath "$GUESTRAM") ;; esac
	page=man/guestram.1.scd
}

verbs() {
	"$GUESTRAM" --help | sed -n 's/^  \([a-z][a-z-]*\)  .*/\1/p'
}

# "-m --memory SIZE" for each option of a verb
help_options() {
	"$GUESTRAM" "$1" --help |
		sed -n 's/^  \(-[a-zA-Z], \|    \)\(--[a-z-]*\)\( [A-Z][A-Z]*\)\{0,1\} .*/\1\2\3/p' |
		sed 's/,//; s/^ *//'
}

# section NAME: its lines of the man page, without the marks
section() {
	sed -n "/^# $1\$/,/^# /p" "$page" | grep -v '^# ' | tr -d '*'
}

names() {
	grep -o -e '--[a-z][a-z-]*' | sort
}

@test "there are verbs" {
	[ "$(verbs | wc -l)" -ge 8 ]
}

@test "--help of every verb: exit 0, standard output only, 100 columns, options that work" {
	for verb in $(verbs); do
		"$GUESTRAM" "$verb" --help >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err"
		[ ! -s "$BATS_TEST_TMPDIR/err" ]
		head -1 "$BATS_TEST_TMPDIR/out" | grep -q "^Usage: guestram $verb "
		[ "$(help_options "$verb" | wc -l)" -ge 3 ]
		[ "$(help_options "$verb" | wc -l)" -eq "$(sed -n '/^Options:/,$p' \
			"$BATS_TEST_TMPDIR/out" | grep -c -- ' --')" ]
		awk 'length > 100 { exit 1 }' "$BATS_TEST_TMPDIR/out"
	done
	run "$GUESTRAM" --help
	[ "$status" -eq 0 ]
}

@test "no verb, a wrong one, a wrong option: exit 2 and nothing on standard output" {
	for arguments in "" "dance" "host --dance" "list --json=1" "release --name x"; do
		# shellcheck disable=SC2086
		run bash -c '"$@" 2>/dev/null' - "$GUESTRAM" $arguments
		[ "$status" -eq 2 ]
		[ -z "$output" ]
	done
}

@test "OPTIONS of the man page: the options of all verbs, with letter and argument" {
	for verb in $(verbs); do
		help_options "$verb"
	done | sort -u >"$BATS_TEST_TMPDIR/help"
	# The switches that say what happens to the memory stand in one line, without letters.
	section OPTIONS | grep '^-' | tr -d '_' | sed '/^--[a-z-]*, --/s/, /\n/g' | tr -d , |
		sort -u >"$BATS_TEST_TMPDIR/man"
	diff "$BATS_TEST_TMPDIR/help" "$BATS_TEST_TMPDIR/man"
}

@test "VERBS of the man page: every verb, with exactly its options" {
	section VERBS | grep -o '^[a-z]\+' | sort >"$BATS_TEST_TMPDIR/man"
	verbs | sort | diff - "$BATS_TEST_TMPDIR/man"
	for verb in $(verbs); do
		help_options "$verb" | names >"$BATS_TEST_TMPDIR/help"
		section VERBS | awk -v verb="$verb" '/^[a-z]/ { mine = $1 == verb }
			mine && /^\tOptions: / || /^Every verb/' | names |
			diff "$BATS_TEST_TMPDIR/help" -
	done
}

@test "the man page names no option that is none" {
	for verb in $(verbs); do
		help_options "$verb"
	done | names | uniq >"$BATS_TEST_TMPDIR/help"
	tr -d '*' <"$page" | names | uniq | comm -13 "$BATS_TEST_TMPDIR/help" - >"$BATS_TEST_TMPDIR/none"
	cat "$BATS_TEST_TMPDIR/none"
	[ ! -s "$BATS_TEST_TMPDIR/none" ]
}

@test "completion: every verb, with exactly its options" {
	# shellcheck disable=SC1091
	. completions/guestram.bash
	# shellcheck disable=SC2154
	printf '%s\n' "${!_guestram_options[@]}" | sort >"$BATS_TEST_TMPDIR/completion"
	verbs | sort | diff - "$BATS_TEST_TMPDIR/completion"
	for verb in $(verbs); do
		help_options "$verb" | names >"$BATS_TEST_TMPDIR/help"
		names <<<"${_guestram_options[$verb]}" | diff "$BATS_TEST_TMPDIR/help" -
	done
}

@test "completion completes" {
	# shellcheck disable=SC1091
	. completions/guestram.bash
	complete_last() {
		COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
		_guestram
		echo "${COMPREPLY[*]}"
	}
	[ "$(complete_last guestram rel)" = release ]
	[ "$(complete_last guestram run --pop)" = --populate ]
	[ "$(complete_last guestram run -b dyn)" = dynamic ]
	[ "$(complete_last guestram host --mem)" = "" ]
	[ "$(complete_last guestram run -- qemu --mem)" = "" ]
}

@test "the man page can be made" {
	command -v scdoc >/dev/null || {
		[ -z "${GUESTRAM_MUST_RUN:-}" ] || { echo "scdoc is not there"; return 1; }
		skip "scdoc is not there"
	}
	scdoc <"$page" >"$BATS_TEST_TMPDIR/guestram.1"
	grep -q '^\.SH NOTES' "$BATS_TEST_TMPDIR/guestram.1"
}

@test "no help text is wider than 80 columns" {
	for verb in "" host plan reserve release list recover run inspect doctor; do
		# shellcheck disable=SC2086
		run "$GUESTRAM" $verb --help
		[ "$status" -eq 0 ]
		! grep -E '.{81}' <<<"$output"
	done
}
