#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Sourced by what runs in the guest, which has no loader and no libraries of its own.
# shellcheck disable=SC2034 # used by who sources this
KEEP_FREE=128M
program() { # NAME ARG...
	file=/lab/$1
	shift
	/lab/ld-linux-x86-64.so.2 --library-path /lab "$file" "$@"
}
