#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# What a contender says beforehand of what it will get: foretell.sh NAME PAGE-KIB PAGES.
# shellcheck source=bench/lab/program.sh
. /lab/program
case $1 in guestram*) ;; *) exit 0 ;; esac
program guestram plan -m "$(($2 * $3 / 1024))M" -p "${2}K" -b dynamic --keep-free $KEEP_FREE --json >/lab/foretold
