// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Remedies in the words of libvirt: the layers below speak of options of the command line, which
 * whoever reads virsh's error has never typed.
 */
#include "libvirt/hook.h"

#include <stdio.h>
#include <string.h>

#include "base/util.h"

static const struct {
	const char *from, *to; /* NULL: what follows goes as well */
} rows[] = {
	{ ": -m ", NULL },
	{ "--keep-free SIZE sets", "keep_free in guestram.conf sets" },
	{ "with --keep-free", "with keep_free in guestram.conf" },
	{ "(--timeout SECONDS)", "(hook_timeout in guestram.conf, timeout of the policy)" },
	{ "try --page-size", "try `guestram libvirt enable` with --page-size" },
	{ "try a smaller VM, --backing thp", "try less <memory>, `guestram libvirt enable` with "
					     "--backing thp" },
};

void gr_hook_words(struct gr_error *err)
{
	for (size_t i = 0; i < GR_ARRAY_SIZE(rows); i++) {
		char text[sizeof(err->hint)];
		char *at = strstr(err->hint, rows[i].from);

		if (!at)
			continue;
		snprintf(text, sizeof(text), "%.*s%s%s", (int)(at - err->hint), err->hint,
			 rows[i].to ? rows[i].to : "",
			 rows[i].to ? at + strlen(rows[i].from) : "");
		memcpy(err->hint, text, sizeof(text));
	}
}
