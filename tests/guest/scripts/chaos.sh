#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# In a test guest with two nodes: chaos.c, half of the time with workers that let go of their pages
# before they release them, half with some that do not. /bin/chaos, /bin/guestram and
# /bin/qemu-system-standin are in the guest. Arguments: SECONDS SEED.
status=0
for manners in civil rude; do
	/bin/chaos $(($1 / 2)) "$2" $manners 300 || status=1
done
exit $status
