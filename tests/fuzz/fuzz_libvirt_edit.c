// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Any bytes as a domain that is edited. What comes out is a domain again; editing it once more
 * changes nothing; undoing says what the first text said; and a text that holds notes of somebody
 * else's making is never worse than refused. Old hook scripts are read on the way.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/size.h"
#include "base/util.h"
#include "libvirt/edit.h"
#include "libvirt/old_hook.h"
#include "libvirt/xml_spans.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(condition)                                                                           \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			fprintf(stderr, "line %d: %s\n", __LINE__, #condition);                    \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

static void same(const char *a, const char *b)
{
	_cleanup_free_ char *left = NULL, *right = NULL;

	CHECK(gr_xml_spans_canonical(a, strlen(a), &left, NULL) == 0);
	CHECK(gr_xml_spans_canonical(b, strlen(b), &right, NULL) == 0);
	if (strcmp(left, right) != 0)
		fprintf(stderr, "%s\n---\n%s\n", a, b);
	CHECK(strcmp(left, right) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_edit_ struct gr_edit once = { 0 }, twice = { 0 }, back = { 0 }, plain = { 0 };
	_cleanup_old_findings_ struct gr_old_findings found = { 0 };
	_cleanup_free_ char *text = strndup((const char *)data, size), *diff = NULL;
	struct gr_enable how = { .base_page_bytes = 4096, .default_page_bytes = 2 * GR_MIB };
	struct gr_error err = { 0 };
	size_t len;

	CHECK(text);
	len = strlen(text);
	CHECK(gr_old_hook_scan(text, &found) == 0);
	if (size)
		how.backing = data[size - 1] % GR_WANT_COUNT;
	if (gr_edit_disable(text, len, &plain, &err) < 0)
		CHECK(err.message[0]);
	if (gr_edit_enable(text, len, &how, &once, &err) < 0) {
		CHECK(err.message[0]);
		return 0;
	}
	CHECK(gr_diff(text, once.text, &diff) == 0);
	CHECK(gr_edit_disable(once.text, once.len, &back, &err) == 0);
	/* With notes in the first text already, which may be anything, its own undoing came before. */
	if (strstr(text, "undo"))
		return 0;
	CHECK(gr_edit_enable(once.text, once.len, &how, &twice, &err) == 0);
	CHECK(strcmp(once.text, twice.text) == 0);
	same(back.text, text);
	return 0;
}
